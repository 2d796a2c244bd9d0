package compact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/offline/history/table"
	"anabranch.dev/anabranch/offline/history/tail"
	"anabranch.dev/anabranch/offline/manifest"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Compactor keeps one events table up to its log.
type Compactor struct {
	cfg    Config
	id     manifest.ID
	stream *definition.Stream
	entity *definition.Entity
	hash   string
	layout *table.Layout
	buffer *buffer
}

// New checks the configuration; nothing is read or written yet.
func New(cfg Config) (*Compactor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Compactor{cfg: cfg, stream: cfg.Project.Stream(cfg.Stream)}
	c.entity = cfg.Project.Entity(c.stream.Entity)
	c.hash = definition.StreamHash(cfg.Project, c.stream)
	c.layout = table.Full(c.stream, c.entity)
	c.buffer = newBuffer(c.layout)
	c.id = manifest.ID{Project: cfg.Project.Name, Stream: cfg.Stream, Source: cfg.Origin}
	return c, nil
}

// Run compacts now and again after every pause, until ctx ends or compaction halts: because of a gap, another log, or a
// definition that the log cannot be read under any more. Any other failure is logged and tried again.
func (c *Compactor) Run(ctx context.Context, every time.Duration) error {
	for {
		res, err := c.RunOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case halts(err):
			return err
		case err != nil:
			c.cfg.Log.Error("compaction failed and will be tried again", "table", c.id, "error", err)
		case res.Files > 0 || res.Merged > 0:
			c.cfg.Log.Info("compacted", "table", c.id, "events", res.Events, "files", res.Files, "bytes", res.Bytes, "merged", res.Merged)
		}
		t := time.NewTimer(every)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// halts reports whether an error does not pass without a person.
func halts(err error) bool {
	var gap *kafka.GapError
	var identity *kafka.IdentityError
	var changed *DefinitionError
	return errors.As(err, &gap) || errors.As(err, &identity) || errors.As(err, &changed)
}

// run is one RunOnce.
type run struct {
	*Compactor
	log      manifest.Log
	ends     []int64
	m        manifest.Manifest // the newest known
	res      Result
	progress Progress
}

// RunOnce brings the table up to the committed ends of the log, as they are when it starts, merges, and cleans up. What
// it did is in the result, also beside an error.
func (c *Compactor) RunOnce(ctx context.Context) (Result, error) {
	r := &run{Compactor: c, progress: Progress{Stream: c.cfg.Stream}}
	err := r.all(ctx)
	r.res.Manifest, r.res.Frontier = r.m.Number, r.m.Frontier()
	if err != nil {
		err = fmt.Errorf("compact %s: %w", c.id, err)
	}
	return r.res, err
}

func (r *run) all(ctx context.Context) (err error) {
	if r.m, err = manifest.Load(ctx, r.cfg.Store, r.id); err != nil {
		return err
	}
	if r.log, err = tail.Identify(ctx, r.cfg.Kafka, r.stream); err != nil {
		return err
	}
	if r.ends, err = tail.Ends(ctx, r.cfg.Kafka, r.stream.Topic, r.stream.Partitions); err != nil {
		return err
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	stuck := r.catchUp(ctx)
	if stuck != nil && !isSchema(stuck) {
		return stuck
	}
	return errors.Join(stuck, r.merge(ctx), r.clean(ctx))
}

func isSchema(err error) bool {
	var e *tail.SchemaError
	return errors.As(err, &e)
}

// begin makes sure that the table is one of this definition and this log.
func (r *run) begin(ctx context.Context) error {
	if r.m.Number == 0 {
		return r.commit(ctx, manifest.Rewrite{Header: r.header(), Starts: r.starts()})
	}
	have := r.m.Header
	if have.StreamHash == r.hash || have.Log.Topic == r.log.Topic {
		if err := tail.Same(have.Log, r.log); err != nil {
			return err
		}
	}
	if have.StreamHash == r.hash {
		return nil
	}
	return r.rewrite(ctx)
}

func (r *run) header() manifest.Header {
	return manifest.Header{StreamHash: r.hash, Schema: r.stream.Schema, Log: r.log}
}

// starts is where the table begins: where it began before, else where the configuration says.
func (r *run) starts() []manifest.Partition {
	list := make([]manifest.Partition, r.stream.Partitions)
	for i := range list {
		list[i].Epoch = -1
		switch {
		case r.m.Number > 0 && r.m.Header.Log == r.log && i < len(r.m.Partitions):
			list[i].Start = r.m.Partitions[i].Start
		case r.cfg.Starts != nil:
			list[i].Start = r.cfg.Starts[i]
		}
		list[i].Mark = list[i].Start
	}
	return list
}

// commit publishes a change to the table, again after each conflict.
func (r *run) commit(ctx context.Context, change manifest.Change) error {
	writer := r.cfg.NewID()
	m, err := manifest.Update(ctx, r.cfg.Store, r.m, func(m manifest.Manifest) (manifest.Manifest, error) {
		return manifest.Next(m, writer, stamp.FromTime(r.cfg.Now()), change)
	})
	r.m = m
	return err
}

// rewrite writes the whole table anew and replaces the old one in one commit, so that a crash, or a log that loses its
// beginning meanwhile, leaves the old one as it was.
func (r *run) rewrite(ctx context.Context) error {
	old := r.m.Header.StreamHash
	r.cfg.Log.Info("the stream's definition has changed: writing its table anew", "table", r.id, "have", old, "want", r.hash)
	var files []manifest.File
	err := r.read(ctx, r.starts(), func(f manifest.File) (bool, error) {
		files = append(files, f)
		return true, nil
	})
	if gap := (*kafka.GapError)(nil); errors.As(err, &gap) {
		return &DefinitionError{Table: r.id, Have: old, Want: r.hash, Err: err}
	}
	if err != nil {
		return err
	}
	if err := r.commit(ctx, manifest.Rewrite{Header: r.header(), Starts: r.starts(), Files: files}); err != nil {
		return err
	}
	r.res.Rewritten = true
	for _, f := range files {
		if !lists(r.m, []string{f.Name}) { // another compactor has written the table anew
			r.drop(ctx, f)
		}
	}
	return nil
}

// catchUp extends the table to the ends. After each lost race it begins again at the winner's marks.
func (r *run) catchUp(ctx context.Context) error {
	for {
		lost := false
		err := r.read(ctx, r.m.Partitions, func(f manifest.File) (bool, error) {
			err := r.commit(ctx, manifest.Add{File: f})
			if overlap := (*manifest.OverlapError)(nil); errors.As(err, &overlap) {
				lost = true
				r.drop(ctx, f)
				return false, nil
			}
			return true, err
		})
		if err != nil || !lost {
			return err
		}
		if r.m.Header.StreamHash != r.hash {
			return &DefinitionError{Table: r.id, Have: r.m.Header.StreamHash, Want: r.hash, Err: errors.New("another compactor works under that definition")}
		}
	}
}

// drop deletes a file that is in no manifest and never will be: its commit lost, and that is certain.
func (r *run) drop(ctx context.Context, f manifest.File) {
	r.res.Lost++
	r.res.Files--
	r.res.Bytes -= f.Length
	r.res.Events -= f.Rows
	r.res.Quarantined -= f.Quarantined
	if err := r.cfg.Store.Delete(ctx, r.id.File(f.Name)); err != nil {
		r.cfg.Log.Warn("a file that lost its race stays behind", "file", r.id.File(f.Name), "error", err)
	}
}

// read makes files of the log from the marks of partitions to the ends, one for each cycle, and hands each to keep, until
// keep says that the marks are no longer the table's.
func (r *run) read(ctx context.Context, partitions []manifest.Partition, keep func(manifest.File) (bool, error)) error {
	from := make([]tail.From, len(partitions))
	for i, p := range partitions {
		from[i] = tail.From{Mark: p.Mark, Epoch: p.Epoch}
	}
	r.setOut(from)
	log, err := tail.Open(ctx, tail.Config{
		Kafka: r.cfg.Kafka, Registry: r.cfg.Registry, Stream: r.stream, Entity: r.entity,
		Log: r.log, From: from, Ends: r.ends, Patience: r.cfg.Patience,
	})
	if err != nil {
		return err
	}
	defer log.Close()
	passed := make([]int64, len(from)) // quarantined records that are in earlier files
	for more := true; more; {
		if more, err = r.fill(ctx, log); err != nil {
			return err
		}
		f, ok, err := r.writeCycle(ctx, from, log.States(), passed)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if valid, err := keep(f); err != nil || !valid {
			return err
		}
		for i, s := range log.States() {
			from[i].Mark, from[i].Epoch, passed[i] = s.Mark, s.Epoch, s.Quarantined
		}
	}
	return log.Err()
}

// setOut begins to count progress from these marks.
func (r *run) setOut(from []tail.From) {
	r.progress.Read, r.progress.Total = 0, 0
	for i, f := range from {
		r.progress.Total += max(r.ends[i]-f.Mark.Next, 0)
	}
}

// fill reads until the buffer has reached a bound; false if nothing is left to read.
func (r *run) fill(ctx context.Context, log *tail.Reader) (bool, error) {
	r.buffer.reset()
	before := covered(log.States())
	defer func() { r.progress.Read += covered(log.States()) - before; r.cfg.Progress(r.progress) }()
	for r.buffer.batch.Rows < r.cfg.MaxRows && r.buffer.bytes < r.cfg.MaxBytes {
		err := log.Read(ctx, r.cfg.MaxRows-r.buffer.batch.Rows, r.buffer.add)
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

func covered(states []tail.State) (n int64) {
	for _, s := range states {
		n += s.Mark.Next
	}
	return n
}

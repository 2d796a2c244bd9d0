package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/materializer/intake"
	"anabranch.dev/anabranch/materializer/serve"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

type produceCmd struct {
	where `group:"where"`

	Stream  string            `arg:"" help:"The stream to send to."`
	Input   string            `help:"File of events, or - for standard input." required:"" placeholder:"FILE"`
	Format  string            `help:"jsonl, csv, parquet or avro; default by the file's extension." placeholder:"NAME"`
	Map     map[string]string `help:"Read a field from a column of another name." placeholder:"FIELD=COLUMN" mapsep:","`
	Rate    float64           `help:"At most so many events per second; 0 is as fast as it goes." default:"0" placeholder:"N"`
	Wait    bool              `help:"Wait until every region's frontier covers the events."`
	Timeout time.Duration     `help:"How long --wait waits before it gives up with exit code 3." default:"5m"`
	Rejects string            `help:"Write bad rows here, one JSON object a line, and send the others." placeholder:"FILE"`
}

// Help shows an example.
func (c *produceCmd) Help() string {
	return "Example:\n  anabranch produce flights --input flights.jsonl.gz --map departed_at=date --wait\n\n" +
		"The file is checked whole before its first event is sent. Columns that are no field of the schema are left out, and named."
}

type produceJSON struct {
	Produced int64    `json:"produced"`
	Rejected int64    `json:"rejected"`
	Token    string   `json:"token"`
	Ignored  []string `json:"ignored_columns"`
	Region   string   `json:"region"`
}

// Run checks the file, sends it, and waits if asked to.
func (c *produceCmd) Run(ctx context.Context, out *output) error {
	e, err := c.find(ctx)
	if err != nil {
		return err
	}
	s, err := currentCatalogue(ctx, e, c.where.Project)
	if err != nil {
		return err
	}
	if s.Project.Stream(c.Stream) == nil {
		return usage("project %s has no stream %s, only %s", s.Project.Name, c.Stream, strings.Join(streamNames(s.Project), ", "))
	}
	pl := e.place(s.Project.Regions[0])
	if c.Region != "" || pl == nil {
		pl = &e.places[0]
	}
	in, err := openInputFile(c.Input, c.Format)
	if err != nil {
		return err
	}
	defer in.close()
	p := &producer{place: pl, project: s.Project, stream: c.Stream, columns: c.Map, rate: c.Rate, secret: s.Secret, out: out}
	result, err := p.send(ctx, in, c.Rejects)
	if err != nil {
		return err
	}
	if c.Wait {
		if err := waitCovered(ctx, e, s.Project, p.frontier, c.Timeout, out); err != nil {
			return err
		}
	}
	out.say("%s events produced to %s in %s, %s rejected\ntoken %s", count(result.Produced), c.Stream, pl.region, count(result.Rejected), result.Token)
	return out.result(result)
}

func streamNames(p *definition.Project) []string {
	var names []string
	for i := range p.Streams {
		names = append(names, p.Streams[i].Name)
	}
	return names
}

// producer sends a file of events to one region.
type producer struct {
	place   *place
	project *definition.Project
	stream  string
	columns map[string]string // field → column
	rate    float64
	secret  []byte
	out     *output
	// only, if set, picks the rows that are sent; most bounds how many; after is
	// told how many were.
	only  func(fields map[string]any) bool
	most  int64
	after func(sent int64)

	enc      *intake.Encoder
	ignored  map[string]bool
	frontier position.Frontier
	checked  int64
}

// send checks the whole file, then sends it, and returns once every event is
// acknowledged.
func (p *producer) send(ctx context.Context, in *inputFile, rejects string) (*produceJSON, error) {
	k, err := p.place.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	reg, err := registry.NewClient(p.place.registry)
	if err != nil {
		return nil, err
	}
	in2 := intake.New(intake.Config{Kafka: k, Registry: reg, Project: p.project, Region: p.place.region})
	if p.enc, err = in2.Stream(ctx, p.stream); err != nil {
		return nil, err
	}
	if err := p.checkMap(); err != nil {
		return nil, err
	}
	p.ignored = map[string]bool{}
	rejected, err := p.check(in, rejects)
	if err != nil {
		return nil, err
	}
	result := &produceJSON{Rejected: rejected, Ignored: slices.Sorted(maps.Keys(p.ignored)), Region: p.place.region}
	if len(p.ignored) > 0 {
		p.out.progress("columns that are no field of %s are left out: %s", p.stream, strings.Join(result.Ignored, ", "))
	}
	if result.Ignored == nil {
		result.Ignored = []string{}
	}
	if result.Produced, err = p.transmit(ctx, k, in); err != nil {
		return nil, err
	}
	result.Token = position.Token{Time: stamp.NoTime, Parts: []position.Part{{Frontier: p.frontier}}}.Sign(p.secret)
	return result, nil
}

func (p *producer) checkMap() error {
	for field := range p.columns {
		if !slices.Contains(p.enc.Fields(), field) {
			return usage("--map %s=…: the schema of %s has no field %s, only %s", field, p.stream, field, strings.Join(p.enc.Fields(), ", "))
		}
	}
	return nil
}

// row makes an event of a row: mapped columns under their fields' names, and
// columns that are no field left out.
func (p *producer) row(r inputRow) (intake.Row, error) {
	if r.Err != nil {
		return intake.Row{}, r.Err
	}
	fields := map[string]any{}
	used := map[string]bool{}
	for field, column := range p.columns {
		v, ok := r.Fields[column]
		if !ok {
			return intake.Row{}, fmt.Errorf("there is no column %s, which --map names", column)
		}
		fields[field], used[column] = v, true
	}
	for _, field := range p.enc.Fields() {
		if _, mapped := p.columns[field]; mapped {
			continue
		}
		if v, ok := r.Fields[field]; ok {
			fields[field], used[field] = v, true
		}
	}
	for column := range r.Fields {
		if !used[column] {
			p.ignored[column] = true
		}
	}
	return intake.Row{Fields: fields}, nil
}

// maxShown bounds the bad rows that are named.
const maxShown = 20

// check encodes every row without sending it.
func (p *producer) check(in *inputFile, rejects string) (int64, error) {
	var bad int64
	var shown []error
	w, closeRejects, err := openRejects(rejects)
	if err != nil {
		return 0, err
	}
	err = in.each(func(r inputRow) error {
		if p.only != nil && r.Err == nil && !p.only(r.Fields) {
			return nil
		}
		p.checked++
		row, err := p.row(r)
		if err == nil {
			_, err = p.enc.Encode(row)
		}
		if err == nil {
			return nil
		}
		bad++
		if len(shown) < maxShown {
			shown = append(shown, fmt.Errorf("%s:%d: %w", in.name, r.Line, err))
		}
		return w.Encode(rejectJSON{Line: r.Line, Error: err.Error(), Row: string(r.text())})
	})
	if cerr := closeRejects(); err == nil {
		err = cerr
	}
	switch {
	case err != nil:
		return 0, err
	case bad > 0 && rejects == "":
		if more := bad - int64(len(shown)); more > 0 {
			shown = append(shown, fmt.Errorf("… and %s more", count(more)))
		}
		return 0, fmt.Errorf("%w\nnothing was sent: mend these rows, or set them aside with --rejects FILE", errors.Join(shown...))
	}
	return bad, nil
}

type rejectJSON struct {
	Line  int64  `json:"line"`
	Error string `json:"error"`
	Row   string `json:"row"`
}

func openRejects(path string) (*json.Encoder, func() error, error) {
	if path == "" {
		return json.NewEncoder(discard{}), func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, usage("--rejects: %v", err)
	}
	b := bufio.NewWriter(f)
	return json.NewEncoder(b), func() error {
		if err := b.Flush(); err != nil {
			return err
		}
		return f.Close()
	}, nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// transmit sends the good rows.
func (p *producer) transmit(ctx context.Context, k *kafka.Client, in *inputFile) (int64, error) {
	bulk, err := k.NewBulk(kafka.ProducerConfig{Compression: kafka.Compression{Codec: "zstd"}, Linger: 5 * time.Millisecond})
	if err != nil {
		return 0, err
	}
	defer bulk.Close()
	var sent int64
	began, said := time.Now(), time.Now()
	err = in.each(func(r inputRow) error {
		if p.only != nil && r.Err == nil && !p.only(r.Fields) || p.most > 0 && sent >= p.most {
			return nil
		}
		row, err := p.row(r)
		if err != nil {
			return nil // set aside by check
		}
		row.ID = fmt.Sprintf("%s:%d", in.digest, r.Line)
		rec, err := p.enc.Encode(row)
		if err != nil {
			return nil
		}
		if err := p.pace(ctx, began, sent); err != nil {
			return err
		}
		if err := bulk.Add(ctx, rec); err != nil {
			return err
		}
		sent++
		if p.after != nil {
			p.after(sent)
		}
		if time.Since(said) > 2*time.Second {
			said = time.Now()
			p.out.progress("%s of %s events sent", count(sent), count(p.checked))
		}
		return nil
	})
	if err == nil {
		err = bulk.Flush(ctx)
	}
	p.frontier = position.Frontier{}
	for tp, span := range bulk.Spans() {
		log := position.Log{Stream: p.stream, Source: position.Source{Origin: p.place.region, Incarnation: 1}, Partition: tp.Partition}
		p.frontier[log] = position.Mark{Next: span.Next}
	}
	if err != nil {
		return sent, fmt.Errorf("produce: %w; some events may be in the log: with event_id: header:ce_id the same command again changes nothing", err)
	}
	return sent, nil
}

// pace waits so that no more than rate events per second are sent.
func (p *producer) pace(ctx context.Context, began time.Time, sent int64) error {
	if p.rate <= 0 {
		return nil
	}
	wait := time.Until(began.Add(time.Duration(float64(sent) / p.rate * float64(time.Second))))
	if wait <= 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// waitCovered waits until every region that holds a view of the streams has
// folded what f says.
func waitCovered(ctx context.Context, e *env, p *definition.Project, f position.Frontier, timeout time.Duration, out *output) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for i := range e.places {
		pl := &e.places[i]
		if !p.HasRegion(pl.region) || pl.http == "" {
			continue
		}
		said := time.Now()
		for {
			missing, err := lacking(ctx, e, pl, f)
			if err == nil && missing == "" {
				break
			}
			if err != nil {
				missing = err.Error()
			}
			if ctx.Err() != nil {
				return checkFailed("region %s has not folded the events within %v: %s", pl.region, timeout, missing)
			}
			if time.Since(said) > 2*time.Second {
				said = time.Now()
				out.progress("waiting for %s: %s", pl.region, missing)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// lacking says what of f a region has not folded yet, or nothing.
func lacking(ctx context.Context, e *env, pl *place, f position.Frontier) (string, error) {
	var report serve.FrontierReport
	if err := e.get(ctx, pl, "/v1/frontier", &report); err != nil {
		return "", err
	}
	for name, v := range report.Views {
		have, err := position.ParseFrontier(v.Frontier)
		if err != nil {
			return "", err
		}
		for log, want := range f {
			if v.Stream == log.Stream && have[log].Next < want.Next {
				return fmt.Sprintf("view %s has folded %s/%s/%d up to %d of %d", name, log.Origin, log.Stream, log.Partition, have[log].Next, want.Next), nil
			}
		}
	}
	return "", nil
}

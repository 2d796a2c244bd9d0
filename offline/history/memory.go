package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/offline/history/table"
	"anabranch.dev/anabranch/offline/history/tail"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// memory keeps the tail of one origin's log: what fits in memory, the rest in temporary files of the same layout.
type memory struct {
	layout *table.Layout
	limit  int64 // bytes
	dir    string
	batch  *columnar.Batch
	bytes  int64 // about what the batch takes
	fixed  int64 // about what a row takes besides its content
	runs   []table.Run
	spills []*spill
}

// spill is a sorted temporary file. It has no name: it is gone when it is closed, or when the process ends.
type spill struct {
	file *os.File
	rows *columnar.File
}

func newMemory(l *table.Layout, limit int64, dir string) *memory {
	return &memory{layout: l, limit: limit, dir: dir, batch: columnar.NewBatch(l.Schema), fixed: int64(len(l.Schema)) * 21}
}

func (m *memory) add(r table.Row) {
	m.layout.Append(m.batch, r)
	m.bytes += m.fixed + int64(len(r.Event.Key)+r.Size)
}

// settle spills what is too much and says how many rows; to be called between additions.
func (m *memory) settle() (int64, error) {
	if m.bytes < m.limit || m.batch.Rows == 0 {
		return 0, nil
	}
	rows := int64(m.batch.Rows)
	s, err := m.write()
	if err != nil {
		return 0, fmt.Errorf("spill %d events to a temporary file: %w", rows, err)
	}
	m.spills = append(m.spills, s)
	m.batch.Reset()
	m.bytes = 0
	return rows, nil
}

func (m *memory) write() (*spill, error) {
	f, err := os.CreateTemp(m.dir, "anabranch-history-*.parquet")
	if err != nil {
		return nil, err
	}
	s := &spill{file: f}
	if err := os.Remove(f.Name()); err != nil {
		return nil, s.fail(err)
	}
	out := bufio.NewWriterSize(f, 1<<20)
	w, err := m.layout.NewWriter(out, table.Options{})
	if err == nil {
		err = w.AppendRuns(m.batch, m.layout.Sort(m.batch))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return nil, s.fail(err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		s.rows, err = columnar.Open(f, size)
	}
	if err != nil {
		return nil, s.fail(err)
	}
	return s, nil
}

func (s *spill) fail(err error) error {
	s.file.Close()
	return err
}

func (m *memory) close() error {
	var err error
	for _, s := range m.spills {
		if e := s.file.Close(); e != nil {
			err = e
		}
	}
	m.spills = nil
	return err
}

// cursors walk the partition's rows.
func (m *memory) cursors(partition int32, keys Keys, tag int) ([]*table.Cursor, error) {
	var list []*table.Cursor
	for _, s := range m.spills {
		c, err := m.layout.OfFile(s.rows, partition, keys, tag)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	for _, run := range m.runs {
		if run.Partition == partition {
			list = append(list, m.layout.OfRun(m.batch, run, keys, tag))
		}
	}
	return list, nil
}

// readTail sets the origin's cut, and reads what lies between its table and the cut.
func (h *History) readTail(ctx context.Context, o *origin) error {
	n := h.stream.Partitions
	from, ends := make([]tail.From, n), make([]int64, n)
	for p := range from {
		from[p].Epoch = -1
		if p < len(o.table.Partitions) {
			from[p] = tail.From{Mark: o.table.Partitions[p].Mark, Epoch: o.table.Partitions[p].Epoch}
		}
	}
	beyond := false
	for p := range ends {
		ends[p] = from[p].Mark.Next
		if h.cfg.Upto != nil {
			ends[p] = h.cfg.Upto[h.log(o, int32(p))].Next
		}
		beyond = beyond || h.cfg.Upto == nil || ends[p] > from[p].Mark.Next
	}
	if o.Kafka != nil && beyond {
		if err := h.readLog(ctx, o, from, ends); err != nil {
			return err
		}
	}
	o.cut = make([]int64, n)
	for p := range ends {
		o.cut[p] = min(ends[p], from[p].Mark.Next)
		mark := from[p].Mark
		if o.cut[p] < mark.Next {
			mark = h.cfg.Upto[h.log(o, int32(p))]
		}
		if mark.Next > 0 {
			h.frontier[h.log(o, int32(p))] = mark
		}
	}
	return nil
}

func (h *History) log(o *origin, partition int32) position.Log {
	return position.Log{Stream: h.cfg.Stream, Source: o.src, Partition: partition}
}

// readLog reads an origin's log from the marks to the ends, or without a cut to the committed ends, and moves the marks to
// where it came.
func (h *History) readLog(ctx context.Context, o *origin, from []tail.From, ends []int64) error {
	stream := *h.stream
	if o.back {
		stream.Topic = definition.RetractionsTopic(stream.Topic)
	}
	log, err := tail.Identify(ctx, o.Kafka, &stream)
	if o.back && errors.Is(err, kafka.ErrNoTopic) {
		return nil // definitions were applied before there was one
	}
	if err != nil {
		return err
	}
	if o.table.Number > 0 {
		if err := tail.Same(o.table.Header.Log, log); err != nil {
			return err
		}
	}
	committed, err := tail.Ends(ctx, o.Kafka, stream.Topic, stream.Partitions)
	if err != nil {
		return err
	}
	for p := range ends {
		if h.cfg.Upto == nil || ends[p] > committed[p] {
			ends[p] = max(committed[p], from[p].Mark.Next)
		}
		h.tail.TailTotal += max(ends[p]-from[p].Mark.Next, 0)
	}
	needed := h.cfg.Needed
	if needed == nil {
		needed = make([]bool, len(h.stream.Fields))
	}
	r, err := tail.Open(ctx, tail.Config{
		Kafka: o.Kafka, Registry: o.Registry, Stream: &stream, Retractions: o.back, Entity: h.entity, Needed: needed,
		Log: log, From: from, Ends: ends, Patience: h.cfg.Patience,
	})
	if err != nil {
		return err
	}
	defer r.Close()
	o.tail = newMemory(h.layout, h.cfg.MemoryBytes/int64(len(h.origins)), h.cfg.TempDir)
	if err := h.drain(ctx, r, o.tail); err != nil {
		return err
	}
	for p, s := range r.States() {
		from[p] = tail.From{Mark: s.Mark, Epoch: s.Epoch}
	}
	return r.Err()
}

// drain reads a log to its end into memory.
func (h *History) drain(ctx context.Context, r *tail.Reader, m *memory) error {
	base := h.tail
	begin := offsets(r)
	for {
		err := r.Read(ctx, 1<<16, m.add)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		spilled, err := m.settle()
		if err != nil {
			return err
		}
		base.SpilledRows += spilled
		h.count(base, r, begin)
	}
	h.count(base, r, begin)
	m.runs = m.layout.Sort(m.batch)
	return nil
}

func offsets(r *tail.Reader) (n int64) {
	for _, s := range r.States() {
		n += s.Mark.Next
	}
	return n
}

func (h *History) count(base Stats, r *tail.Reader, begin int64) {
	h.tail = base
	h.tail.TailOffsets += offsets(r) - begin
	for _, s := range r.States() {
		h.tail.TailEvents += s.Accepted
		h.tail.Quarantined += s.Quarantined
	}
	h.cfg.Progress(h.tail)
}

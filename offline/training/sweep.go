package training

import (
	"bytes"
	"context"
	"fmt"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Stats count what became of the values of one feature.
type Stats struct {
	Nulls    int64
	Leaked   int64            // a join on event time alone would have given another value
	Hidden   int64            // null, and such a join would have given a value
	Statuses map[string]int64 // by Feast's words; those that came up
}

func (s *Stats) add(o *counts) {
	if s.Statuses == nil {
		s.Statuses = map[string]int64{}
	}
	for status, n := range o.statuses {
		if n > 0 {
			s.Statuses[fold.Status(status).String()] += n
		}
		if fold.Status(status) != fold.Present {
			s.Nulls += n
		}
	}
	s.Leaked += o.leaked
	s.Hidden += o.hidden
}

// counts are Stats while they are counted.
type counts struct {
	statuses       [fold.Invalid + 1]int64
	leaked, hidden int64
}

// result is what a job gives: for each read of the pass and each of its
// features the values of the job's rows, in the order of the sweep.
type result struct {
	from    int // of the job, in order.sorted
	vectors [][]columnar.Vector
	counts  [][]counts
}

func newResult(p *pass) *result {
	r := &result{vectors: make([][]columnar.Vector, len(p.reads)), counts: make([][]counts, len(p.reads))}
	for i, read := range p.reads {
		r.vectors[i], r.counts[i] = make([]columnar.Vector, len(read.which)), make([]counts, len(read.which))
		for j, f := range read.which {
			r.vectors[i][j] = columnar.NewVector(read.prog.FeatureType(f))
		}
	}
	return r
}

// worker sweeps one job.
type worker struct {
	pass     *pass
	order    *order
	chunk    *chunk
	cut      *asof.Cut
	job      job
	next     int // in order.sorted: the first row without values
	labels   []stamp.Micros
	sweepers []*asof.Sweeper
	result   *result
}

// sweep computes the values of a job's rows.
func sweep(ctx context.Context, h History, w *worker) (*result, error) {
	w.result, w.next = newResult(w.pass), w.job.from
	w.result.from = w.job.from
	for _, r := range w.pass.reads {
		w.sweepers = append(w.sweepers, newSweeper(r.prog, h))
	}
	err := h.Scan(ctx, w.job.partition, w.order.keys(w.job), func(key []byte, events []asof.Event) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return w.key(key, events)
	})
	if err != nil {
		return nil, fmt.Errorf("history of stream %s, partition %d: %w", w.pass.stream.Name, w.job.partition, err)
	}
	w.unseen(w.job.to)
	return w.result, nil
}

func newSweeper(prog *fold.Program, h History) *asof.Sweeper {
	s := asof.New(prog)
	s.Compact(h.Fields())
	return s
}

// key answers the rows of one key, and before them those of keys without
// events.
func (w *worker) key(key []byte, events []asof.Event) error {
	rows := w.order.sorted
	from := w.next
	for from < w.job.to && bytes.Compare(w.order.key(rows[from]), key) < 0 {
		from++
	}
	if from == w.job.to || !bytes.Equal(w.order.key(rows[from]), key) {
		return fmt.Errorf("BUG: training: key %q was not asked for, or out of order", key)
	}
	w.unseen(from)
	w.labels = w.labels[:0]
	for ; w.next < w.job.to && bytes.Equal(w.order.key(rows[w.next]), key); w.next++ {
		w.labels = append(w.labels, w.chunk.times[rows[w.next]])
	}
	for i, r := range w.pass.reads {
		w.sweepers[i].Key(events, w.labels, r.which, w.cut, func(a *asof.Answer) { w.result.add(i, a) })
	}
	return nil
}

func (r *result) add(read int, a *asof.Answer) {
	for j := range a.Results {
		r.vectors[read][j].Append(a.Results[j].Value)
		c := &r.counts[read][j]
		c.statuses[a.Results[j].Status]++
		if a.Leaked[j] {
			c.leaked++
		}
		if a.Hidden[j] {
			c.hidden++
		}
	}
}

// unseen answers the rows before to: their keys have no events.
func (w *worker) unseen(to int) {
	for ; w.next < to; w.next++ {
		for i := range w.result.vectors {
			for j := range w.result.vectors[i] {
				w.result.vectors[i][j].AppendNull()
				w.result.counts[i][j].statuses[fold.NotFound]++
			}
		}
	}
}

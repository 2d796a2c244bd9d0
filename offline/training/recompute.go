package training

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// Probe is one served answer to be computed again.
type Probe struct {
	Key      []byte       // canonical key text
	At       stamp.Micros // the answer's read time
	Frontier position.Frontier
}

// Recomputed is what an answer should have been.
type Recomputed struct {
	Results []fold.Result // by index in which
	// Newest is the greatest event timestamp seen, or stamp.NoTime.
	Newest stamp.Micros
}

// Recompute gives for each probe, in order, the view's features in which: by
// event time alone, up to the probe's frontier, as the online fold sees a key.
// Copies are out as far as the frontier has that they were taken back, so the
// history must have what was (history.Config.Retractions). It is an error if it
// does not reach a probe's frontier for the partition of its key.
func Recompute(ctx context.Context, prog *fold.Program, h History, probes []Probe, which []int) ([]Recomputed, error) {
	out := make([]Recomputed, len(probes))
	nothing := make([]fold.Result, len(which))
	for i := range nothing {
		nothing[i].Status = fold.NotFound
	}
	order := make([]int, len(probes))
	parts := make([]int32, len(probes))
	reached := h.Frontier()
	for i := range probes {
		order[i], parts[i] = i, wire.Partition(probes[i].Key, prog.Stream.Partitions)
		out[i] = Recomputed{Results: slices.Clone(nothing), Newest: stamp.NoTime}
		if err := reaches(prog.Stream.Name, parts[i], reached, probes[i].Frontier); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(parts[i], parts[j]), bytes.Compare(probes[i].Key, probes[j].Key), cmp.Compare(i, j))
	})
	r := recomputer{probes: probes, which: which, out: out, sweeper: newSweeper(prog, h)}
	for from, to := 0, 0; from < len(order); from = to {
		for to = from; to < len(order) && parts[order[to]] == parts[order[from]]; to++ {
		}
		if err := r.partition(ctx, h, parts[order[from]], order[from:to]); err != nil {
			return nil, fmt.Errorf("history of stream %s, partition %d: %w", prog.Stream.Name, parts[order[from]], err)
		}
	}
	return out, nil
}

// reaches reports why history cannot answer a probe.
func reaches(stream string, partition int32, reached, asked position.Frontier) error {
	need := position.Frontier{}
	for log, mark := range asked {
		if log.Stream == stream && log.Partition == partition {
			need[log] = mark
		}
	}
	return covers(nil, reached, need)
}

type recomputer struct {
	probes  []Probe
	which   []int
	out     []Recomputed
	sweeper *asof.Sweeper
}

// partition answers the probes of one partition, sorted by key.
func (r *recomputer) partition(ctx context.Context, h History, partition int32, order []int) error {
	var keys [][]byte
	for _, i := range order {
		if k := r.probes[i].Key; len(keys) == 0 || !bytes.Equal(k, keys[len(keys)-1]) {
			keys = append(keys, k)
		}
	}
	return h.Scan(ctx, partition, keys, func(key []byte, events []asof.Event) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		from, _ := slices.BinarySearchFunc(order, key, func(i int, k []byte) int { return bytes.Compare(r.probes[i].Key, k) })
		for _, i := range order[from:] {
			if !bytes.Equal(r.probes[i].Key, key) {
				break
			}
			r.probe(i, events)
		}
		return nil
	})
}

func (r *recomputer) probe(i int, events []asof.Event) {
	p := &r.probes[i]
	cut := asof.Cut{Knowledge: asof.Off, Frontier: p.Frontier, Served: true}
	if cut.Frontier == nil {
		cut.Frontier = position.Frontier{}
	}
	r.sweeper.Key(events, []stamp.Micros{p.At}, r.which, &cut, func(a *asof.Answer) {
		r.out[i] = Recomputed{Results: slices.Clone(a.Results), Newest: a.Newest}
	})
}

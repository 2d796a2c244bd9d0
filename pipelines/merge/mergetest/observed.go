package mergetest

import (
	"fmt"
	"sort"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/value"
)

// WantObserved is the elements with an add that no remove covers, of the newest
// operations, as far back as they touch no more than most elements.
func WantObserved(most int) func([]merge.Input) value.Value {
	return func(inputs []merge.Input) value.Value {
		var in []merge.Input
		listed := map[string]bool{}
		kept := newestOn(inputs, most)
		for _, a := range kept {
			if !a.Remove && !listed[name(a.X)] && !undone(a, kept) {
				listed[name(a.X)] = true
				in = append(in, a)
			}
		}
		return value.Value{Kind: value.List, L: sortedValues(in)}
	}
}

// newestOn is the newest operations, up to the first on one element too many.
func newestOn(inputs []merge.Input, most int) []merge.Input {
	ops := append([]merge.Input(nil), inputs...)
	sort.Slice(ops, func(i, j int) bool {
		a, b := ops[i].Order, ops[j].Order
		if a.Time != b.Time {
			return a.Time > b.Time
		}
		if a.Stamp != b.Stamp {
			return a.Stamp > b.Stamp
		}
		if a.Rank != b.Rank {
			return a.Rank > b.Rank
		}
		return a.Offset > b.Offset
	})
	elements := map[string]bool{}
	for i, op := range ops {
		if elements[name(op.X)] = true; len(elements) > most {
			return ops[:i]
		}
	}
	return ops
}

// undone reports whether one of ops is a remove whose reader had seen an add.
func undone(add merge.Input, ops []merge.Input) bool {
	for _, r := range ops {
		if !r.Remove || name(r.X) != name(add.X) {
			continue
		}
		for _, c := range r.Seen {
			if c.Source == add.Source && add.Order.Offset < c.Next {
				return true
			}
		}
	}
	return false
}

// sourceOf is the source of a rank: sources ascend with it.
func sourceOf(rank uint32) position.Source {
	return position.Source{Origin: fmt.Sprintf("region-%d", rank/2), Incarnation: 1 + rank%2}
}

// maxSources is how many sources a history may have.
const maxSources = 5

// observing draws adds, and removes with what their readers had seen: for each
// source, how many of the events that were in its log by then they lack. Relate
// makes that places in logs.
func observing(values *rapid.Generator[value.Value]) func(*rapid.T) merge.Input {
	lacks := rapid.SampledFrom([]int64{0, 0, 0, 0, 1, 2, 5, -1, -3, nothingSeen})
	return func(t *rapid.T) merge.Input {
		in := merge.Input{X: values.Draw(t, "x"), Remove: rapid.IntRange(0, 2).Draw(t, "remove") == 0}
		for rank := uint32(0); in.Remove && rank < maxSources; rank++ {
			in.Seen = append(in.Seen, merge.Covered{Source: sourceOf(rank), Next: lacks.Draw(t, "lacks")})
		}
		return in
	}
}

// nothingSeen lacks all.
const nothingSeen = 1 << 20

// relate gives an event its source, and its reader the events of logs that were
// there when it came, but for those that it lacks. A lack below 0 is clocks that
// are apart.
func relate(in *merge.Input, logs [][]merge.Input) {
	in.Source = sourceOf(in.Order.Rank)
	var seen []merge.Covered
	for i := range min(len(in.Seen), len(logs)) {
		n, lacks := 0, in.Seen[i].Next
		for n < len(logs[i]) && logs[i][n].Order.Stamp < in.Order.Stamp {
			n++
		}
		if n = min(n-int(lacks), len(logs[i])); n > 0 {
			seen = append(seen, merge.Covered{Source: sourceOf(uint32(i)), Next: logs[i][n-1].Order.Offset + 1})
		}
	}
	in.Seen = seen
}

// fewObserved is two values added; one removed by readers who had seen the first
// two events, and nothing.
func fewObserved(a, b value.Value) []merge.Input {
	one := sourceOf(0)
	seen := []merge.Covered{{Source: one, Next: 3}}
	return []merge.Input{{X: a, Source: one}, {X: b, Source: one}, {X: a, Source: one, Remove: true, Seen: seen}, {X: a, Source: one, Remove: true}}
}

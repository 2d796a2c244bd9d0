package merge_test

import (
	"fmt"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Merge bugs that others have had, as cases of our own kinds. Each name says
// what went wrong there. Those of top are in top_test.go: items that come back
// after pruning (TestPrunedItemComesBack), cells of regions merged by maximum
// (TestCellsAreAddedAcrossRegions). Those of observed sets are in
// observed_test.go.

// op is an operation on an element of a set at a time. Offsets are times.
func op(x string, at int64, remove bool) merge.Input {
	return merge.Input{X: value.Text(x), Remove: remove, Order: merge.Order{Time: stamp.Micros(at), Stamp: stamp.Stamp(at), Offset: at}}
}

func setOf(ops ...merge.Input) merge.State {
	return folded(merge.Spec{Kind: merge.Set, Input: value.Of(value.String), Max: 10, Remove: true}, ops)
}

func folded(spec merge.Spec, ops []merge.Input) merge.State {
	s := spec.New()
	for _, in := range ops {
		s.Add(in)
	}
	return s
}

// merged is a ∪ b; a stays.
func merged(a, b merge.State) merge.State {
	s := setOf()
	s.Combine(a)
	s.Combine(b)
	return s
}

// revived is s after it was written and read.
func revived(t *testing.T, s merge.State) merge.State {
	t.Helper()
	back := setOf(op("another", 1, false))
	if _, err := back.Decode(s.Append(nil, merge.Order{}), merge.Order{}); err != nil {
		t.Fatal(err)
	}
	return back
}

func wantSet(t *testing.T, what string, s merge.State, elements ...string) {
	t.Helper()
	want := value.Items()
	for _, x := range elements {
		want.L = append(want.L, value.Text(x))
	}
	if got := s.Value(); !value.Equal(got, want) {
		text := value.ListOf(value.Of(value.String))
		t.Errorf("%s: %s, want %s", what, value.Format(got, text), value.Format(want, text))
	}
}

// TestRegressTombstoneDroppedEarly: a remove at 5 that was compacted away lets
// an add at 3 that comes late bring the element back.
func TestRegressTombstoneDroppedEarly(t *testing.T) {
	add, remove, late := op("x", 1, false), op("x", 5, true), op("x", 3, false)
	wantSet(t, "added to", setOf(add, remove, late))
	wantSet(t, "removed before anything is there", setOf(remove, late))
	wantSet(t, "merged from the right", merged(setOf(add, remove), setOf(late)))
	wantSet(t, "merged from the left", merged(setOf(late), setOf(add, remove)))
	s := revived(t, setOf(add, remove))
	s.Add(late)
	wantSet(t, "written and read between", s)
	s.Add(op("x", 6, false))
	wantSet(t, "added after the remove", s, "x")
}

// TestRegressTombstoneIsSent: an increment that leaves out removed elements
// lets the receiver keep them.
func TestRegressTombstoneIsSent(t *testing.T) {
	sender, receiver := setOf(op("x", 1, false), op("y", 2, false)), setOf(op("x", 1, false), op("y", 2, false))
	sender.Add(op("x", 5, true))
	increment := setOf()
	if _, err := increment.Decode(sender.(merge.Incremental).AppendSince(nil, merge.Order{}, 2), merge.Order{}); err != nil {
		t.Fatal(err)
	}
	receiver.Combine(increment)
	wantSet(t, "after the increment", receiver, "y")
}

// TestRegressCommonDotRemoval: both replicas hold the same add, one has removed
// it since, and a merge that keeps what both had keeps it.
func TestRegressCommonDotRemoval(t *testing.T) {
	a := setOf(op("x", 1, false), op("y", 2, false))
	b := setOf(op("x", 1, false), op("y", 2, false), op("x", 3, true))
	wantSet(t, "a ∪ b", merged(a, b), "y")
	wantSet(t, "b ∪ a", merged(b, a), "y")
	wantSet(t, "(a ∪ b) ∪ a", merged(merged(a, b), a), "y")
}

// TestRegressDeferredRemovesLost: a remove that comes before its add waits for
// it, and is lost if what waits is not merged, copied or written.
func TestRegressDeferredRemovesLost(t *testing.T) {
	add, remove := op("x", 3, false), op("x", 4, true)
	waiting := setOf(remove)
	if waiting.Value().L != nil {
		t.Fatal("a remove alone shows")
	}
	for what, s := range map[string]merge.State{
		"merged into nothing":       merged(setOf(), waiting),
		"merged with others":        merged(setOf(op("y", 9, false), op("y", 10, true)), waiting),
		"written and read":          revived(t, waiting),
		"merged, written and read":  revived(t, merged(setOf(), waiting)),
		"met by another add before": merged(setOf(op("x", 1, false)), waiting),
	} {
		s.Add(add)
		wantSet(t, what, s)
	}
}

// TestRegressDoubleDecrementOnReset: a counter whose owner restarts from an
// older checkpoint counts its decrements again, or a reset takes out what was
// taken out before.
func TestRegressDoubleDecrementOnReset(t *testing.T) {
	spec := merge.Spec{Kind: merge.Count, Input: value.Of(value.Int64)}
	var log []merge.Input
	for i, by := range []int64{5, -1, -1, 3} {
		log = append(log, merge.Input{X: value.Int(by), Order: merge.Order{Offset: int64(i)}})
	}
	checkpoint := folded(spec, log[:1]).Append(nil, merge.Order{})
	receiver, owner := spec.New(), folded(spec, log[:3])
	receive := func() {
		if _, err := receiver.Decode(owner.Append(nil, merge.Order{}), merge.Order{}); err != nil {
			t.Fatal(err)
		}
	}
	receive()
	if _, err := owner.Decode(checkpoint, merge.Order{}); err != nil { // restarted
		t.Fatal(err)
	}
	for _, in := range log[1:] {
		owner.Add(in)
	}
	receive()
	receive()
	if got := receiver.Value(); got.N != 6 {
		t.Errorf("%d after a restart and a message that came twice, want 6", got.N)
	}
	owner.Reset()
	owner.Reset()
	if got := owner.Value(); got.N != 0 {
		t.Errorf("%d after two resets, want 0", got.N)
	}
	owner.Combine(receiver)
	owner.(merge.Group).Subtract(folded(spec, log[1:3]))
	if got := owner.Value(); got.N != 8 {
		t.Errorf("%d after two decrements were taken back, want 8", got.N)
	}
}

// TestRegressBoundDependsOnArrivalOrder: which elements a bounded kind keeps,
// and the error that an inexact one claims, follow the events and not the order
// in which they came.
func TestRegressBoundDependsOnArrivalOrder(t *testing.T) {
	text, whole := value.Of(value.String), value.Of(value.Int64)
	for _, spec := range []merge.Spec{
		{Kind: merge.Recent, Input: text, K: 2},
		{Kind: merge.Set, Input: text, Max: 2, Remove: true},
		{Kind: merge.Top, Input: text, K: 1, Error: 0.5, Weight: whole},
		{Kind: merge.ApproxDistinct, Input: text, Precision: 4},
	} {
		var log []merge.Input
		for i := range int64(24) {
			in := op(fmt.Sprint("item ", i*7%11), 100-i, i%5 == 0 && spec.Kind == merge.Set)
			in.W = value.Int(1 + i%3)
			log = append(log, in)
		}
		want, bound := folded(spec, log).Append(nil, merge.Order{}), claimed(folded(spec, log))
		for first := range log {
			turned := folded(spec, append(append([]merge.Input(nil), log[first:]...), log[:first]...))
			halves := folded(spec, log[first:])
			halves.Combine(folded(spec, log[:first]))
			for _, s := range []merge.State{turned, halves} {
				if got := s.Append(nil, merge.Order{}); string(got) != string(want) || claimed(s) != bound {
					t.Errorf("%s from %d: %x with error %v, want %x with %v", spec.Key(), first, got, claimed(s), want, bound)
				}
			}
		}
	}
}

// claimed is the error that a state says it has.
func claimed(s merge.State) float64 {
	if a, ok := s.(merge.Approximate); ok {
		return a.Err()
	}
	return 0
}

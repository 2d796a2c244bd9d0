package asof_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/asof/oracle"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
)

func compile(t fataler, w *asoftest.World) *fold.Program {
	prog, err := fold.Compile(w.Project, w.View)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return prog
}

type fataler interface{ Fatalf(string, ...any) }

func all(prog *fold.Program) []int {
	which := make([]int, prog.Features())
	for i := range which {
		which[i] = i
	}
	return which
}

// answer is an Answer that is the test's own.
type answer struct {
	results        []fold.Result
	newest         stamp.Micros
	leaked, hidden []bool
}

func sweep(s *asof.Sweeper, events []asof.Event, labels []stamp.Micros, which []int, cut *asof.Cut) []answer {
	out := make([]answer, len(labels))
	s.Key(events, labels, which, cut, func(a *asof.Answer) {
		out[a.Label] = answer{slices.Clone(a.Results), a.Newest, slices.Clone(a.Leaked), slices.Clone(a.Hidden)}
	})
	return out
}

func check(w *asoftest.World, events []asof.Event, at stamp.Micros, cut *asof.Cut, got answer) error {
	c := w.Case()
	want := oracle.Values(c, events, at, cut)
	off := *cut
	off.Knowledge = asof.Off
	open := oracle.Values(c, events, at, &off)
	if newest := oracle.Newest(oracle.Seen(c, events, at, cut)); newest != got.newest {
		return fmt.Errorf("newest %v, want %v", got.newest, newest)
	}
	for i, r := range got.results {
		name := fmt.Sprintf("%+v", w.View.Features[i])
		if err := want[i].Check(r.Value); err != nil || r.Status.String() != want[i].Status {
			return fmt.Errorf("%s: %s, want %s: %w", name, r.Status, want[i].Status, err)
		}
		if leaked, known := oracle.Differ(&want[i], &open[i]); known && leaked != got.leaked[i] {
			return fmt.Errorf("%s: leaked %t, want %t", name, got.leaked[i], leaked)
		}
		if hidden := want[i].Value.IsNull() && !open[i].Value.IsNull(); hidden != got.hidden[i] {
			return fmt.Errorf("%s: hidden %t, want %t", name, got.hidden[i], hidden)
		}
	}
	return nil
}

func TestSweepEqualsTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{})
		prog := compile(t, w)
		s := asof.New(prog)
		cut := w.DrawCut(t)
		for _, key := range w.Keys {
			events, labels := w.Of(key), w.DrawLabels(t, 12)
			for i, got := range sweep(s, events, labels, all(prog), &cut) {
				if err := check(w, events, labels[i], &cut, got); err != nil {
					t.Fatalf("key %s at %v, cut %+v: %v", key, labels[i], cut, err)
				}
			}
		}
	})
}

func TestSweepDoesNotDependOnTheOrderOfEventsOrLabels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 1})
		prog := compile(t, w)
		cut, labels, events := w.DrawCut(t), w.DrawLabels(t, 8), w.Of(w.Keys[0])
		s := asof.New(prog)
		want := sweep(s, events, labels, all(prog), &cut)
		shuffled := rapid.Permutation(events).Draw(t, "order")
		for i, at := range labels {
			alone := sweep(s, shuffled, []stamp.Micros{at}, all(prog), &cut)[0]
			if fmt.Sprint(alone) != fmt.Sprint(want[i]) {
				t.Fatalf("at %v: alone and shuffled %v, together %v", at, alone, want[i])
			}
		}
	})
}

func TestFewerFeaturesGiveTheSameValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 1})
		prog := compile(t, w)
		cut, labels, events := w.DrawCut(t), w.DrawLabels(t, 5), w.Of(w.Keys[0])
		s := asof.New(prog)
		want := sweep(s, events, labels, all(prog), &cut)
		which := rapid.Permutation(all(prog)).Draw(t, "which")
		which = which[:rapid.IntRange(0, len(which)).Draw(t, "few")]
		for i, got := range sweep(s, events, labels, which, &cut) {
			for j, f := range which {
				if fmt.Sprint(got.results[j], got.leaked[j]) != fmt.Sprint(want[i].results[f], want[i].leaked[f]) {
					t.Fatalf("feature %d: %v, want %v", f, got.results[j], want[i].results[f])
				}
			}
		}
	})
}

func TestCompactEventsGiveTheSameValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 1})
		prog := compile(t, w)
		cut, labels, events := w.DrawCut(t), w.DrawLabels(t, 5), w.Of(w.Keys[0])
		s := asof.New(prog)
		want := sweep(s, events, labels, all(prog), &cut)
		var fields []int
		for f, needed := range prog.Needed() {
			if needed {
				fields = append(fields, f)
			}
		}
		s.Compact(fields)
		compact := slices.Clone(events)
		for i := range compact {
			if rapid.IntRange(0, 3).Draw(t, "all fields") == 0 {
				continue
			}
			compact[i].Fields = nil
			for _, f := range fields {
				compact[i].Fields = append(compact[i].Fields, events[i].Fields[f])
			}
		}
		if got := sweep(s, compact, labels, all(prog), &cut); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("compact %v, want %v", got, want)
		}
	})
}

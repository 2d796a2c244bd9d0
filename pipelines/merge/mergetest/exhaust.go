package mergetest

import (
	"fmt"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Exhaust checks every history of up to n events of one source whose X is one
// of xs and whose times are one of two: every order of Add, every split in
// two, and every sequence of deliveries of states and increments to a replica.
func Exhaust(t *testing.T, c Case, n int, xs []merge.Input) {
	t.Helper()
	if err := Exhausted(c, n, xs); err != nil {
		t.Fatal(err)
	}
}

// Exhausted is Exhaust that returns what it finds.
func Exhausted(c Case, n int, xs []merge.Input) error {
	for _, log := range allLogs(n, xs) {
		base := History{Logs: [][]merge.Input{log}}.Base(0)
		whole := c.fold(log)
		if err := c.reads(whole, log); err != nil {
			return fmt.Errorf("%s: %w", describe(log), err)
		}
		for _, order := range permutations(log) {
			if err := c.same("in order "+describe(order), whole, c.fold(order), base); err != nil {
				return err
			}
		}
		for cut := range log {
			split := c.fold(log[cut:])
			split.Combine(c.fold(log[:cut]))
			if err := c.same("split "+describe(log), whole, split, base); err != nil {
				return err
			}
		}
		if err := c.everyDelivery(log, base); err != nil {
			return fmt.Errorf("%s: %w", describe(log), err)
		}
	}
	return nil
}

func describe(log []merge.Input) string {
	s := ""
	for _, in := range log {
		op := ""
		if in.Remove {
			op = "-"
		}
		s += fmt.Sprintf("[%d@%d %s%s]", in.Order.Offset, in.Order.Time, op, name(in.X))
	}
	return s
}

// allLogs lists the logs of 0 to n events.
func allLogs(n int, xs []merge.Input) [][]merge.Input {
	logs := [][]merge.Input{nil}
	for from, length := 0, 1; length <= n; length++ {
		to := len(logs)
		for _, log := range logs[from:to] {
			for _, in := range xs {
				for time := range 2 {
					in.Order = merge.Order{Time: stamp.Micros(time), Stamp: stamp.Stamp(length), Offset: int64(length)}
					logs = append(logs, append(log[:len(log):len(log)], in))
				}
			}
		}
		from = to
	}
	return logs
}

func permutations(log []merge.Input) [][]merge.Input {
	if len(log) == 0 {
		return [][]merge.Input{nil}
	}
	var out [][]merge.Input
	for i := range log {
		rest := append(append([]merge.Input(nil), log[:i]...), log[i+1:]...)
		for _, p := range permutations(rest) {
			out = append(out, append([]merge.Input{log[i]}, p...))
		}
	}
	return out
}

// everyDelivery delivers the messages (lo, hi] of a log in every sequence of
// as many as the log has events, then the last state.
func (c *Case) everyDelivery(log []merge.Input, base merge.Order) error {
	var all []message
	for hi := 1; hi <= len(log); hi++ {
		all = append(all, message{lo: -1, hi: seqAt(log, hi), bytes: c.fold(log[:hi]).Append(nil, base)})
		for lo := 0; lo <= hi; lo++ {
			if s, ok := c.fold(log[:hi]).(merge.Incremental); ok {
				all = append(all, message{part: true, lo: seqAt(log, lo), hi: seqAt(log, hi), bytes: s.AppendSince(nil, base, seqAt(log, lo))})
			}
		}
	}
	return c.deliverOn(log, base, all, c.fresh(), -1, min(len(log), 3))
}

// deliverOn tries every next message on a replica at seq.
func (c *Case) deliverOn(log []merge.Input, base merge.Order, all []message, s merge.State, seq int64, left int) error {
	if err := c.same(fmt.Sprintf("replica at %d", seq), c.fold(upTo(log, seq)), s, base); err != nil {
		return err
	}
	if left == 0 {
		return nil
	}
	for _, m := range all {
		next, at, err := c.receive(s, seq, m, base)
		if err != nil {
			return err
		}
		if at == seq {
			continue // dropped: a shorter sequence that was tried
		}
		if err := c.deliverOn(log, base, all, next, at, left-1); err != nil {
			return err
		}
	}
	return nil
}

// receive is a copy of s with m applied, by the rule of network.deliver.
func (c *Case) receive(s merge.State, seq int64, m message, base merge.Order) (merge.State, int64, error) {
	if m.hi <= seq || m.lo > seq {
		return s, seq, nil
	}
	in := c.fresh()
	if _, err := in.Decode(m.bytes, base); err != nil {
		return nil, 0, fmt.Errorf("message %x: %w", m.bytes, err)
	}
	if m.part {
		in.Combine(s)
	}
	return in, m.hi, nil
}

// upTo is the part of a log up to an offset, inclusive.
func upTo(log []merge.Input, offset int64) []merge.Input {
	n := 0
	for n < len(log) && log[n].Order.Offset <= offset {
		n++
	}
	return log[:n]
}

// Few is some inputs for Exhaust: two values of the case's type, added and,
// for a set, removed; null where it is a value.
func Few(c *Case) []merge.Input {
	a, b := fewValues(c.Spec.Input)
	few := []merge.Input{{X: a}, {X: b}}
	switch c.Spec.Kind {
	case merge.Set:
		few = append(few, merge.Input{X: a, Remove: true})
	case merge.Last, merge.First:
		few = append(few, merge.Input{X: value.Value{}})
	case merge.Sum, merge.DecayedSum, merge.EMA, merge.Mean:
		few = []merge.Input{{X: value.Int(-7)}, {X: value.Dec(value.Int128{Hi: 1 << 31})}}
	}
	if c.Spec.Kind == merge.Top && c.Spec.Weight.Kind != value.Null {
		few = []merge.Input{{X: a, W: value.Int(3)}, {X: b, W: value.Int(5)}, {X: a, W: value.Int(0)}}
	}
	if c.Spec.Observed {
		few = fewObserved(a, b)
	}
	if c.Spec.Feed() == merge.ExactList {
		few = fewVectors(c.Spec.Dim)
	}
	if c.Spec.Kind == merge.Mean && c.Spec.Weight.Kind != value.Null {
		few = []merge.Input{{X: value.Int(-7), W: value.Int(2)}, {X: value.Int(5), W: value.Int(-2)}}
	}
	return few
}

// fewVectors is two vectors of n items, one of which falls below zero.
func fewVectors(n int) []merge.Input {
	up, down := make([]value.Value, n), make([]value.Value, n)
	for i := range n {
		up[i], down[i] = value.Int(int64(12+1000*i)), value.Int(int64(-8*i))
	}
	return []merge.Input{{X: value.Items(up...)}, {X: value.Items(down...)}}
}

func fewValues(t value.Type) (a, b value.Value) {
	switch t.Kind {
	case value.Bool:
		return value.BoolOf(false), value.BoolOf(true)
	case value.String, value.Bytes:
		return value.Value{Kind: t.Kind, B: []byte("b")}, value.Value{Kind: t.Kind, B: []byte{}}
	case value.Float64:
		return value.Float(0.5), value.Float(-3)
	case value.List:
		a, b := fewValues(*t.Elem)
		return value.Items(a, b), value.Items()
	case value.Null:
		return value.Int(1), value.Int(-1)
	}
	return value.Value{Kind: t.Kind, N: 3}, value.Value{Kind: t.Kind, N: 300}
}

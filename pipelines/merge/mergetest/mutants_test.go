package mergetest_test

import (
	"slices"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// mutant is a state with a seeded fault: a method that is set replaces the
// sound one.
type mutant struct {
	merge.State
	add     func(s merge.State, in merge.Input)
	combine func(s, o merge.State)
	reset   func(s merge.State)
	value   func(s merge.State) value.Value
	append  func(s merge.State, dst []byte, base merge.Order) []byte
	decode  func(s merge.State, b []byte, base merge.Order) (int, error)
}

func (m *mutant) Add(in merge.Input) {
	if m.add != nil {
		m.add(m.State, in)
		return
	}
	m.State.Add(in)
}

func (m *mutant) Combine(o merge.State) {
	if m.combine != nil {
		m.combine(m.State, o.(inner).unwrap())
		return
	}
	m.State.Combine(o.(inner).unwrap())
}

func (m *mutant) Reset() {
	if m.reset != nil {
		m.reset(m.State)
		return
	}
	m.State.Reset()
}

func (m *mutant) Value() value.Value {
	if m.value != nil {
		return m.value(m.State)
	}
	return m.State.Value()
}

func (m *mutant) Append(dst []byte, base merge.Order) []byte {
	if m.append != nil {
		return m.append(m.State, dst, base)
	}
	return m.State.Append(dst, base)
}

func (m *mutant) Decode(b []byte, base merge.Order) (int, error) {
	if m.decode != nil {
		return m.decode(m.State, b, base)
	}
	return m.State.Decode(b, base)
}

type inner interface{ unwrap() merge.State }

func (m *mutant) unwrap() merge.State { return m.State }

// incremental is a mutant of a kind that has increments.
type incremental struct {
	mutant
	since func(s merge.Incremental, dst []byte, base merge.Order, after int64) []byte
}

func (m *incremental) AppendSince(dst []byte, base merge.Order, after int64) []byte {
	s := m.State.(merge.Incremental)
	if m.since != nil {
		return m.since(s, dst, base, after)
	}
	return s.AppendSince(dst, base, after)
}

// whose gives c states that mutate makes out of sound ones.
func whose(c mergetest.Case, mutate func(s merge.State) merge.State) mergetest.Case {
	c.New = func() merge.State { return mutate(c.Spec.New()) }
	return c
}

// caseOf finds the case of a key.
func caseOf(t *testing.T, key string) mergetest.Case {
	t.Helper()
	for _, c := range mergetest.Cases() {
		if c.Name == key {
			return c
		}
	}
	t.Fatalf("no case %s", key)
	return mergetest.Case{}
}

// TestSeededFaultsAreCaught puts faults into sound states, each of which must
// break the laws that forbid it.
func TestSeededFaultsAreCaught(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			broken := mergetest.Broken(whose(caseOf(t, f.key), f.mutate), 60)
			for _, law := range f.breaks {
				if broken[law] == nil {
					t.Errorf("keeps the law %q; breaks %v", law, broken)
				}
			}
		})
	}
}

// TestEveryLawCatchesSomething asserts that no law is idle.
func TestEveryLawCatchesSomething(t *testing.T) {
	for _, law := range mergetest.Laws() {
		if !slices.ContainsFunc(faults(), func(f fault) bool { return slices.Contains(f.breaks, law.Name) }) {
			t.Errorf("no fault breaks %q", law.Name)
		}
	}
}

// TestSoundStatesBreakNothing asserts that the histories of the faults blame
// nobody else.
func TestSoundStatesBreakNothing(t *testing.T) {
	for _, f := range faults() {
		c := caseOf(t, f.key)
		if broken := mergetest.Broken(c, 20); len(broken) > 0 {
			t.Errorf("%s: %v", c.Name, broken)
		}
	}
}

// TestExhaustCatchesFaults asserts that the exhaustive runs see faults too.
func TestExhaustCatchesFaults(t *testing.T) {
	for _, name := range []string{"last ignores ties", "sum combines twice", "recent drops before it merges", "set forgets what was removed", "increments miss their first event"} {
		i := slices.IndexFunc(faults(), func(f fault) bool { return f.name == name })
		c := whose(caseOf(t, faults()[i].key), faults()[i].mutate)
		if err := mergetest.Exhausted(c, 3, mergetest.Few(&c)); err == nil {
			t.Errorf("%s: not caught", name)
		}
	}
}

// fault is a seeded bug and the laws that it must be seen to break.
type fault struct {
	name, key string
	mutate    func(s merge.State) merge.State
	breaks    []string
}

func faults() []fault {
	return slices.Concat(orderFaults(), algebraFaults(), byteFaults(), touchFaults(), topFaults(), observedFaults(), groupFaults(), stairsFaults(), vectorFaults())
}

// reordered adds with another order.
func reordered(change func(o merge.Order) merge.Order) func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		return &mutant{State: s, add: func(s merge.State, in merge.Input) {
			in.Order = change(in.Order)
			s.Add(in)
		}}
	}
}

func orderFaults() []fault {
	return []fault{
		{"last ignores ties", "last(int64)", reordered(func(o merge.Order) merge.Order { return merge.Order{Time: o.Time} }),
			[]string{mergetest.AnyOrder, mergetest.Oracle, mergetest.Convergence}},
		{"last ignores the source", "last(int64)", reordered(func(o merge.Order) merge.Order { o.Rank = 0; return o }),
			[]string{mergetest.Oracle}},
		{"last goes by stamp", "last(int64)", reordered(func(o merge.Order) merge.Order { o.Time = 0; return o }),
			[]string{mergetest.Oracle}},
		{"last goes by arrival", "last(string)", arrival(), []string{mergetest.AnyOrder, mergetest.SplitFold, mergetest.Convergence}},
		{"first takes the last", "first(date32)", reordered(func(o merge.Order) merge.Order {
			return merge.Order{Time: -o.Time, Stamp: ^o.Stamp, Rank: ^o.Rank, Offset: -o.Offset}
		}), []string{mergetest.Oracle}},
		{"last skips null", "last(float64)", func(s merge.State) merge.State {
			return &mutant{State: s, add: func(s merge.State, in merge.Input) {
				if !in.X.IsNull() {
					s.Add(in)
				}
			}}
		}, []string{mergetest.Oracle}},
		{"recent ignores event time", "recent(string, 10)", reordered(func(o merge.Order) merge.Order { o.Time = 0; return o }),
			[]string{mergetest.Oracle}},
	}
}

// arrival counts what it sees and takes that for the order.
func arrival() func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		seen := stamp.Micros(0)
		return &mutant{State: s, add: func(s merge.State, in merge.Input) {
			seen++
			in.Order.Time = seen
			s.Add(in)
		}}
	}
}

func algebraFaults() []fault {
	return []fault{
		{"sum combines twice", "sum(int64, 0) int64", combining(func(s, o merge.State) { s.Combine(o); s.Combine(o) }),
			[]string{mergetest.SplitFold, mergetest.Identity, mergetest.Convergence}},
		{"mean forgets the argument", "mean(int64, 0)", combining(func(s, o merge.State) {}), []string{mergetest.SplitFold, mergetest.Commutes}},
		{"count adds one every time", "count", adding(func(s merge.State, in merge.Input) { in.X = value.Int(1); s.Add(in); in.X = value.Int(2); s.Add(in) }),
			[]string{mergetest.Oracle}},
		{"sum drops small numbers after great ones", "sum(int64, 0) int64", absorbing(), []string{mergetest.AnyOrder, mergetest.Commutes}},
		{"min starts at zero", "min(int64)", func(s merge.State) merge.State {
			s.Add(merge.Input{X: value.Int(0)})
			return &mutant{State: s}
		}, []string{mergetest.Oracle}},
		{"max combines into both", "max(int64)", combining(func(s, o merge.State) { s.Combine(o); o.Combine(s) }), []string{mergetest.Separate}},
		{"Reset keeps the text", "max(string)", resetting(func(merge.State) {}), []string{mergetest.Reset}},
		{"Reset keeps the total", "mean(float64, 2)", resetting(func(s merge.State) {
			x := value.Dec(value.Int128{Lo: 1})
			s.Reset()
			s.Add(merge.Input{X: x})
		}), []string{mergetest.Reset}},
		{"a state keeps the input's bytes", "max(bytes)", aliasing(), []string{mergetest.Oracle}},
		{"sum is read as a float", "sum(int64, 0) decimal(38, 0)", reading(func(s merge.State) value.Value {
			v, _ := value.Fixed(value.Unfix(s.Value().Int128(), 0), 0)
			return value.Dec(v)
		}), []string{mergetest.Oracle}},
		{"approx_distinct counts twice in a union", "approx_distinct(int64, 4)", combining(func(s, o merge.State) {
			s.Combine(o)
			s.Add(merge.Input{X: value.Int(o.Value().N)})
		}), []string{mergetest.Idempotent, mergetest.Identity, mergetest.SplitFold}},
	}
}

func adding(add func(merge.State, merge.Input)) func(merge.State) merge.State {
	return func(s merge.State) merge.State { return &mutant{State: s, add: add} }
}

func combining(combine func(s, o merge.State)) func(merge.State) merge.State {
	return func(s merge.State) merge.State { return &mutant{State: s, combine: combine} }
}

func resetting(reset func(merge.State)) func(merge.State) merge.State {
	return func(s merge.State) merge.State { return &mutant{State: s, reset: reset} }
}

func reading(read func(merge.State) value.Value) func(merge.State) merge.State {
	return func(s merge.State) merge.State { return &mutant{State: s, value: read} }
}

// absorbing loses what a float64 would: small addends to a great total.
func absorbing() func(merge.State) merge.State {
	lossy := func(s merge.State, x value.Int128) {
		if total, _ := total(s); !total.Within(53) && x.Within(10) {
			return
		}
		s.Add(merge.Input{X: value.Dec(x)})
	}
	return func(s merge.State) merge.State {
		return &mutant{State: s,
			add:     func(s merge.State, in merge.Input) { lossy(s, in.X.Int128()) },
			combine: func(s, o merge.State) { n, _ := total(o); lossy(s, n) }}
	}
}

// total is the exact total of a sum, from its bytes.
func total(s merge.State) (value.Int128, int) {
	return value.DecodeInt128(s.Append(nil, merge.Order{}))
}

// aliasing reads what it was fed last through the caller's slice.
func aliasing() func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		var kept value.Value
		return &mutant{State: s,
			add: func(s merge.State, in merge.Input) {
				if s.Add(in); value.Equal(s.Value(), in.X) {
					kept = in.X
				}
			},
			value: func(s merge.State) value.Value {
				if kept.IsNull() {
					return s.Value()
				}
				return kept
			}}
	}
}

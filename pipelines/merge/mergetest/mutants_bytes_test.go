package mergetest_test

import (
	"math"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/value"
)

func byteFaults() []fault {
	return []fault{
		{"bytes tell how often it was added to", "min(string)", counting(), []string{mergetest.SplitFold, mergetest.Identity}},
		{"decoding takes a longer form", "count", decoding(func(s merge.State, b []byte, base merge.Order) (int, error) {
			if len(b) > 1 && b[0] >= 0x80 && b[1] == 0 {
				s.Reset()
				s.Add(merge.Input{X: value.Int(int64(b[0]&0x7f) / 2)})
				return 2, nil
			}
			return s.Decode(b, base)
		}), []string{mergetest.Canonical}},
		{"refusing empties the receiver", "last(int64)", decoding(func(s merge.State, b []byte, base merge.Order) (int, error) {
			n, err := s.Decode(b, base)
			if err != nil {
				s.Reset()
			}
			return n, err
		}), []string{mergetest.Canonical}},
		{"decoding combines", "recent(string, 10)", decodingIncrement(func(s merge.State, b []byte, base merge.Order) (int, error) {
			held := s.Append(nil, base)
			n, err := s.Decode(b, base)
			if err == nil {
				sum := s.Append(nil, base)
				if _, err := s.Decode(held, base); err != nil {
					return 0, err
				}
				merged := (merge.Spec{Kind: merge.Recent, Input: value.Of(value.String), K: 10}).New()
				if _, err := merged.Decode(sum, base); err != nil {
					return 0, err
				}
				s.Combine(merged)
			}
			return n, err
		}), []string{mergetest.RoundTrip}},
		{"decoding forgets the source", "last(int64)", decoding(func(s merge.State, b []byte, base merge.Order) (int, error) {
			base.Rank = math.MaxUint32
			return s.Decode(b, base)
		}), []string{mergetest.RoundTrip, mergetest.Convergence}},
		{"decoding swallows what follows", "sum(int64, 0) int64", decoding(func(s merge.State, b []byte, base merge.Order) (int, error) {
			_, err := s.Decode(b, base)
			return len(b), err
		}), []string{mergetest.RoundTrip}},
		{"a torn state is empty", "approx_distinct(int64, 4)", decoding(func(s merge.State, b []byte, base merge.Order) (int, error) {
			n, err := s.Decode(b, base)
			if err != nil {
				s.Reset()
				return 0, nil
			}
			return n, err
		}), []string{mergetest.Canonical}},
		{"bytes are padded", "max(bytes)", func(s merge.State) merge.State {
			return &mutant{State: s, append: func(s merge.State, dst []byte, base merge.Order) []byte {
				return append(s.Append(dst, base), make([]byte, 64)...)
			}}
		}, []string{mergetest.Bounded, mergetest.RoundTrip}},
		{"bytes overwrite what stands before", "count", func(s merge.State) merge.State {
			return &mutant{State: s, append: func(s merge.State, dst []byte, base merge.Order) []byte {
				return s.Append(dst[:0], base)
			}}
		}, []string{mergetest.RoundTrip}},
	}
}

func decoding(decode func(merge.State, []byte, merge.Order) (int, error)) func(merge.State) merge.State {
	return func(s merge.State) merge.State { return &mutant{State: s, decode: decode} }
}

func decodingIncrement(decode func(merge.State, []byte, merge.Order) (int, error)) func(merge.State) merge.State {
	return func(s merge.State) merge.State { return &incremental{mutant: mutant{State: s, decode: decode}} }
}

// counting puts the number of its Adds behind the bytes.
func counting() func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		n := byte(0)
		return &mutant{State: s,
			add:    func(s merge.State, in merge.Input) { n++; s.Add(in) },
			append: func(s merge.State, dst []byte, base merge.Order) []byte { return append(s.Append(dst, base), n) },
			decode: func(s merge.State, b []byte, base merge.Order) (int, error) {
				used, err := s.Decode(b, base)
				if err == nil && used < len(b) {
					n = b[used]
					used++
				}
				return used, err
			}}
	}
}

func touchFaults() []fault {
	return []fault{
		{"recent keeps one less", "recent(string, 10)", func(merge.State) merge.State {
			return &incremental{mutant: mutant{State: (merge.Spec{Kind: merge.Recent, Input: value.Of(value.String), K: 9}).New()}}
		}, []string{mergetest.Oracle}},
		{"recent drops before it merges", "recent(int64, 2)", func(s merge.State) merge.State {
			return &incremental{mutant: mutant{State: s, combine: func(s, o merge.State) {
				b := o.(merge.Incremental).AppendSince(nil, merge.Order{}, 1)
				part := (merge.Spec{Kind: merge.Recent, Input: value.Of(value.Int64), K: 2}).New()
				if _, err := part.Decode(b, merge.Order{}); err != nil {
					panic(err)
				}
				s.Combine(part)
			}}}
		}, []string{mergetest.SplitFold, mergetest.Commutes, mergetest.Increments}},
		{"set forgets what was removed", "set(int64, 2, true)", forgetting(), []string{mergetest.AnyOrder, mergetest.Oracle}},
		{"increments miss their first event", "recent(string, 10)", since(1), []string{mergetest.Increments, mergetest.Convergence}},
		{"increments are empty", "set(string, 1000, false)", since(math.MaxInt64), []string{mergetest.Increments}},
	}
}

// since sends increments that begin too late.
func since(late int64) func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		return &incremental{mutant: mutant{State: s}, since: func(s merge.Incremental, dst []byte, base merge.Order, after int64) []byte {
			if after > math.MaxInt64-late {
				after -= late
			}
			return s.AppendSince(dst, base, after+late)
		}}
	}
}

// forgetting is a set that drops an element instead of remembering that it was
// removed.
func forgetting() func(merge.State) merge.State {
	return func(merge.State) merge.State {
		spec := merge.Spec{Kind: merge.Set, Input: value.Of(value.Int64), Max: 2}
		var kept []merge.Input
		return &incremental{mutant: mutant{State: spec.New(), add: func(s merge.State, in merge.Input) {
			same := func(k merge.Input) bool { return value.Equal(k.X, in.X) }
			for i, k := range kept {
				if same(k) && k.Order.Compare(in.Order) > 0 {
					return
				} else if same(k) {
					kept = append(kept[:i], kept[i+1:]...)
					break
				}
			}
			if !in.Remove {
				kept = append(kept, merge.Input{Order: in.Order, X: in.X.Clone()})
			}
			s.Reset()
			for _, k := range kept {
				s.Add(k)
			}
		}}}
	}
}

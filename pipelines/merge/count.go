package merge

import (
	"fmt"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

var countKind = &kind{
	name: Count,
	input: func(in value.Type) error {
		if in.Kind != value.Null && in.Kind != value.Int64 {
			return fmt.Errorf("adds up whole numbers, found %s", in)
		}
		return nil
	},
	result: wholeNumber,
	make:   func(Spec) State { return &count{} },
	key:    func(Spec) string { return Count },
	bytes:  func(Spec) int { return int128Bytes },
}

// count is Σ by. One exact integer does for the increments and decrements of a
// PN-counter: replicas of a component are never added or maximized against
// each other, the one of the greater sequence number replaces the other, so
// nothing needs the two halves to grow.
type count struct{ n value.Int128 }

func (s *count) Add(in Input)       { s.n = s.n.Add(in.X.Int128()) }
func (s *count) Combine(o State)    { s.n = s.n.Add(same[*count](o).n) }
func (s *count) Subtract(o State)   { s.n = s.n.Sub(same[*count](o).n) }
func (s *count) Reset()             { s.n = value.Int128{} }
func (s *count) Value() value.Value { return value.Int(s.n.Int64()) }
func (s *count) Size() int          { return int(unsafe.Sizeof(*s)) }

func (s *count) Append(dst []byte, _ Order) []byte { return s.n.AppendVarint(dst) }

func (s *count) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	n := r.int128()
	if r.err == nil {
		s.n = n
	}
	return r.done(Count)
}

package merge

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

var meanKind = &kind{
	name:   Mean,
	input:  numeric,
	check:  checkScale,
	result: func(Spec) value.Type { return value.Of(value.Float64) },
	make:   func(s Spec) State { return &mean{scale: uint8(s.Scale)} },
	key:    func(s Spec) string { return fmt.Sprintf("mean(%s, %d)", s.Input, s.Scale) },
	bytes:  func(Spec) int { return int64Bytes + int128Bytes },
	feed:   Exact,
}

// mean is Σ x in units of 10^-scale beside the number of events.
type mean struct {
	total  value.Int128
	weight uint64
	scale  uint8
}

func (s *mean) Add(in Input) {
	s.total = s.total.Add(in.X.Int128())
	s.weight++
}

func (s *mean) Combine(o State) {
	m := same[*mean](o)
	s.total = s.total.Add(m.total)
	s.weight += m.weight
}

func (s *mean) Reset()    { s.total, s.weight = value.Int128{}, 0 }
func (s *mean) Size() int { return int(unsafe.Sizeof(*s)) }

// Value is the float64 nearest to total / (weight * 10^scale), ties to even.
func (s *mean) Value() value.Value {
	if s.weight == 0 {
		return value.Value{}
	}
	if d, ok := value.Pow10(int32(s.scale)).Mul(value.Int128{Lo: s.weight}); ok {
		return value.Float(value.Ratio(s.total, d))
	}
	d := new(big.Int).Mul(value.Pow10(int32(s.scale)).Big(), new(big.Int).SetUint64(s.weight))
	f, _ := new(big.Rat).SetFrac(s.total.Big(), d).Float64()
	return value.Float(f)
}

func (s *mean) Append(dst []byte, _ Order) []byte {
	dst = binary.AppendVarint(dst, int64(s.weight))
	if s.weight == 0 {
		return dst
	}
	return s.total.AppendVarint(dst)
}

func (s *mean) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	weight := r.uvarint() // zigzag, so that a weight may come to be negative
	if weight&1 != 0 {
		r.fail("negative weight")
	}
	var total value.Int128
	if weight != 0 {
		total = r.int128()
	}
	if r.err == nil {
		s.total, s.weight = total, weight>>1
	}
	return r.done(Mean)
}

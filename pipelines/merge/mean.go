package merge

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

var meanKind = &kind{
	name:   Mean,
	input:  numeric,
	check:  checkMean,
	result: func(s Spec) value.Type { return s.sumType(value.Float64) },
	make:   Spec.newMean,
	key:    Spec.meanKey,
	bytes: func(s Spec) int {
		if s.weighted() {
			return 1 + 2*int128Bytes
		}
		return int64Bytes + int128Bytes
	},
	feed: Exact,
}

func checkMean(s Spec) error {
	if err := checkScale(s); err != nil {
		return err
	}
	if s.weighted() {
		if err := numeric(s.Weight); err != nil {
			return fmt.Errorf("weight: %w", err)
		}
		if err := checkScale(Spec{Input: s.Weight, Scale: s.WeightScale}); err != nil {
			return fmt.Errorf("weight: %w", err)
		}
	}
	return checkAs(s)
}

// weighted reports whether events come with a weight.
func (s Spec) weighted() bool { return s.Weight.Kind != value.Null }

func (s Spec) newMean() State {
	r := ratio{scale: uint8(s.Scale), as: s.Result().Kind}
	if s.weighted() {
		return &weightedMean{ratio: r}
	}
	return &mean{ratio: r}
}

func (s Spec) meanKey() string {
	key := fmt.Sprintf("mean(%s, %d", s.Input, s.Scale)
	if s.weighted() {
		key += fmt.Sprintf(", weight %s, %d", s.Weight, s.WeightScale)
	}
	if key += ")"; s.Result().Kind != value.Float64 {
		key += " " + s.Result().String()
	}
	return key
}

// ratio reads a total in units of 10^-scale over a weight.
type ratio struct {
	scale uint8
	as    value.Kind // Int64, Float64 or Decimal
}

// of is total / weight, rounded once, half to even; null if the weight is 0.
func (q ratio) of(total, weight value.Int128) value.Value {
	switch {
	case weight.Sign() == 0:
		return value.Value{}
	case q.as == value.Decimal:
		return value.Dec(clampDecimal(divided(total, weight.Big())))
	case q.as == value.Int64:
		return value.Int(divided(total, q.units(weight)).Int64())
	}
	if d, ok := value.Pow10(int32(q.scale)).Mul(weight); ok {
		return value.Float(value.Ratio(total, d))
	}
	f, _ := new(big.Rat).SetFrac(total.Big(), q.units(weight)).Float64()
	return value.Float(f)
}

// units is weight * 10^scale.
func (q ratio) units(weight value.Int128) *big.Int {
	d := weight.Big()
	return d.Mul(d, value.Pow10(int32(q.scale)).Big())
}

// divided is n/d rounded half to even; d is not 0. It is kept to 128 bits.
func divided(n value.Int128, d *big.Int) value.Int128 {
	q, r := new(big.Int).QuoRem(n.Big(), d, new(big.Int))
	twice := new(big.Int).Lsh(r, 1)
	if c := twice.CmpAbs(d); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(int64(n.Sign()*d.Sign())))
	}
	out, ok := value.Int128FromBig(q)
	if !ok { // -2^127 by -1
		return value.Int128{Hi: math.MaxInt64, Lo: 1<<64 - 1}
	}
	return out
}

// mean is Σ x in units of 10^-scale beside the number of events.
type mean struct {
	total  value.Int128
	weight int64 // below 0 only where more was taken out than was in
	ratio
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

// Subtract undoes Combine.
func (s *mean) Subtract(o State) {
	m := same[*mean](o)
	s.total = s.total.Sub(m.total)
	s.weight -= m.weight
}

func (s *mean) Reset()             { s.total, s.weight = value.Int128{}, 0 }
func (s *mean) Size() int          { return int(unsafe.Sizeof(*s)) }
func (s *mean) Value() value.Value { return s.of(s.total, value.Int128Of(s.weight)) }

func (s *mean) Append(dst []byte, _ Order) []byte {
	dst = binary.AppendVarint(dst, s.weight)
	if s.weight == 0 {
		return dst
	}
	return s.total.AppendVarint(dst)
}

func (s *mean) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	weight := unzigzag(r.uvarint())
	if weight < 0 {
		r.fail("negative weight")
	}
	var total value.Int128
	if weight != 0 {
		total = r.int128()
	}
	if r.err == nil {
		s.total, s.weight = total, weight
	}
	return r.done(Mean)
}

// weightedMean is Σ w·x in units of 10^-(scale + scale of weights) beside Σ w.
// Weights may be negative and cancel each other: a state of which both sums are
// 0 is the empty one, whatever events led there, since it reads and combines
// like it.
type weightedMean struct {
	total, weight value.Int128
	ratio
}

func (s *weightedMean) Add(in Input) {
	wx, ok := in.X.Int128().Mul(in.W.Int128())
	if !ok {
		panic(fmt.Sprintf("BUG: merge: weight %s times %s is beyond 128 bits", in.W.Int128(), in.X.Int128()))
	}
	s.total = s.total.Add(wx)
	s.weight = s.weight.Add(in.W.Int128())
}

func (s *weightedMean) Combine(o State) {
	m := same[*weightedMean](o)
	s.total = s.total.Add(m.total)
	s.weight = s.weight.Add(m.weight)
}

// Subtract undoes Combine.
func (s *weightedMean) Subtract(o State) {
	m := same[*weightedMean](o)
	s.total = s.total.Sub(m.total)
	s.weight = s.weight.Sub(m.weight)
}

func (s *weightedMean) Reset()             { s.total, s.weight = value.Int128{}, value.Int128{} }
func (s *weightedMean) Size() int          { return int(unsafe.Sizeof(*s)) }
func (s *weightedMean) Value() value.Value { return s.of(s.total, s.weight) }
func (s *weightedMean) empty() bool        { return s.total.Sign() == 0 && s.weight.Sign() == 0 }

func (s *weightedMean) Append(dst []byte, _ Order) []byte {
	if s.empty() {
		return append(dst, 0)
	}
	return s.total.AppendVarint(s.weight.AppendVarint(append(dst, 1)))
}

func (s *weightedMean) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	in := weightedMean{ratio: s.ratio}
	switch r.uvarint() {
	case 0:
	case 1:
		in.weight, in.total = r.int128(), r.int128()
		if in.empty() {
			r.fail("no weight and no total")
		}
	default:
		r.fail("bad tag")
	}
	if r.err == nil {
		*s = in
	}
	return r.done(Mean)
}

var (
	_ Group = (*count)(nil)
	_ Group = (*sum)(nil)
	_ Group = (*mean)(nil)
	_ Group = (*weightedMean)(nil)
)

package merge

import (
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"unsafe"

	"anabranch.dev/anabranch/pipelines/merge/fixedmath"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// MaxHalfLife is the greatest half-life: 100 years of 365.25 days.
const MaxHalfLife = 36_525 * stamp.Day

const (
	// decayHorizon is how many half-life epochs before that of the key's newest
	// event still count (ops/adr/0007).
	decayHorizon = 40
	maxEpochs    = decayHorizon + 1
	// mantissaBits are kept after the point of x*2^f: an event of one unit is off
	// by no more than a part of 2^-33.
	mantissaBits = 32
)

var decayedSumKind = decayKind(DecayedSum)

var emaKind = decayKind(EMA)

func decayKind(name string) *kind {
	return &kind{
		name:    name,
		input:   numeric,
		check:   checkDecay,
		result:  func(Spec) value.Type { return value.Of(value.Float64) },
		make:    newDecay,
		key:     func(s Spec) string { return fmt.Sprintf("%s(%s, %d, %dus)", s.Kind, s.Input, s.Scale, s.HalfLife) },
		bytes:   decayBytes,
		planned: plannedDecay,
		feed:    Exact,
	}
}

func checkDecay(s Spec) error {
	if s.HalfLife < 1 || s.HalfLife > MaxHalfLife {
		return fmt.Errorf("half_life is 1us to 100 years, found %dus", s.HalfLife)
	}
	return checkScale(s)
}

// decay is forward decay (Cormode, Shkapenyuk, Srivastava and Xu, "Forward
// decay: a practical time decay model for streaming systems", ICDE 2009) by
// epochs of one half-life h. An event of value x at ts = (e+f)*h, with e whole and
// f in [0, 1), adds
//
//	round(x * 2^f * 2^32)
//
// to the sum of epoch e, exactly from then on: a pure function of the set. At
// a later time t
//
//	Σ x * 2^-((t-ts)/h) = Σ_e sum_e * 2^(e - t/h) / 2^32
//
// which is rounded once. Epochs more than decayHorizon before that of the
// newest event are dropped; a reader, whose newest event is no older, would not
// count them.
//
// The error of one event is at most 2^-33 of a unit by rounding and
// |x|*2^f*2^-60 by Exp2 and the truncation of f, that of the read 2^-60 and a
// float64's rounding: together below 2^-32 of Σ |x| * 2^-((t-ts)/h), since
// |x| >= 1 unit and 2^f >= 1 where x is not 0. Sums stay exact for 2^63 events
// of |x| <= 2^95.
type decay struct {
	epochs []epoch // from the newest back, those with events
	newest stamp.Micros
	latest int64 // epoch of newest
	half   stamp.Micros
	scale  int32
	ema    bool
}

// epoch is what happened within one half-life.
type epoch struct {
	number int64 // floor(event time / half-life)
	// weight is the number of events, or for ema Σ 2^f in units of 2^-32. It is
	// not 0, and below only what was taken out before it was put in.
	weight value.Int128
	sum    fixedmath.Int256 // Σ x*2^f in units of 2^-32 of x's
}

func newDecay(s Spec) State {
	return &decay{half: s.HalfLife, scale: s.Scale, ema: s.Kind == EMA}
}

// split is the epoch of a time and how far it lies in it, in units of 2^-64,
// rounded down.
func (s *decay) split(t stamp.Micros) (number int64, part uint64) {
	number = floorDiv(int64(t), int64(s.half))
	rest := uint64(int64(t) - number*int64(s.half))
	part, _ = bits.Div64(rest, 0, uint64(s.half))
	return number, part
}

func (s *decay) Add(in Input) {
	number, part := s.split(in.Order.Time)
	s.reach(in.Order.Time, number)
	if number < s.latest-decayHorizon {
		return
	}
	x := in.X.Int128()
	hi, lo := x.Abs()
	factor := fixedmath.Exp2(part) // in units of 2^-63
	const drop = 63 - mantissaBits
	sum := fixedmath.Product(x.Hi < 0, hi, lo, factor, drop)
	weight := value.Int128Of(1)
	if s.ema {
		weight.Lo = fixedmath.Product(false, 0, 1, factor, drop)[0]
	}
	s.put(number, weight, sum)
}

// reach moves the newest event to a time, if it is later, and drops the epochs
// that are then too old.
func (s *decay) reach(t stamp.Micros, number int64) {
	if len(s.epochs) > 0 && t <= s.newest {
		return
	}
	s.newest, s.latest = t, number
	n := len(s.epochs)
	for n > 0 && s.epochs[n-1].number < number-decayHorizon {
		n--
	}
	s.epochs = s.epochs[:n]
}

// put adds to an epoch within the horizon.
func (s *decay) put(number int64, weight value.Int128, sum fixedmath.Int256) {
	i := 0
	for i < len(s.epochs) && s.epochs[i].number > number {
		i++
	}
	if i == len(s.epochs) || s.epochs[i].number != number {
		s.epochs = slices.Insert(s.epochs, i, epoch{number, weight, sum})
		return
	}
	e := &s.epochs[i]
	e.weight, e.sum = e.weight.Add(weight), e.sum.Add(sum)
	if e.weight == (value.Int128{}) {
		s.epochs = slices.Delete(s.epochs, i, i+1)
	}
}

func (s *decay) Combine(o State) {
	d := same[*decay](o)
	if len(d.epochs) == 0 {
		return
	}
	s.reach(d.newest, d.latest)
	for _, e := range d.epochs {
		if e.number >= s.latest-decayHorizon {
			s.put(e.number, e.weight, e.sum)
		}
	}
}

func (s *decay) Subtract(o State) {
	d := same[*decay](o)
	if len(d.epochs) == 0 {
		return
	}
	s.reach(d.newest, d.latest)
	for _, e := range slices.Clone(d.epochs) { // s may be o
		if e.number >= s.latest-decayHorizon {
			s.put(e.number, e.weight.Neg(), e.sum.Neg())
		}
	}
}

func (s *decay) Reset()    { s.epochs = s.epochs[:0] }
func (s *decay) Size() int { return int(unsafe.Sizeof(*s)) + cap(s.epochs)*int(unsafe.Sizeof(epoch{})) }

func (s *decay) Value() value.Value {
	return s.ValueAt(Moment{At: s.newest, From: stamp.NoTime, Newest: s.newest})
}

// ValueAt is the sum at m.At, or the mean, of the epochs that are not too old by
// m.Newest. A window's begin is the caller's: it combines the panes in it.
func (s *decay) ValueAt(m Moment) value.Value {
	oldest := floorDiv(int64(m.Newest), int64(s.half)) - decayHorizon
	var sum, weight fixedmath.Int256 // in units of 2^-32 of the epoch at hand
	last, found := int64(0), false
	for _, e := range s.epochs {
		if e.number < oldest {
			break
		}
		if found {
			gap := uint(last - e.number)
			sum, weight = sum.Shl(gap), weight.Shl(gap)
		}
		sum, weight = sum.Add(e.sum), weight.Add(widened(e.weight))
		last, found = e.number, true
	}
	switch {
	case !found || s.ema && weight == fixedmath.Int256{}:
		return value.Value{}
	case s.ema:
		return value.Float(s.mean(sum, weight))
	}
	return value.Float(s.faded(sum, last, m.At))
}

func widened(n value.Int128) fixedmath.Int256 {
	sign := uint64(n.Hi >> 63)
	return fixedmath.Int256{n.Lo, uint64(n.Hi), sign, sign}
}

// mean is sum/weight/10^scale, of a weight that is not 0.
func (s *decay) mean(sum, weight fixedmath.Int256) float64 {
	if weight.Sign() < 0 {
		sum, weight = sum.Neg(), weight.Neg()
	}
	den := weight.Big()
	return fixedmath.Ratio(sum.Big(), den.Mul(den, value.Pow10(s.scale).Big()), 0)
}

// faded is sum * 2^(number - t/h) / 2^32 / 10^scale: with t = (e+f)*h, the last
// part of the exponent is -f = (1-f) - 1.
func (s *decay) faded(sum fixedmath.Int256, number int64, t stamp.Micros) float64 {
	e, part := s.split(t)
	exp := number - e - mantissaBits
	if part != 0 {
		exp--
	}
	num := sum.Big()
	num.Mul(num, new(big.Int).SetUint64(fixedmath.Exp2(-part)))
	return fixedmath.Ratio(num, value.Pow10(s.scale).Big(), exp-63)
}

package merge

import (
	"encoding/binary"
	"fmt"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// units are the spans that a gap of event time may be counted in, longest
// first; a unit's place is its two-bit code. Each is a multiple of the next.
var units = [...]stamp.Micros{stamp.Minute, stamp.Second, stamp.Millisecond, stamp.Microsecond}

// maxGap bounds event times to [-maxGap, maxGap], which is wider than
// stamp.MinMicros to stamp.MaxMicros: the gap of two fits beside its unit.
const maxGap = 1 << 58

// Flags of an encoded Order.
const (
	flagLogical = 1 << 0 // the stamp's logical part follows
	flagRemoved = 1 << 1 // the event removed the element
	flagBits    = 2
)

// appendOrder appends o without its rank, relative to ref (FORMAT.md §5.1).
func appendOrder(dst []byte, ref, o Order, removed bool) []byte {
	dst = appendGap(dst, ref.Time, o.Time)
	flags := uint64(0)
	if o.Stamp.Logical() != 0 {
		flags |= flagLogical
	}
	if removed {
		flags |= flagRemoved
	}
	dst = binary.AppendUvarint(dst, zigzag(ref.Stamp.Millis()-o.Stamp.Millis())<<flagBits|flags)
	if o.Stamp.Logical() != 0 {
		dst = binary.AppendUvarint(dst, uint64(o.Stamp.Logical()))
	}
	return binary.AppendUvarint(dst, zigzag(ref.Offset-o.Offset))
}

// appendGap appends the time from t to ref in the longest unit that divides it.
func appendGap(dst []byte, ref, t stamp.Micros) []byte {
	if t < -maxGap || t > maxGap || ref < -maxGap || ref > maxGap {
		panic(fmt.Sprintf("BUG: merge: event time %d or base %d out of range", t, ref))
	}
	gap := ref - t
	code := 0
	for gap%units[code] != 0 {
		code++
	}
	return binary.AppendUvarint(dst, zigzag(int64(gap/units[code]))<<2|uint64(code))
}

func zigzag(n int64) uint64   { return uint64(n)<<1 ^ uint64(n>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// same asserts that o is a state of the receiver's spec.
func same[S State](o State) S {
	s, ok := o.(S)
	if !ok {
		panic(fmt.Sprintf("BUG: merge: %T combined with a %T", s, o))
	}
	return s
}

// reader walks canonical bytes and remembers the first error.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) fail(why string) {
	if r.err == nil {
		r.err = fmt.Errorf("at %d: %s", r.at, why)
	}
}

// done gives what Decode returns.
func (r *reader) done(kind string) (int, error) {
	if r.err != nil {
		return 0, fmt.Errorf("decode %s: %w", kind, r.err)
	}
	return r.at, nil
}

func (r *reader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	if r.at < len(r.b) && r.b[r.at] < 0x80 {
		r.at++
		return uint64(r.b[r.at-1])
	}
	u, n, err := value.Uvarint(r.b[r.at:])
	if err != nil {
		r.fail(err.Error())
		return 0
	}
	r.at += n
	return u
}

func (r *reader) int128() value.Int128 {
	if r.err != nil {
		return value.Int128{}
	}
	v, n := value.DecodeInt128(r.b[r.at:])
	if n == 0 {
		r.fail("bad integer")
	}
	r.at += n
	return v
}

// take reads the next n bytes; they share the input.
func (r *reader) take(n int) []byte {
	if r.err != nil || n > len(r.b)-r.at {
		r.fail("torn")
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

// order reads what appendOrder wrote; the rank is ref's.
func (r *reader) order(ref Order) (o Order, removed bool) {
	o.Rank = ref.Rank
	o.Time = r.gap(ref.Time)
	u := r.uvarint()
	millis := uint64(ref.Stamp.Millis() - unzigzag(u>>flagBits))
	logical := uint64(0)
	if u&flagLogical != 0 {
		if logical = r.uvarint(); logical == 0 || logical >= 1<<stamp.LogicalBits {
			r.fail("logical stamp out of range")
		}
	}
	if millis >= 1<<(64-stamp.LogicalBits) {
		r.fail("stamp out of range")
	}
	o.Stamp = stamp.Stamp(millis<<stamp.LogicalBits | logical)
	if o.Offset = ref.Offset - unzigzag(r.uvarint()); o.Offset < 0 {
		r.fail("offset out of range")
	}
	return o, u&flagRemoved != 0
}

func (r *reader) gap(ref stamp.Micros) stamp.Micros {
	u := r.uvarint()
	code, n := u&3, stamp.Micros(unzigzag(u>>2))
	if code > 0 && n%(units[code-1]/units[code]) == 0 {
		r.fail("event time not in its longest unit")
	}
	most := 2 * maxGap / units[code]
	if n < -most || n > most {
		r.fail("event time out of range")
		return 0
	}
	t := ref - n*units[code]
	if t < -maxGap || t > maxGap {
		r.fail("event time out of range")
	}
	return t
}

// parts reads what parts.append wrote; they share the input.
func (r *reader) parts(c cellType) parts {
	start := r.at
	switch c.kind {
	case value.Int64, value.Date, value.Timestamp:
		return parts{n: unzigzag(r.uvarint())}
	case value.List:
		r.content(c)
		return parts{b: r.b[start:r.at]}
	}
	return take(r.content(c), nil)
}

// content reads a value of type c without its kind; it shares the input.
func (r *reader) content(c cellType) value.Value {
	if r.err != nil {
		return value.Value{}
	}
	v, n, err := value.DecodeContent(c.kind, r.b[r.at:])
	if err != nil {
		r.fail(err.Error())
		return value.Value{}
	}
	for i := range v.L {
		if k := v.L[i].Kind; k != c.elem && k != value.Null {
			r.fail(fmt.Sprintf("item %d is %s, not %s", i, k, c.elem))
		}
	}
	r.at += n
	return v
}

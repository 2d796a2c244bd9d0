package columnar

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// dense is the values of one page or dictionary that are there, without the nulls. What it shares with the page it was
// decoded from lives as long as the page.
type dense struct {
	n    []int64
	h    []int64
	off  []uint32
	data []byte
	own  []int64 // memory of n, when n is not the page's
}

// decoder fills d with the first count values of a page.
type decoder func(d *dense, page encoding.Values, count int) error

func short(have, want int) error {
	return fmt.Errorf("page holds %d values of %d", have, want)
}

// sized checks that have values are enough for count and gives d room for them.
func (d *dense) sized(have, count int) error {
	if have < count {
		return short(have, count)
	}
	if cap(d.own) < count {
		d.own = make([]int64, count)
	}
	d.n = d.own[:count]
	return nil
}

func decodeBool(d *dense, page encoding.Values, count int) error {
	bits := page.Boolean()
	if err := d.sized(8*len(bits), count); err != nil {
		return err
	}
	for i := range d.n {
		d.n[i] = int64(bits[i/8] >> (i % 8) & 1)
	}
	return nil
}

func decodeInt32(d *dense, page encoding.Values, count int) error {
	return convert(d, page.Int32(), count, func(x int32) (int64, bool) { return int64(x), true })
}

func decodeUint32(d *dense, page encoding.Values, count int) error {
	return convert(d, page.Uint32(), count, func(x uint32) (int64, bool) { return int64(x), true })
}

func decodeUint64(d *dense, page encoding.Values, count int) error {
	return convert(d, page.Uint64(), count, func(x uint64) (int64, bool) { return int64(x), x <= math.MaxInt64 })
}

func decodeFloat(d *dense, page encoding.Values, count int) error {
	return convert(d, page.Float(), count, func(x float32) (int64, bool) { return int64(math.Float64bits(float64(x))), true })
}

func decodeInt64(d *dense, page encoding.Values, count int) error {
	return aliased(d, page.Int64(), count)
}

func decodeDouble(d *dense, page encoding.Values, count int) error {
	return convert(d, page.Double(), count, func(x float64) (int64, bool) { return int64(math.Float64bits(x)), true })
}

func aliased(d *dense, from []int64, count int) error {
	if len(from) < count {
		return short(len(from), count)
	}
	d.n = from[:count]
	return nil
}

// convert decodes value by value; false from to means out of range.
func convert[T any](d *dense, from []T, count int, to func(T) (int64, bool)) error {
	if err := d.sized(len(from), count); err != nil {
		return err
	}
	for i, x := range from[:count] {
		n, ok := to(x)
		if !ok {
			return fmt.Errorf("value %v is out of range", x)
		}
		d.n[i] = n
	}
	return nil
}

// timeDecoders turn stored units into microseconds; nanoseconds are floored.
var timeDecoders = map[string]decoder{
	"MICROS": decodeInt64,
	"MILLIS": func(d *dense, page encoding.Values, count int) error {
		return convert(d, page.Int64(), count, func(x int64) (int64, bool) { return x * 1000, x*1000/1000 == x })
	},
	"NANOS": func(d *dense, page encoding.Values, count int) error {
		return convert(d, page.Int64(), count, func(x int64) (int64, bool) { return floorDiv(x, 1000), true })
	},
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// julianEpoch is the Julian day number of 1970-01-01.
const julianEpoch = 2440588

// decodeInt96 reads the legacy timestamps of Impala and Spark: nanoseconds of the day and a Julian day, in UTC.
func decodeInt96(d *dense, page encoding.Values, count int) error {
	from := page.Int96()
	if err := d.sized(len(from), count); err != nil {
		return err
	}
	for i, x := range from[:count] {
		days := int64(int32(x[2])) - julianEpoch
		nanos := int64(uint64(x[1])<<32 | uint64(x[0]))
		d.n[i] = days*int64(stamp.Day) + floorDiv(nanos, 1000)
	}
	return nil
}

func decodeBytes(d *dense, page encoding.Values, count int) error {
	if page.Kind() == encoding.FixedLenByteArray {
		return decodeFixed(d, page, count)
	}
	data, off := page.ByteArray()
	if len(off) <= count && count > 0 {
		return short(len(off)-1, count)
	}
	for i := 1; i <= count; i++ {
		if off[i] < off[i-1] || int(off[i]) > len(data) {
			return fmt.Errorf("byte array %d lies outside of its page", i)
		}
	}
	d.data, d.off = data, off[:min(len(off), count+1)]
	return nil
}

func decodeFixed(d *dense, page encoding.Values, count int) error {
	data, size := page.FixedLenByteArray()
	if size <= 0 || len(data)/size < count {
		return short(len(data), count*size)
	}
	d.data, d.off = data, make([]uint32, count+1)
	for i := range d.off {
		d.off[i] = uint32(i * size)
	}
	return nil
}

// decodeText is decodeBytes for strings, which are UTF-8. The bytes are checked together: a boundary between two
// strings may not split a character, so every string must begin where one begins.
func decodeText(d *dense, page encoding.Values, count int) error {
	if err := decodeBytes(d, page, count); err != nil || count == 0 {
		return err
	}
	if !utf8.Valid(d.data[d.off[0]:d.off[count]]) {
		return fmt.Errorf("string is not UTF-8")
	}
	for _, at := range d.off[:count] {
		if at < d.off[count] && !utf8.RuneStart(d.data[at]) {
			return fmt.Errorf("string is not UTF-8")
		}
	}
	return nil
}

func decodeUUID(d *dense, page encoding.Values, count int) error {
	data, size := page.FixedLenByteArray()
	if size != 16 || len(data)/16 < count {
		return short(len(data)/16, count)
	}
	d.data, d.off = make([]byte, 0, 36*count), make([]uint32, 1, count+1)
	for i := range count {
		d.data = appendUUID(d.data, data[16*i:16*i+16])
		d.off = append(d.off, uint32(len(d.data)))
	}
	return nil
}

func appendUUID(dst, u []byte) []byte {
	for i, cut := range [...]int{4, 6, 8, 10, 16} {
		from := [...]int{0, 4, 6, 8, 10}[i]
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, u[from:cut])
	}
	return dst
}

var decimalDecoders = map[parquet.Kind]decoder{
	parquet.Int32: func(d *dense, page encoding.Values, count int) error {
		return errorOr(decodeInt32(d, page, count), func() { d.extend() })
	},
	parquet.Int64: func(d *dense, page encoding.Values, count int) error {
		return errorOr(decodeInt64(d, page, count), func() { d.extend() })
	},
	parquet.FixedLenByteArray: decodeDecimal,
	parquet.ByteArray:         decodeDecimal,
}

func errorOr(err error, then func()) error {
	if err == nil {
		then()
	}
	return err
}

// extend makes the high halves of decimals out of their low ones.
func (d *dense) extend() {
	d.h = append(d.h[:0], d.n...)
	for i := range d.h {
		d.h[i] >>= 63
	}
}

func decodeDecimal(d *dense, page encoding.Values, count int) error {
	if err := decodeBytes(d, page, count); err != nil {
		return err
	}
	if err := d.sized(count, count); err != nil {
		return err
	}
	d.h = d.h[:0]
	for i := range count {
		n, ok := int128(d.data[d.off[i]:d.off[i+1]])
		if !ok {
			return fmt.Errorf("decimal of more than 128 bits")
		}
		d.n[i], d.h = int64(n.Lo), append(d.h, n.Hi)
	}
	return nil
}

// int128 reads a big-endian two's complement integer.
func int128(b []byte) (value.Int128, bool) {
	var wide [16]byte
	var fill byte
	if len(b) > 0 && b[0]&0x80 != 0 {
		fill = 0xff
	}
	for len(b) > 16 {
		if b[0] != fill || b[1]&0x80 != fill&0x80 {
			return value.Int128{}, false
		}
		b = b[1:]
	}
	for i := range 16 - len(b) {
		wide[i] = fill
	}
	copy(wide[16-len(b):], b)
	return value.Int128{Hi: int64(binary.BigEndian.Uint64(wide[:8])), Lo: binary.BigEndian.Uint64(wide[8:])}, true
}

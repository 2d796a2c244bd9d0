package columnar

import (
	"bytes"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"
)

// ranked is a Parquet type with an order of its own for minima and maxima. The library orders decimals in byte arrays
// as unsigned bytes and lets a NaN hide its neighbours; statistics made so would make readers skip rows that match.
type ranked struct {
	parquet.Type
	compare func(a, b parquet.Value) int
	bounds  func(page encoding.Values) (lo, hi parquet.Value, ok bool)
}

func (t *ranked) Compare(a, b parquet.Value) int { return t.compare(a, b) }

func (t *ranked) NewColumnBuffer(column, rows int) parquet.ColumnBuffer {
	return &rankedBuffer{t.Type.NewColumnBuffer(column, rows), t}
}

func (t *ranked) NewColumnIndexer(int) parquet.ColumnIndexer { return &rankedIndex{typ: t} }

type rankedBuffer struct {
	parquet.ColumnBuffer
	typ *ranked
}

func (b *rankedBuffer) Page() parquet.Page { return &rankedPage{b.ColumnBuffer.Page(), b.typ} }

type rankedPage struct {
	parquet.Page
	typ *ranked
}

func (p *rankedPage) Bounds() (lo, hi parquet.Value, ok bool) { return p.typ.bounds(p.Page.Data()) }

// rankedIndex collects the column index of a ranked column: one entry a page.
type rankedIndex struct {
	typ    *ranked
	index  format.ColumnIndex
	lo, hi []parquet.Value
}

func (x *rankedIndex) Reset() {
	x.index, x.lo, x.hi = format.ColumnIndex{}, nil, nil
}

func (x *rankedIndex) IndexPage(values, nulls int64, lo, hi parquet.Value) {
	x.index.NullPages = append(x.index.NullPages, values == nulls)
	x.index.NullCounts = append(x.index.NullCounts, nulls)
	x.index.MinValues = append(x.index.MinValues, plainBytes(lo))
	x.index.MaxValues = append(x.index.MaxValues, plainBytes(hi))
	if values != nulls {
		x.lo, x.hi = append(x.lo, lo.Clone()), append(x.hi, hi.Clone())
	}
}

func plainBytes(v parquet.Value) []byte {
	if v.IsNull() {
		return []byte{}
	}
	return v.AppendBytes(nil)
}

func (x *rankedIndex) ColumnIndex() format.ColumnIndex {
	switch {
	case x.monotonic(1):
		x.index.BoundaryOrder = format.Ascending
	case x.monotonic(-1):
		x.index.BoundaryOrder = format.Descending
	default:
		x.index.BoundaryOrder = format.Unordered
	}
	return x.index
}

func (x *rankedIndex) monotonic(sign int) bool {
	for i := 1; i < len(x.lo); i++ {
		if sign*x.typ.compare(x.lo[i-1], x.lo[i]) > 0 || sign*x.typ.compare(x.hi[i-1], x.hi[i]) > 0 {
			return false
		}
	}
	return true
}

// decimalOrder ranks byte arrays as big-endian two's complement integers, which is the order of DECIMAL.
func decimalOrder(t parquet.Type) parquet.Type {
	return &ranked{
		Type:    t,
		compare: func(a, b parquet.Value) int { return compareSigned(a.ByteArray(), b.ByteArray()) },
		bounds: func(page encoding.Values) (lo, hi parquet.Value, ok bool) {
			var least, most []byte
			eachBytes(page, func(b []byte) {
				if !ok || compareSigned(b, least) < 0 {
					least = b
				}
				if !ok || compareSigned(b, most) > 0 {
					most = b
				}
				ok = true
			})
			if t.Kind() == parquet.ByteArray {
				return parquet.ByteArrayValue(least), parquet.ByteArrayValue(most), ok
			}
			return parquet.FixedLenByteArrayValue(least), parquet.FixedLenByteArrayValue(most), ok
		},
	}
}

// eachBytes visits the values of a page of byte arrays, fixed or not.
func eachBytes(page encoding.Values, visit func([]byte)) {
	if page.Kind() == encoding.ByteArray {
		data, offsets := page.ByteArray()
		for i := 1; i < len(offsets); i++ {
			visit(data[offsets[i-1]:offsets[i]])
		}
		return
	}
	data, size := page.FixedLenByteArray()
	for ; size > 0 && len(data) >= size; data = data[size:] {
		visit(data[:size])
	}
}

// compareSigned orders two big-endian two's complement integers of any lengths.
func compareSigned(a, b []byte) int {
	negative := func(x []byte) bool { return len(x) > 0 && x[0]&0x80 != 0 }
	na, nb := negative(a), negative(b)
	switch {
	case na && !nb:
		return -1
	case nb && !na:
		return 1
	}
	var fill byte
	if na {
		fill = 0xff
	}
	for len(a) > len(b) {
		if a[0] != fill {
			return signOf(na)
		}
		a = a[1:]
	}
	for len(b) > len(a) {
		if b[0] != fill {
			return -signOf(na)
		}
		b = b[1:]
	}
	return bytes.Compare(a, b)
}

// signOf is the side on which the longer of two integers lies when its extra bytes are not mere sign.
func signOf(negative bool) int {
	if negative {
		return -1
	}
	return 1
}

// doubleOrder ranks float64 without NaN; a page of nothing else is bounded by the infinities.
func doubleOrder(t parquet.Type) parquet.Type {
	return &ranked{
		Type:    t,
		compare: func(a, b parquet.Value) int { return compareFloat(a.Double(), b.Double()) },
		bounds: func(page encoding.Values) (lo, hi parquet.Value, ok bool) {
			least, most := floatBounds(page.Double())
			return parquet.DoubleValue(least), parquet.DoubleValue(most), len(page.Double()) > 0
		},
	}
}

// floatOrder is doubleOrder for FLOAT.
func floatOrder(t parquet.Type) parquet.Type {
	return &ranked{
		Type:    t,
		compare: func(a, b parquet.Value) int { return compareFloat(a.Float(), b.Float()) },
		bounds: func(page encoding.Values) (lo, hi parquet.Value, ok bool) {
			least, most := floatBounds(page.Float())
			return parquet.FloatValue(least), parquet.FloatValue(most), len(page.Float()) > 0
		},
	}
}

// halfOrder bounds every page of FLOAT16 by the infinities: true, and enough.
func halfOrder(t parquet.Type) parquet.Type {
	return &ranked{
		Type:    t,
		compare: func(a, b parquet.Value) int { return -bytes.Compare(a.ByteArray(), b.ByteArray()) },
		bounds: func(page encoding.Values) (lo, hi parquet.Value, ok bool) {
			return parquet.FixedLenByteArrayValue([]byte{0x00, 0xfc}), parquet.FixedLenByteArrayValue([]byte{0x00, 0x7c}), page.Size() > 0
		},
	}
}

func compareFloat[F float32 | float64](a, b F) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// floatBounds widens a zero bound to the zero of the other sign, as the format asks, since readers may tell them apart.
func floatBounds[F float32 | float64](values []F) (lo, hi F) {
	lo, hi = F(math.Inf(1)), F(math.Inf(-1))
	for _, f := range values {
		lo, hi = min2(lo, f), max2(hi, f)
	}
	if lo > hi {
		return hi, lo
	}
	if lo == 0 {
		lo = F(math.Copysign(0, -1))
	}
	if hi == 0 {
		hi = 0
	}
	return lo, hi
}

// min2 and max2 ignore a NaN in f.
func min2[F float32 | float64](a, f F) F {
	if f < a {
		return f
	}
	return a
}

func max2[F float32 | float64](a, f F) F {
	if f > a {
		return f
	}
	return a
}

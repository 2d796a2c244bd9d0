package columnar

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"anabranch.dev/anabranch/schemas/value"
)

// ArrowWriter writes an Arrow IPC stream of record batches.
type ArrowWriter struct {
	schema Schema
	arrow  *arrow.Schema
	out    *ipc.Writer
}

// NewArrowWriter starts a stream on w, which the caller closes after the writer.
func NewArrowWriter(w io.Writer, schema Schema) (*ArrowWriter, error) {
	if err := schema.Validate(); err != nil {
		return nil, fmt.Errorf("write arrow: %w", err)
	}
	s := arrow.NewSchema(arrowFields(schema), nil)
	return &ArrowWriter{schema: schema, arrow: s, out: ipc.NewWriter(w, ipc.WithSchema(s))}, nil
}

// Write sends b as one record batch; b is the caller's again when Write returns.
func (w *ArrowWriter) Write(b *Batch) (err error) {
	defer guard(&err)
	if err := b.fits(w.schema); err != nil {
		return fmt.Errorf("write arrow: %w", err)
	}
	columns := make([]arrow.Array, len(b.Cols))
	for i := range b.Cols {
		data, err := arrowData(&b.Cols[i], w.arrow.Field(i).Type)
		if err != nil {
			return fmt.Errorf("write arrow: column %q: %w", w.schema[i].Name, err)
		}
		columns[i] = array.MakeFromData(data)
	}
	record := array.NewRecord(w.arrow, columns, int64(b.Rows))
	defer record.Release()
	if err := w.out.Write(record); err != nil {
		return fmt.Errorf("write arrow: %w", err)
	}
	return nil
}

// Close ends the stream.
func (w *ArrowWriter) Close() error {
	if err := w.out.Close(); err != nil {
		return fmt.Errorf("write arrow: %w", err)
	}
	return nil
}

// WriteArrow writes b as a whole Arrow IPC stream of one record batch.
func WriteArrow(w io.Writer, b *Batch) error {
	aw, err := NewArrowWriter(w, b.Schema)
	if err != nil {
		return err
	}
	if err := aw.Write(b); err != nil {
		return err
	}
	return aw.Close()
}

// arrowData lays v out as Arrow does; integers and floats are shared, the rest is copied.
func arrowData(v *Vector, dt arrow.DataType) (arrow.ArrayData, error) {
	valid, nulls := validity(v)
	n := v.Len()
	flat := func(b []byte) (arrow.ArrayData, error) {
		return array.NewData(dt, n, []*memory.Buffer{valid, memory.NewBufferBytes(b)}, nil, nulls, 0), nil
	}
	switch v.Type.Kind {
	case value.Bool:
		return flat(bitmap(n, func(i int) bool { return v.N[i] != 0 }))
	case value.Date:
		return dates(v, flat)
	case value.Decimal:
		return flat(decimals(v))
	case value.String, value.Bytes:
		off, err := offsets(v.Off)
		return array.NewData(dt, n, []*memory.Buffer{valid, off, memory.NewBufferBytes(v.Data)}, nil, nulls, 0), err
	case value.List:
		return listData(v, dt.(*arrow.ListType), valid, nulls)
	case value.Struct:
		return structData(v, dt.(*arrow.StructType), valid, nulls)
	}
	return flat(arrow.Int64Traits.CastToBytes(v.N))
}

func listData(v *Vector, dt *arrow.ListType, valid *memory.Buffer, nulls int) (arrow.ArrayData, error) {
	off, err := offsets(v.Off)
	if err != nil {
		return nil, err
	}
	items, err := arrowData(v.Elem, dt.Elem())
	return array.NewData(dt, v.Len(), []*memory.Buffer{valid, off}, []arrow.ArrayData{items}, nulls, 0), err
}

func structData(v *Vector, dt *arrow.StructType, valid *memory.Buffer, nulls int) (arrow.ArrayData, error) {
	members := make([]arrow.ArrayData, len(v.Sub))
	for m := range v.Sub {
		var err error
		if members[m], err = arrowData(&v.Sub[m], dt.Field(m).Type); err != nil {
			return nil, err
		}
	}
	return array.NewData(dt, v.Len(), []*memory.Buffer{valid}, members, nulls, 0), nil
}

func validity(v *Vector) (*memory.Buffer, int) {
	nulls := 0
	for _, null := range v.Nulls {
		if null {
			nulls++
		}
	}
	if nulls == 0 {
		return nil, 0
	}
	return memory.NewBufferBytes(bitmap(len(v.Nulls), func(i int) bool { return !v.Nulls[i] })), nulls
}

func bitmap(n int, set func(int) bool) []byte {
	bits := make([]byte, (n+7)/8)
	for i := range n {
		if set(i) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return bits
}

func dates(v *Vector, flat func([]byte) (arrow.ArrayData, error)) (arrow.ArrayData, error) {
	b := make([]byte, 0, 4*len(v.N))
	for _, days := range v.N {
		if err := dateFits(days); err != nil {
			return nil, err
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(days))
	}
	return flat(b)
}

func decimals(v *Vector) []byte {
	b := make([]byte, 0, 16*len(v.N))
	for i := range v.N {
		b = binary.LittleEndian.AppendUint64(b, uint64(v.N[i]))
		b = binary.LittleEndian.AppendUint64(b, uint64(v.H[i]))
	}
	return b
}

func offsets(off []int64) (*memory.Buffer, error) {
	if len(off) == 0 {
		off = []int64{0}
	}
	if off[len(off)-1] > math.MaxInt32 {
		return nil, fmt.Errorf("batch is over 2 GiB")
	}
	b := make([]byte, 0, 4*len(off))
	for _, at := range off {
		b = binary.LittleEndian.AppendUint32(b, uint32(at))
	}
	return memory.NewBufferBytes(b), nil
}

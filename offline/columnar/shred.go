package columnar

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"

	"anabranch.dev/anabranch/schemas/value"
)

// leaf writes one Parquet leaf column out of a column's vector: it turns rows into values with repetition and
// definition levels (Dremel's record shredding).
type leaf struct {
	column int // of the batch
	path   []step
	out    *parquet.ColumnWriter
	limit  int // bytes of values handed over at once, so that a page does not outgrow its bound
	values []parquet.Value
	fixed  []byte // the 16-byte decimals that values point into
	bytes  int
	filter *filter // nil: none
}

// step is one node on the way from a column down to its leaf.
type step struct {
	kind       value.Kind
	optional   bool
	member     int  // Struct: which one to go on with
	repetition byte // List: its level
}

// leavesOf lists the leaves of a column in the order of the file.
func leavesOf(column int, c Column) []*leaf {
	var leaves []*leaf
	walkLeaves(c.Type, c.Nullable, 0, nil, func(path []step) {
		leaves = append(leaves, &leaf{column: column, path: append([]step(nil), path...)})
	})
	return leaves
}

func walkLeaves(t value.Type, optional bool, repetition byte, path []step, visit func([]step)) {
	s := step{kind: t.Kind, optional: optional}
	switch t.Kind {
	case value.List:
		s.repetition = repetition + 1
		walkLeaves(*t.Elem, true, s.repetition, append(path, s), visit)
	case value.Struct:
		for i, f := range t.Fields {
			s.member = i
			walkLeaves(f.Type, true, repetition, append(path, s), visit)
		}
	default:
		visit(append(path, s))
	}
}

// write hands rows i to j of the column's vector to the file.
func (l *leaf) write(v *Vector, i, j int) error {
	if l.filter != nil {
		if err := l.filter.count(v, i, j); err != nil {
			return err
		}
	}
	if len(l.path) == 1 && wide(v.Type.Kind) {
		l.numbers(v, i, j)
		return l.hand()
	}
	for ; i < j; i++ {
		if err := l.row(v, i); err != nil {
			return err
		}
		if l.bytes >= l.limit {
			if err := l.hand(); err != nil {
				return err
			}
		}
	}
	return l.hand()
}

// wide reports the kinds that are 64 bits on disk.
func wide(k value.Kind) bool { return k == value.Int64 || k == value.Timestamp || k == value.Float64 }

// numbers is row for many rows of 64 bits, which most columns hold.
func (l *leaf) numbers(v *Vector, i, j int) {
	l.values = slices.Grow(l.values[:0], j-i)[:j-i]
	from := v.N[i:j]
	if v.Type.Kind == value.Float64 {
		for k := range l.values {
			l.values[k] = parquet.DoubleValue(math.Float64frombits(uint64(from[k])))
		}
	} else {
		for k := range l.values {
			l.values[k] = parquet.Int64Value(from[k])
		}
	}
	if !l.path[0].optional {
		return
	}
	for k := range l.values {
		if v.Null(i + k) {
			l.values[k] = parquet.Value{}
		} else {
			l.values[k].SetDefinitionLevel(1)
		}
	}
}

func (l *leaf) row(v *Vector, i int) error {
	if len(l.path) > 1 {
		return l.emit(v, i, 0, 0, 0)
	}
	if v.Null(i) {
		l.values = append(l.values, parquet.Value{})
		return nil
	}
	x, err := l.value(v, i)
	if l.path[0].optional {
		x.SetDefinitionLevel(1)
	}
	l.values = append(l.values, x)
	return err
}

// emit appends the values of row i of the node at depth, with the levels of the nodes above it.
func (l *leaf) emit(v *Vector, i, depth int, repetition, definition byte) error {
	s := &l.path[depth]
	if v.Null(i) {
		l.push(parquet.Value{}, repetition, definition)
		return nil
	}
	if s.optional {
		definition++
	}
	switch s.kind {
	case value.List:
		return l.emitItems(v, i, depth, repetition, definition)
	case value.Struct:
		return l.emit(&v.Sub[s.member], i, depth+1, repetition, definition)
	}
	x, err := l.value(v, i)
	l.push(x, repetition, definition)
	return err
}

func (l *leaf) emitItems(v *Vector, i, depth int, repetition, definition byte) error {
	from, to := int(v.Off[i]), int(v.Off[i+1])
	if from == to {
		l.push(parquet.Value{}, repetition, definition)
	}
	for j := from; j < to; j++ {
		if err := l.emit(v.Elem, j, depth+1, repetition, definition+1); err != nil {
			return err
		}
		repetition = l.path[depth].repetition
	}
	return nil
}

func (l *leaf) push(x parquet.Value, repetition, definition byte) {
	x.SetRepetitionLevel(int(repetition))
	x.SetDefinitionLevel(int(definition))
	l.values = append(l.values, x)
}

// value is the scalar in row i; bytes alias the vector until the values are handed over.
func (l *leaf) value(v *Vector, i int) (parquet.Value, error) {
	switch v.Type.Kind {
	case value.Bool:
		return parquet.BooleanValue(v.N[i] != 0), nil
	case value.Date:
		return parquet.Int32Value(int32(v.N[i])), dateFits(v.N[i])
	case value.Float64:
		return parquet.DoubleValue(math.Float64frombits(uint64(v.N[i]))), nil
	case value.String, value.Bytes:
		b := v.Bytes(i)
		l.bytes += len(b)
		return parquet.ByteArrayValue(b), nil
	case value.Decimal:
		return l.decimal(v.N[i], v.H[i])
	}
	return parquet.Int64Value(v.N[i]), nil
}

func (l *leaf) decimal(lo, hi int64) (parquet.Value, error) {
	if n := (value.Int128{Hi: hi, Lo: uint64(lo)}); !fits38(n) {
		return parquet.Value{}, fmt.Errorf("decimal %s has more than 38 digits", n)
	}
	at := len(l.fixed)
	l.fixed = binary.BigEndian.AppendUint64(l.fixed, uint64(hi))
	l.fixed = binary.BigEndian.AppendUint64(l.fixed, uint64(lo))
	return parquet.FixedLenByteArrayValue(l.fixed[at : at+16]), nil
}

var limit38 = value.Pow10(38)

func fits38(n value.Int128) bool { return n.Cmp(limit38) < 0 && n.Cmp(limit38.Neg()) > 0 }

func dateFits(days int64) error {
	if int64(int32(days)) != days {
		return fmt.Errorf("date %d days from 1970-01-01 does not fit 32 bits", days)
	}
	return nil
}

// hand passes the collected values on and forgets them.
func (l *leaf) hand() error {
	if len(l.values) == 0 {
		return nil
	}
	_, err := l.out.WriteRowValues(l.values)
	l.values, l.fixed, l.bytes = l.values[:0], l.fixed[:0], 0
	return err
}

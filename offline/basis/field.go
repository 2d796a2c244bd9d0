package basis

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/expr"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// History is the events of one stream, as offline/training reads them.
type History interface {
	// Scan calls fn for each key of a partition, in an order that does not change,
	// with all of its events, which are its own until fn returns.
	Scan(ctx context.Context, partition int32, keys [][]byte, fn func(key []byte, events []asof.Event) error) error
	// Fields says which fields events hold, by index in the stream's Fields; nil:
	// all.
	Fields() []int
}

// Field is a list of numbers in the events of a stream.
type Field struct {
	stream *definition.Stream
	index  int
	elem   value.Type
	where  *expr.Expr // nil: all events
}

// NewField finds a field of numbers by name, in the events for which a CEL
// condition holds; an empty one always does.
func NewField(s *definition.Stream, name, where string) (*Field, error) {
	f := &Field{stream: s, index: s.Field(name)}
	if f.index < 0 {
		return nil, fmt.Errorf("stream %s has no field %s%s", s.Name, name, definition.Hint(name, vectors(s)))
	}
	declared := &s.Fields[f.index]
	if declared.Type.Kind != value.List || !declared.Type.Elem.Numeric() {
		return nil, fmt.Errorf("field %s of stream %s is of type %s: want an array of numbers%s", name, s.Name, declared.AvroType, offer(vectors(s)))
	}
	f.elem = *declared.Type.Elem
	if where == "" {
		return f, nil
	}
	var err error
	if f.where, err = expr.Compile(where, s.Fields); err != nil {
		return nil, fmt.Errorf("where: %w", err)
	}
	return f, nil
}

// vectors are the names of the stream's fields that are lists of numbers.
func vectors(s *definition.Stream) []string {
	var list []string
	for i := range s.Fields {
		if t := s.Fields[i].Type; t.Kind == value.List && t.Elem.Numeric() {
			list = append(list, s.Fields[i].Name)
		}
	}
	return list
}

func offer(list []string) string {
	if len(list) == 0 {
		return ", and the stream has none"
	}
	return fmt.Sprintf(", like %s", list[0])
}

// Needed tells by index of the stream's fields which of them a history must
// read.
func (f *Field) Needed() []bool {
	needed := make([]bool, len(f.stream.Fields))
	needed[f.index] = true
	if f.where != nil {
		for _, i := range f.where.Fields() {
			needed[i] = true
		}
	}
	return needed
}

// Rows are the field's lists in all events of a history that was opened with
// Needed. An event that came twice is there twice.
func (f *Field) Rows(h History) Rows {
	return func(ctx context.Context, fn func(id uint64, x []float64) error) error {
		r := reader{Field: f, held: h.Fields(), fn: fn, wide: make([]value.Value, len(f.stream.Fields))}
		for p := range f.stream.Partitions {
			if err := h.Scan(ctx, p, nil, r.key); err != nil {
				return err
			}
		}
		return nil
	}
}

// reader is one pass over a history.
type reader struct {
	*Field
	held []int
	fn   func(id uint64, x []float64) error
	wide []value.Value // of one event, by index in the stream's Fields
	row  []float64
}

func (r *reader) key(key []byte, events []asof.Event) error {
	for i := range events {
		e := &events[i]
		if !r.holds(e) {
			continue
		}
		if err := r.fn(identity(key, e), r.items(r.wide[r.index])); err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether the condition holds for an event, which it spreads. A
// condition that fails does not, as in the fold.
func (r *reader) holds(e *asof.Event) bool {
	if r.held == nil {
		copy(r.wide, e.Fields)
	}
	for i, field := range r.held {
		r.wide[field] = e.Fields[i]
	}
	if r.where == nil {
		return true
	}
	ok, err := r.where.Cond(r.wide)
	return ok && err == nil
}

// items are a list's numbers, until the next call; nil of null.
func (r *reader) items(v value.Value) []float64 {
	if v.IsNull() {
		return nil
	}
	r.row = slices.Grow(r.row[:0], len(v.L)+1) // an empty list is not nil
	for _, item := range v.L {
		x := item.Float()
		if r.elem.Kind != value.Float64 {
			x = value.Unfix(item.Int128(), r.elem.Scale)
		}
		r.row = append(r.row, x)
	}
	return r.row
}

// identity is a number that hardly two events share.
func identity(key []byte, e *asof.Event) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(key)
	_, _ = h.Write([]byte("\x00" + e.Source.Origin + "\x00"))
	var b [16]byte
	binary.LittleEndian.PutUint32(b[:], e.Source.Incarnation)
	binary.LittleEndian.PutUint32(b[4:], uint32(e.Partition))
	binary.LittleEndian.PutUint64(b[8:], uint64(e.Offset))
	_, _ = h.Write(b[:])
	return h.Sum64()
}

package serve

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

var arrowTime = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}

// appendArrow appends the answer as an Arrow IPC stream of one batch with one
// row for each entity: the features by name, then statuses, age_ms and
// event_timestamps as lists in the features' order, then at, and errors if some
// feature is a sketch. What JSON says
// once for the answer is in the schema's metadata.
func (r *reading) appendArrow(b []byte) ([]byte, error) {
	schema := r.arrowSchema()
	batch := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer batch.Release()
	for i := range r.plan.columns {
		c := &r.plan.columns[i]
		for row := range r.cells.rows {
			result, _, _ := r.cell(row, c)
			appendArrowValue(batch.Field(i), result.Value, c.typ)
		}
	}
	r.arrowNotes(batch)
	if r.plan.inexact {
		r.arrowErrors(batch.Field(len(r.plan.columns) + 4).(*array.ListBuilder))
	}
	record := batch.NewRecord()
	defer record.Release()
	buf := bytes.NewBuffer(b)
	w := ipc.NewWriter(buf, ipc.WithSchema(schema))
	if err := w.Write(record); err != nil {
		return nil, fmt.Errorf("write Arrow: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write Arrow: %w", err)
	}
	return buf.Bytes(), nil
}

func (r *reading) arrowSchema() *arrow.Schema {
	fields := make([]arrow.Field, 0, len(r.plan.columns)+4)
	for i := range r.plan.columns {
		c := &r.plan.columns[i]
		fields = append(fields, arrow.Field{Name: c.name, Type: columnType(c.typ), Nullable: true})
	}
	fields = append(fields,
		arrow.Field{Name: "statuses", Type: arrow.ListOf(arrow.BinaryTypes.String)},
		arrow.Field{Name: "age_ms", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64)},
		arrow.Field{Name: "event_timestamps", Type: arrow.ListOf(arrowTime)},
		arrow.Field{Name: "at", Type: arrowTime})
	if r.plan.inexact {
		fields = append(fields, arrow.Field{Name: "errors", Type: arrow.ListOf(arrow.PrimitiveTypes.Float64)})
	}
	flags, _ := json.Marshal(r.flags.names())
	meta := arrow.MetadataFrom(map[string]string{
		"at": r.at().String(), "plan": "local", "token": r.token().Sign(r.plan.live.Secret),
		"flags": string(flags), "view_versions": "{" + string(r.appendVersions(nil)) + "}",
	})
	return arrow.NewSchema(fields, &meta)
}

// arrowNotes fills the columns behind the features.
func (r *reading) arrowNotes(batch *array.RecordBuilder) {
	n := len(r.plan.columns)
	statuses, ages := batch.Field(n).(*array.ListBuilder), batch.Field(n+1).(*array.ListBuilder)
	newest, at := batch.Field(n+2).(*array.ListBuilder), batch.Field(n+3).(*array.TimestampBuilder)
	for row := range r.cells.rows {
		statuses.Append(true)
		ages.Append(true)
		newest.Append(true)
		at.Append(arrow.Timestamp(r.times[row]))
		for i := range r.plan.columns {
			result, a, age := r.cell(row, &r.plan.columns[i])
			statuses.ValueBuilder().(*array.StringBuilder).Append(result.Status.String())
			if ms := age.millis(); ms >= 0 {
				ages.ValueBuilder().(*array.Int64Builder).Append(ms)
			} else {
				ages.ValueBuilder().AppendNull()
			}
			if a != nil && a.Newest != stamp.NoTime {
				newest.ValueBuilder().(*array.TimestampBuilder).Append(arrow.Timestamp(a.Newest))
			} else {
				newest.ValueBuilder().AppendNull()
			}
		}
	}
}

// arrowErrors fills the column of relative errors.
func (r *reading) arrowErrors(errors *array.ListBuilder) {
	items := errors.ValueBuilder().(*array.Float64Builder)
	for row := range r.cells.rows {
		errors.Append(true)
		for i := range r.plan.columns {
			result, _, _ := r.cell(row, &r.plan.columns[i])
			if result.Status != fold.Present {
				items.AppendNull()
				continue
			}
			items.Append(result.Err)
		}
	}
}

// columnType is the Arrow type of a feature's values.
func columnType(t value.Type) arrow.DataType {
	switch t.Kind {
	case value.Bool:
		return arrow.FixedWidthTypes.Boolean
	case value.Int64:
		return arrow.PrimitiveTypes.Int64
	case value.Float64:
		return arrow.PrimitiveTypes.Float64
	case value.String:
		return arrow.BinaryTypes.String
	case value.Bytes:
		return arrow.BinaryTypes.Binary
	case value.Date:
		return arrow.FixedWidthTypes.Date32
	case value.Timestamp:
		return arrowTime
	case value.Decimal:
		return &arrow.Decimal128Type{Precision: 38, Scale: t.Scale}
	case value.List:
		return arrow.ListOf(columnType(*t.Elem))
	case value.Struct:
		fields := make([]arrow.Field, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = arrow.Field{Name: f.Name, Type: columnType(f.Type), Nullable: true}
		}
		return arrow.StructOf(fields...)
	}
	return arrow.Null
}

func appendArrowValue(b array.Builder, v value.Value, t value.Type) {
	if v.IsNull() {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.Bool())
	case *array.Int64Builder:
		b.Append(v.N)
	case *array.Float64Builder:
		b.Append(v.Float())
	case *array.StringBuilder:
		b.BinaryBuilder.Append(v.B)
	case *array.BinaryBuilder:
		b.Append(v.B)
	case *array.Date32Builder:
		b.Append(arrow.Date32(v.N))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.N))
	case *array.Decimal128Builder:
		b.Append(decimal128.New(v.H, uint64(v.N)))
	case *array.ListBuilder:
		b.Append(true)
		for _, x := range v.L {
			appendArrowValue(b.ValueBuilder(), x, *t.Elem)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i, x := range v.L {
			appendArrowValue(b.FieldBuilder(i), x, t.Fields[i].Type)
		}
	default:
		panic(fmt.Sprintf("BUG: no Arrow form of %s", t))
	}
}

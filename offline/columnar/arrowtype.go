package columnar

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"anabranch.dev/anabranch/schemas/value"
)

// arrowType is the Arrow type of one of ours.
func arrowType(t value.Type, local bool) arrow.DataType {
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
		if local {
			return &arrow.TimestampType{Unit: arrow.Microsecond}
		}
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case value.Decimal:
		return &arrow.Decimal128Type{Precision: 38, Scale: t.Scale}
	case value.List:
		return arrow.ListOfField(arrow.Field{Name: "element", Type: arrowType(*t.Elem, local), Nullable: true})
	}
	fields := make([]arrow.Field, len(t.Fields))
	for i, f := range t.Fields {
		fields[i] = arrow.Field{Name: f.Name, Type: arrowType(f.Type, local), Nullable: true}
	}
	return arrow.StructOf(fields...)
}

func arrowFields(s Schema) []arrow.Field {
	fields := make([]arrow.Field, len(s))
	for i, c := range s {
		fields[i] = arrow.Field{Name: c.Name, Type: arrowType(c.Type, c.Local), Nullable: c.Nullable}
	}
	return fields
}

// fromArrow is our type of an Arrow type, and whether it reads a wall clock without a zone.
func fromArrow(dt arrow.DataType) (t value.Type, local bool, err error) {
	switch dt := dt.(type) {
	case *arrow.BooleanType:
		return value.Of(value.Bool), false, nil
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type,
		*arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type:
		return value.Of(value.Int64), false, nil
	case *arrow.Float16Type, *arrow.Float32Type, *arrow.Float64Type:
		return value.Of(value.Float64), false, nil
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType, *arrow.NullType:
		return value.Of(value.String), false, nil
	case *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.BinaryViewType, *arrow.FixedSizeBinaryType:
		return value.Of(value.Bytes), false, nil
	case *arrow.Date32Type, *arrow.Date64Type:
		return value.Of(value.Date), false, nil
	case *arrow.TimestampType:
		return value.Of(value.Timestamp), dt.TimeZone == "", nil
	case *arrow.Decimal128Type:
		if dt.Scale >= 0 && dt.Scale <= value.MaxScale {
			return value.Type{Kind: value.Decimal, Scale: dt.Scale}, false, nil
		}
	case *arrow.DictionaryType:
		if t, local, err = fromArrow(dt.ValueType); err != nil || t.Scalar() {
			return t, local, err
		}
	case arrow.ExtensionType:
		return fromArrow(dt.StorageType())
	case arrow.ListLikeType:
		if dt.ID() != arrow.MAP {
			t, local, err = fromArrow(dt.Elem())
			return value.ListOf(t), local, err
		}
	case *arrow.StructType:
		return fromArrowStruct(dt)
	}
	return t, false, fmt.Errorf("type %s", dt)
}

func fromArrowStruct(dt *arrow.StructType) (t value.Type, local bool, err error) {
	t.Kind = value.Struct
	for _, f := range dt.Fields() {
		ft, floating, err := fromArrow(f.Type)
		if err != nil {
			return t, local, fmt.Errorf("member %q: %w", f.Name, err)
		}
		t.Fields = append(t.Fields, value.Field{Name: f.Name, Type: ft})
		local = local || floating
	}
	return t, local, nil
}

// arrowSchemaKey is where Arrow's writers keep the Arrow schema of a Parquet file: base64 of an IPC schema message.
// Readers trust it to have as many fields as the file.
const arrowSchemaKey = "ARROW:schema"

// growArrowSchema adds the new columns to an embedded schema.
func growArrowSchema(encoded string, extra Schema) (grown string, err error) {
	defer guard(&err)
	message, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", err
	}
	r, err := (&messages{in: bytes.NewReader(message)}).reader()
	if err != nil {
		return "", err
	}
	defer r.Release()
	old, meta := r.Schema(), r.Schema().Metadata()
	schema := arrow.NewSchema(append(append([]arrow.Field(nil), old.Fields()...), arrowFields(extra)...), &meta)
	var out bytes.Buffer
	if err := ipc.NewWriter(&out, ipc.WithSchema(schema)).Close(); err != nil {
		return "", err
	}
	const endOfStream = 8
	return base64.StdEncoding.EncodeToString(out.Bytes()[:out.Len()-endOfStream]), nil
}

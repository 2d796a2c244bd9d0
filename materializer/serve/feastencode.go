package serve

import (
	"slices"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// appendFeast appends the answer of POST /get-online-features: one result a
// column, the entity columns first.
func (r *reading) appendFeast(b []byte, q *feastQuery) []byte {
	b = append(b, `{"results":[`...)
	for i := range q.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.appendEntity(b, &q.columns[i])
	}
	for i := range r.plan.columns {
		if i > 0 || len(q.columns) > 0 {
			b = append(b, ',')
		}
		b = r.appendFeature(b, &r.plan.columns[i])
	}
	b = append(b, `],"metadata":{"feature_names":`...)
	all := make([]string, 0, len(q.columns)+len(r.plan.columns))
	for i := range q.columns {
		all = append(all, q.columns[i].name)
	}
	for i := range r.plan.columns {
		all = append(all, q.nameOf(&r.plan.columns[i]))
	}
	b = appendTextList(b, all)
	b = append(b, `,"at":"`...)
	b = r.at().Append(b)
	b = append(b, `","plan":"local","token":"`...)
	b = append(b, r.token().Sign(r.plan.live.Secret)...)
	b = append(b, `","flags":`...)
	b = appendTextList(b, r.flags.names())
	return append(b, '}', '}')
}

// epoch is what Feast says for a value without a time.
const epoch = `"1970-01-01T00:00:00Z"`

func (r *reading) appendEntity(b []byte, c *feastColumn) []byte {
	kind, read := value.String, slices.Index(r.plan.keys, c.name)
	if read >= 0 {
		kind = r.plan.keyType(read)
	}
	b = append(b, `{"values":[`...)
	b = eachRow(b, len(c.cells), func(b []byte, row int) []byte {
		if read >= 0 && string(c.cells[row]) != "null" {
			if v, err := keyValue(c.cells[row], kind); err == nil {
				return value.AppendJSON(b, v, value.Of(kind))
			}
		}
		return append(b, c.cells[row]...)
	})
	b = append(b, `],"statuses":[`...)
	b = eachRow(b, len(c.cells), func(b []byte, row int) []byte {
		if string(c.cells[row]) == "null" {
			return append(b, `"NULL_VALUE"`...)
		}
		return append(b, `"PRESENT"`...)
	})
	b = append(b, `],"event_timestamps":[`...)
	b = eachRow(b, len(c.cells), func(b []byte, _ int) []byte { return append(b, epoch...) })
	return append(b, ']', '}')
}

func (r *reading) appendFeature(b []byte, c *column) []byte {
	b = append(b, `{"values":[`...)
	b = eachRow(b, r.cells.rows, func(b []byte, row int) []byte {
		result, _, _ := r.cell(row, c)
		return appendFeastValue(b, result.Value, c.typ)
	})
	b = append(b, `],"statuses":[`...)
	b = eachRow(b, r.cells.rows, func(b []byte, row int) []byte {
		result, _, _ := r.cell(row, c)
		return append(append(append(b, '"'), result.Status.String()...), '"')
	})
	b = append(b, `],"event_timestamps":[`...)
	b = eachRow(b, r.cells.rows, func(b []byte, row int) []byte {
		_, a, _ := r.cell(row, c)
		if a == nil || a.Newest == stamp.NoTime {
			return append(b, epoch...)
		}
		return appendFeastTime(b, a.Newest)
	})
	return append(b, ']', '}')
}

func eachRow(b []byte, rows int, item func([]byte, int) []byte) []byte {
	for row := range rows {
		if row > 0 {
			b = append(b, ',')
		}
		b = item(b, row)
	}
	return b
}

// appendFeastTime appends a time with 0, 3 or 6 digits after the second, as
// protobuf's JSON has it.
func appendFeastTime(b []byte, t stamp.Micros) []byte {
	layout := "2006-01-02T15:04:05Z"
	switch {
	case t%stamp.Second == 0:
	case t%stamp.Millisecond == 0:
		layout = "2006-01-02T15:04:05.000Z"
	default:
		layout = "2006-01-02T15:04:05.000000Z"
	}
	return append(t.Time().AppendFormat(append(b, '"'), layout), '"')
}

// appendFeastValue is value.AppendJSON, but times and dates are whole seconds
// since 1970, as Feast's UNIX_TIMESTAMP, and of the entries of a top only the
// items are there: Feast has no lists of records.
func appendFeastValue(b []byte, v value.Value, t value.Type) []byte {
	switch v.Kind {
	case value.Timestamp:
		return value.AppendJSON(b, value.Int(int64(stamp.Floor(stamp.Micros(v.N), stamp.Second)/stamp.Second)), value.Of(value.Int64))
	case value.Date:
		return value.AppendJSON(b, value.Int(v.N*int64(stamp.Day/stamp.Second)), value.Of(value.Int64))
	case value.Struct:
		return appendFeastValue(b, v.L[0], t.Fields[0].Type)
	case value.List:
		var elem value.Type
		if t.Elem != nil {
			elem = *t.Elem
		}
		b = append(b, '[')
		b = eachRow(b, len(v.L), func(b []byte, i int) []byte { return appendFeastValue(b, v.L[i], elem) })
		return append(b, ']')
	}
	return value.AppendJSON(b, v, t)
}

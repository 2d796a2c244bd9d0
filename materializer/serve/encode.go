package serve

import (
	"strconv"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// appendAnswer appends the answer of POST /v1/features. If some feature is a
// sketch, each row has the relative errors of its values: 0.0 is exact.
func (r *reading) appendAnswer(b []byte) []byte {
	b = append(b, `{"features":[`...)
	for i := range r.plan.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), r.plan.columns[i].name...), '"')
	}
	b = append(b, `],"at":"`...)
	b = r.at().Append(b)
	b = append(b, `","rows":[`...)
	for row := range r.cells.rows {
		if row > 0 {
			b = append(b, ',')
		}
		b = r.appendRow(b, row)
	}
	b = append(b, `],"plan":"local","token":"`...)
	b = append(b, r.token().Sign(r.plan.live.Secret)...)
	b = append(b, `","flags":`...)
	b = appendTextList(b, r.flags.names())
	b = append(b, `,"view_versions":{`...)
	b = r.appendVersions(b)
	return append(b, '}', '}', '\n')
}

func (r *reading) appendVersions(b []byte) []byte {
	first := true
	for _, v := range r.plan.versions() {
		if v.view == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), v.def.Name...), '"', ':')
		b = strconv.AppendInt(b, int64(v.view.Version), 10)
	}
	return b
}

func (r *reading) appendRow(b []byte, row int) []byte {
	b = append(b, `{"values":[`...)
	b = r.each(b, row, func(b []byte, c *column) []byte {
		result, _, _ := r.cell(row, c)
		return value.AppendJSON(b, result.Value, c.typ)
	})
	b = append(b, `],"statuses":[`...)
	b = r.each(b, row, func(b []byte, c *column) []byte {
		result, _, _ := r.cell(row, c)
		return append(append(append(b, '"'), result.Status.String()...), '"')
	})
	b = append(b, `],"age_ms":[`...)
	b = r.each(b, row, func(b []byte, c *column) []byte {
		_, _, age := r.cell(row, c)
		return appendAge(b, age.millis())
	})
	b = append(b, `],"event_timestamps":[`...)
	b = r.each(b, row, func(b []byte, c *column) []byte {
		_, a, _ := r.cell(row, c)
		if a == nil || a.Newest == stamp.NoTime {
			return append(b, "null"...)
		}
		return append(a.Newest.Append(append(b, '"')), '"')
	})
	b = append(b, ']')
	if r.plan.inexact {
		b = append(b, `,"errors":[`...)
		b = r.each(b, row, func(b []byte, c *column) []byte {
			result, _, _ := r.cell(row, c)
			if result.Status != fold.Present {
				return append(b, "null"...)
			}
			return value.AppendFloat(b, result.Err)
		})
		b = append(b, ']')
	}
	if t := r.times[row]; t != r.at() {
		b = append(t.Append(append(b, `,"at":"`...)), '"')
	}
	return append(b, '}')
}

// each appends one item for each column.
func (r *reading) each(b []byte, row int, item func([]byte, *column) []byte) []byte {
	for i := range r.plan.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, &r.plan.columns[i])
	}
	return b
}

package training

import (
	"fmt"
	"slices"
	"strings"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/value"
)

// Report is what a run did.
type Report struct {
	Out, Manifest string // paths
	Rows          int64
	// NullKeyRows counts rows that had a null join key for some feature.
	NullKeyRows int64
	Columns     []ColumnReport // features in order
	Values      int64          // rows × features
	Nulls       int64
	Leaked      int64 // values that a join on event time alone would have leaked
	Digest      string
	SpineDigest string
	Bytes       int64
	Frontier    position.Frontier // what was read, or the as-of frontier
	Preview     Preview
	// Hint, unless empty, says why most values are null and what to do.
	Hint string
}

// ColumnReport is what a run says of one feature.
type ColumnReport struct {
	Name    string // in the output
	Feature string // view:feature or alias:feature
	Type    value.Type
	Stats
}

// Preview is the first rows of an output: join keys, time and features.
type Preview struct {
	Columns []string
	Rows    [][]string
}

// add adds a chunk's rows until there are most.
func (p *Preview) add(most int, s *spine, c *chunk, columns []column, at func(column, row int) value.Value) {
	if p.Columns == nil {
		for _, k := range s.columns {
			p.Columns = append(p.Columns, k.name)
		}
		p.Columns = append(p.Columns, s.time)
		for _, c := range columns {
			p.Columns = append(p.Columns, c.name)
		}
	}
	for row := 0; row < c.rows() && len(p.Rows) < most; row++ {
		var cells []string
		for k := range s.columns {
			cells = append(cells, value.Format(c.keys[k].At(row), c.keys[k].Type))
		}
		cells = append(cells, c.times[row].String())
		for i := range columns {
			cells = append(cells, value.Format(at(i, row), columns[i].typ()))
		}
		p.Rows = append(p.Rows, cells)
	}
}

// sum fills in the totals of the columns.
func (r *Report) sum() {
	r.Values = r.Rows * int64(len(r.Columns))
	for i := range r.Columns {
		r.Nulls += r.Columns[i].Nulls
		r.Leaked += r.Columns[i].Leaked
	}
}

// hint explains a training set that is mostly null because its events became
// known after the labels.
func hint(r *Report, p *plan, cut *asof.Cut) string {
	var hidden int64
	for i := range r.Columns {
		hidden += r.Columns[i].Hidden
	}
	if cut.Knowledge == asof.Off || 2*hidden <= r.Values {
		return ""
	}
	var undeclared []string
	for _, s := range p.passes {
		if s.stream.Created < 0 && !slices.Contains(undeclared, s.stream.Name) {
			undeclared = append(undeclared, s.stream.Name)
		}
	}
	text := fmt.Sprintf("%d of %d values are null although their events happened in time: the events became known only after the labels. ", hidden, r.Values)
	if len(undeclared) == 0 {
		return text + "If the labels may see them all the same, ask with --known-at off."
	}
	return text + fmt.Sprintf("History that was imported later counts as known since its import: declare when each event was known, with created_timestamp: FIELD on stream %s; or ask with --known-at off.",
		strings.Join(undeclared, ", "))
}

// asOf prints the cut of the whole query as the manifest has it.
func asOf(c *asof.Cut) map[string]string {
	cuts := map[string]string{}
	if c.Frontier != nil {
		cuts["frontier"] = c.Frontier.Text()
	}
	if c.Timed {
		cuts["time"] = c.AsOf.String()
	}
	return cuts
}

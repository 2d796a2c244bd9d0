package main

import (
	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/apache/datasketches-go/common"
	"github.com/apache/datasketches-go/frequencies"
	"github.com/apache/datasketches-go/hll"
)

// libraries are the best that there is for a kind.
func libraries() []subject {
	return []subject{
		{"approx_distinct", "datasketches HLL_6, 2^12", func() sketch { return &distinct{must(hll.NewHllSketch(12, hll.TgtHllTypeHll6))} }},
		{"top", "datasketches frequent items, 1,024", func() sketch {
			return &heavy{must(frequencies.NewFrequencyItemsSketchWithMaxMapSize[string](1024, common.ItemSketchStringHasher{}, common.ItemSketchStringSerDe{}))}
		}},
		{"quantiles", "DDSketch, 1 %", func() sketch { return &quantile{must(ddsketch.NewDefaultDDSketch(0.01))} }},
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

type distinct struct{ s hll.HllSketch }

func (d *distinct) add(i int) { check(d.s.UpdateString(users[i])) }

// merge is a union: the library has no other.
func (d *distinct) merge(o sketch) {
	u := must(hll.NewUnion(12))
	check(u.UpdateSketch(d.s))
	check(u.UpdateSketch(o.(*distinct).s))
	d.s = must(u.GetResult(hll.TgtHllTypeHll6))
}

func (d *distinct) read()                  { sink = must(d.s.GetEstimate()) }
func (d *distinct) encode(b []byte) []byte { return append(b, must(d.s.ToCompactSlice())...) }

type heavy struct {
	s *frequencies.ItemsSketch[string]
}

func (h *heavy) add(i int)              { check(h.s.Update(items[i])) }
func (h *heavy) merge(o sketch)         { h.s = must(h.s.Merge(o.(*heavy).s)) }
func (h *heavy) encode(b []byte) []byte { return append(b, must(h.s.ToSlice())...) }

func (h *heavy) read() {
	rows := must(h.s.GetFrequentItems(frequencies.ErrorTypeEnum.NoFalseNegatives))
	sink = rows[:min(10, len(rows))]
}

type quantile struct{ s *ddsketch.DDSketch }

func (q *quantile) add(i int)      { check(q.s.Add(waits[i])) }
func (q *quantile) merge(o sketch) { check(q.s.MergeWith(o.(*quantile).s)) }
func (q *quantile) read()          { sink = must(q.s.GetValuesAtQuantiles([]float64{0.5, 0.99})) }
func (q *quantile) encode(b []byte) []byte {
	q.s.Encode(&b, false)
	return b
}

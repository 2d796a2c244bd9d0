package fold_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

const salesYAML = `
project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - {name: sales, entity: user, schema: sale.avsc, event_timestamp: at, partitions: 2}
feature_views:
  - name: selling
    stream: sales
    features:
`

const salesSchema = `{"type":"record","name":"Sale","fields":[{"name":"user_id","type":"long"},
 {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"total","type":"double"},{"name":"item","type":"string"}]}`

// sales is the program of a view with these features, and an event to fill in.
type sales struct {
	prog        *fold.Program
	ev          wire.Event
	total, item int // indexes of fields
}

func selling(t testing.TB, features string) *sales {
	p, err := definition.Parse([]definition.File{{Name: "a.yaml", Data: []byte(salesYAML + features)}, {Name: "sale.avsc", Data: []byte(salesSchema)}})
	if err != nil {
		t.Fatal(err)
	}
	s := &sales{}
	if s.prog, err = fold.Compile(p, &p.Views[0]); err != nil {
		t.Fatal(err)
	}
	s.ev.Fields = make([]value.Value, len(p.Streams[0].Fields))
	for i, f := range p.Streams[0].Fields {
		switch f.Name {
		case "total":
			s.total = i
		case "item":
			s.item = i
		}
	}
	return s
}

var source = position.Source{Origin: "eu", Incarnation: 1}

// step folds the n-th event.
func (s *sales) step(t testing.TB, m *fold.Machine, row *fold.Row, at stamp.Micros, n int64, item string) {
	s.ev.Time, s.ev.Offset = at, n
	s.ev.Fields[s.total] = value.Float(float64(n*7919%100_000) / 100)
	s.ev.Fields[s.item] = value.Text(item)
	if v := m.Prepare(&s.ev); !v.OK() {
		t.Fatal(v)
	}
	m.Step(row, source, &s.ev, stamp.Next(0, at.Millis())|stamp.Stamp(n&0xffff))
}

// BenchmarkStep prepares and steps events of 8 features (five lifetime scalars,
// a count and a sum over an hour in panes of five minutes, the last item) into
// the rows of 10,000 keys, drawn from Zipf(1.1), that are at hand.
func BenchmarkStep(b *testing.B) {
	benchmarkSteps(b, 10*stamp.Millisecond, `
      - {name: n, kind: count}
      - {name: total, kind: sum, of: total, scale: 2}
      - {name: mean, kind: mean, of: total, scale: 2}
      - {name: least, kind: min, of: total}
      - {name: most, kind: max, of: total}
      - {name: n_1h, kind: count, window: 1h, pane: 5m}
      - {name: total_1h, kind: sum, of: total, scale: 2, window: 1h, pane: 5m}
      - {name: last_item, kind: last, of: item}
`)
}

// BenchmarkStepWindows steps events a second apart into three features through
// four windows each, whose panes nest.
func BenchmarkStepWindows(b *testing.B) {
	features := ""
	for _, window := range []string{"1h", "24h", "7d", "30d"} {
		for _, f := range []string{"kind: count", "kind: sum, of: total, scale: 2", "kind: max, of: total"} {
			features += fmt.Sprintf("      - {name: f%d, %s, window: %s}\n", len(features), f, window)
		}
	}
	benchmarkSteps(b, stamp.Second, features)
}

func benchmarkSteps(b *testing.B, gap stamp.Micros, features string) {
	s := selling(b, features)
	const keys = 10_000
	m, rows := s.prog.New(), make([]fold.Row, keys)
	draw := rand.NewZipf(rand.New(rand.NewPCG(1, 1)), 1.1, 1, keys-1)
	users := make([]uint64, 1<<16)
	for i := range users {
		users[i] = draw.Uint64()
	}
	n := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		s.step(b, m, &rows[users[n&(1<<16-1)]], stamp.Micros(n)*gap, n, "item-17")
		n++
	}
}

// BenchmarkReadWindow reads one feature of a key that has had an event every
// five minutes for longer than the window, and says how much memory its row
// takes. A pane of 0 is the default one.
func BenchmarkReadWindow(b *testing.B) {
	for _, kind := range []string{"count", "approx_distinct, of: item"} {
		for _, window := range []string{"1h", "24h", "7d", "30d"} {
			for _, pane := range []string{"", ", pane: 5m"} {
				name, _, _ := strings.Cut(kind, ",")
				b.Run(name+"/"+window+strings.TrimPrefix(pane, ","), func(b *testing.B) {
					s := selling(b, fmt.Sprintf("      - {name: f, kind: %s, window: %s%s}\n", kind, window, pane))
					m, row, at := s.prog.New(), &fold.Row{}, stamp.Micros(0)
					for n := range int64(40 * 288) {
						at = stamp.Micros(n) * 5 * stamp.Minute
						s.step(b, m, row, at, n, fmt.Sprint("item-", n*7919%1000))
					}
					out := make([]fold.Result, 1)
					b.ReportAllocs()
					for b.Loop() {
						m.Read(row, at+stamp.Minute, []int{0}, out)
					}
					b.ReportMetric(float64(row.Size()), "B/key")
				})
			}
		}
	}
}

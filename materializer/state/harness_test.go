package state

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

const shopYAML = `
project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - {name: orders, entity: user, schema: order.avsc, event_timestamp: at, event_id: id, event_id_horizon: 1h, partitions: 2}
feature_views:
  - name: spending
    stream: orders
    where: "total > -1000.0"
    features:
      - {name: n, kind: count}
      - {name: total, kind: sum, of: total, scale: 2}
      - {name: total_10m, kind: sum, of: total, scale: 2, window: 10m, pane: 1m}
      - {name: items_10m, kind: approx_distinct, of: item, window: 10m, pane: 1m}
      - {name: last_item, kind: last, of: item}
      - {name: items, kind: recent, of: item, k: 3}
`

const orderSchema = `{"type":"record","name":"o","fields":[
 {"name":"user_id","type":"long"},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"total","type":"double"},{"name":"item","type":"string"},{"name":"id","type":"string"}]}`

var (
	eu   = position.Source{Origin: "eu", Incarnation: 1}
	us   = position.Source{Origin: "us", Incarnation: 1}
	noon = stamp.FromMillis(986040000000)
)

const instance = "00000000000000aa"

func program(t testing.TB) *fold.Program {
	p, err := definition.Parse([]definition.File{{Name: "shop.yaml", Data: []byte(shopYAML)}, {Name: "order.avsc", Data: []byte(orderSchema)}})
	if err != nil {
		t.Fatal(err)
	}
	prog, err := fold.Compile(p, &p.Views[0])
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func openMem(t testing.TB, fs vfs.FS, rowBytes int) *Store {
	s, err := Open(Config{Dir: "state", FS: fs, CacheBytes: 1 << 20, RowBytes: rowBytes})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openView(t testing.TB, s *Store, prog *fold.Program) *View {
	v, err := s.OpenView("spending", instance, 1, "eu", prog)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// event is one record of a partition's log, in small numbers.
type event struct {
	user  int
	at    int // seconds after noon
	total int // quarters
	id    int // 0: none
	app   int64
}

func (e event) wire(prog *fold.Program, offset int64) *wire.Event {
	s := prog.Stream
	ev := &wire.Event{
		Key: fmt.Append(nil, e.user), Time: noon + stamp.Micros(e.at)*stamp.Second, Offset: offset,
		Fields: make([]value.Value, len(s.Fields)),
	}
	for i, f := range s.Fields {
		switch f.Name {
		case "user_id":
			ev.Fields[i] = value.Int(int64(e.user))
		case "at":
			ev.Fields[i] = value.Time(ev.Time)
		case "total":
			ev.Fields[i] = value.Float(float64(e.total) / 4)
		case "item":
			ev.Fields[i] = value.Text(fmt.Sprint("item", e.total%7))
		}
	}
	if e.id != 0 {
		ev.ID, ev.HasID = fmt.Append(nil, e.id), true
	}
	return ev
}

// stamps are those of a log, by offset.
func stamps(log []event) []stamp.Stamp {
	list, prev := make([]stamp.Stamp, len(log)), stamp.Stamp(0)
	for i, e := range log {
		prev = stamp.Next(prev, noon.Millis()+e.app)
		list[i] = prev
	}
	return list
}

// feed folds log[from:to) of a source as one change.
func feed(t testing.TB, s *Shard, src position.Source, log []event, from, to int) {
	t.Helper()
	st := stamps(log)
	tx := s.Begin()
	for i := from; i < to; i++ {
		if v, err := tx.Event(src, log[i].wire(s.view.Prog, int64(i)), st[i]); err != nil || !v.OK() {
			t.Fatal(v, err)
		}
	}
	if to > from {
		tx.Advance(src, position.Mark{Next: int64(to), Stamp: st[to-1]})
	}
	tx.Commit()
}

// model is the rows that the first n events of a log mean: each id counts
// once within an hour of append time of the copy that counted.
func model(prog *fold.Program, src position.Source, log []event, n int) map[string]string {
	mach, rows, counted, st := prog.New(), map[string]*fold.Row{}, map[[2]int]stamp.Stamp{}, stamps(log)
	for i, e := range log[:n] {
		if at, ok := counted[[2]int{e.user, e.id}]; ok && e.id != 0 && st[i].Millis()-at.Millis() <= 3_600_000 {
			continue
		}
		counted[[2]int{e.user, e.id}] = st[i]
		ev := e.wire(prog, int64(i))
		mach.Prepare(ev)
		row := rows[string(ev.Key)]
		if row == nil {
			row = &fold.Row{}
		}
		if mach.Step(row, src, ev, st[i]) {
			rows[string(ev.Key)] = row
		}
	}
	out := map[string]string{}
	for k, r := range rows {
		out[k] = string(prog.Append(nil, r))
	}
	return out
}

// content is what a shard holds, flushed.
func content(t testing.TB, s *Shard) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := s.Scan(func(k, b []byte) error { out[string(k)] = string(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// differs tells where two contents differ; empty: nowhere.
func differs(got, want map[string]string) string {
	var lines []string
	for k := range want {
		if got[k] != want[k] {
			lines = append(lines, fmt.Sprintf("key %s: %x, want %x", k, got[k], want[k]))
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			lines = append(lines, fmt.Sprintf("key %s: %x, want none", k, got[k]))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

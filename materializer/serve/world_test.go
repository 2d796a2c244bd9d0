package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"anabranch.dev/anabranch/materializer/state"
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
  - {name: basket, join_keys: [{name: user_id, type: int64}, {name: item, type: string}]}
  - {name: device, join_keys: [{name: device, type: bytes}]}
  - {name: world}
streams:
  - {name: orders, entity: user, schema: order.avsc, key: {user_id: customer}, event_timestamp: at, partitions: 4}
  - {name: clicks, entity: basket, schema: click.avsc, event_timestamp: at, partitions: 4, created_timestamp: seen}
  - {name: pings, entity: device, schema: ping.avsc, event_timestamp: at, partitions: 2}
  - {name: ticks, entity: world, schema: tick.avsc, event_timestamp: at, partitions: 1}
feature_views:
  - name: spending
    stream: orders
    ttl: 90d
    features:
      - {name: orders_1h, kind: count, window: 1h}
      - {name: orders, kind: count}
      - {name: total, kind: sum, of: total, scale: 2}
      - {name: last_total, kind: last, of: total}
      - {name: max_total, kind: max, of: total, where: "total > 1000.0"}
      - {name: recent_items, kind: recent, of: item, k: 3}
      - {name: last_at, kind: last, of: at}
  - name: baskets
    stream: clicks
    features:
      - {name: clicks, kind: last, of: n}
      - {name: label, kind: last, of: label}
  - {name: devices, stream: pings, features: [{name: pings, kind: count}]}
  - {name: crowds, stream: orders, features: [{name: orders, kind: count}, {name: items, kind: approx_distinct, of: item, precision: 4}]}
  - {name: global, stream: ticks, features: [{name: ticks, kind: count}]}
  - name: strict
    stream: orders
    features: [{name: orders, kind: count}]
    policy: {mode: bounded, max_staleness: 2s}
  - name: away
    stream: orders
    features: [{name: orders, kind: count}]
    policy: {residency: [us]}
feature_services:
  - {name: checkout, features: ["spending:*", "spending:orders_1h", "global:ticks"]}
  - name: gift
    features:
      - {view: spending, as: giver, keys: {user_id: giver_id}, features: [orders]}
      - {view: spending, as: taker, keys: {user_id: taker_id}, features: [orders, total]}
    policy: {partial: true}
  - {name: hurried, features: ["strict:orders"], policy: {mode: eventual}}
`

var shopSchemas = map[string]string{
	"order.avsc": `{"type":"record","name":"o","fields":[{"name":"customer","type":"long"},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
		{"name":"total","type":"double"},{"name":"item","type":"string"}]}`,
	"click.avsc": `{"type":"record","name":"c","fields":[{"name":"user_id","type":"long"},{"name":"item","type":"string"},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
		{"name":"seen","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"n","type":"long"},{"name":"label","type":["null","string"],"default":null}]}`,
	"ping.avsc": `{"type":"record","name":"p","fields":[{"name":"device","type":"bytes"},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}]}`,
	"tick.avsc": `{"type":"record","name":"t","fields":[{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}]}`,
}

var (
	eu = position.Source{Origin: "eu", Incarnation: 1}
	us = position.Source{Origin: "us", Incarnation: 1}
)

// noon is when the tests' clock stands at first.
var noon = mustTime("2001-03-31T12:00:00Z")

func mustTime(s string) stamp.Micros {
	t, err := stamp.ParseTime(s)
	if err != nil {
		panic(err)
	}
	return t
}

func shop(t testing.TB) *definition.Project {
	files := []definition.File{{Name: "shop.yaml", Data: []byte(shopYAML)}}
	for name, text := range shopSchemas {
		files = append(files, definition.File{Name: name, Data: []byte(text)})
	}
	p, err := definition.Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// world is a region with a store, and a server in front of it.
type world struct {
	t       testing.TB
	live    *state.Live
	server  *Server
	clock   atomic.Int64
	offsets map[position.Log]int64
}

func openStore(t testing.TB) *state.Store {
	store, err := state.Open(state.Config{Dir: filepath.Join(t.TempDir(), "state"), CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func newWorld(t testing.TB, change func(*Config)) *world {
	store, p := openStore(t), shop(t)
	w := &world{t: t, offsets: map[position.Log]int64{}, live: &state.Live{
		Region: "eu", Project: p, Secret: []byte("secret"), Views: map[string]*state.View{},
		Sources: []position.Source{eu, us}, Closings: state.NewClosings(),
	}}
	w.clock.Store(int64(noon))
	programs, err := fold.CompileAll(p)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Views {
		v := &p.Views[i]
		if !v.MayHold("eu") {
			continue
		}
		view, err := store.OpenView(v.Name, fmt.Sprintf("%016x", i+1), 1, "eu", programs[v.Name])
		if err != nil {
			t.Fatal(err)
		}
		view.SetReady()
		w.live.Views[v.Name] = view
	}
	cfg := Config{Live: func() *state.Live { return w.live }, Now: func() stamp.Micros { return stamp.Micros(w.clock.Load()) }, Epsilon: stamp.Millisecond}
	if change != nil {
		change(&cfg)
	}
	if w.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

// fold takes one event of a stream into all views that read it.
func (w *world) fold(stream string, src position.Source, at stamp.Micros, fields map[string]value.Value) position.Position {
	s := w.live.Project.Stream(stream)
	e := w.live.Project.Entity(s.Entity)
	ev := wire.Event{Time: at, Created: at, Fields: make([]value.Value, len(s.Fields))}
	for name, v := range fields {
		ev.Fields[s.Field(name)] = v
	}
	ev.Fields[s.EventTime] = value.Time(at)
	var keys []value.Value
	for _, f := range s.Key {
		keys = append(keys, ev.Fields[f])
	}
	ev.Key = wire.AppendKey(nil, e.JoinKeys, keys)
	ev.Partition = wire.Partition(ev.Key, s.Partitions)
	log := position.Log{Stream: stream, Source: src, Partition: ev.Partition}
	ev.Offset = w.offsets[log]
	w.offsets[log]++
	st := stamp.Next(0, noon.Millis()-1000+ev.Offset)
	for _, v := range w.live.Views {
		if v.Prog.Stream.Name != stream {
			continue
		}
		tx := v.Shards[ev.Partition].Begin()
		verdict, err := tx.Event(src, &ev, st)
		tx.Advance(src, position.Mark{Next: ev.Offset + 1, Stamp: st})
		tx.Commit()
		if err != nil || !verdict.OK() {
			w.t.Fatal(verdict, err)
		}
	}
	return position.Position{Log: log, Offset: ev.Offset}
}

// order folds an order of a user.
func (w *world) order(src position.Source, user int64, at stamp.Micros, total float64, item string) position.Position {
	return w.fold("orders", src, at, map[string]value.Value{
		"customer": value.Int(user), "total": value.Float(total), "item": value.Text(item)})
}

// close says of a region that all it acknowledged before closed is folded.
func (w *world) close(src position.Source, closed stamp.Micros) {
	for i := range w.live.Project.Streams {
		s := &w.live.Project.Streams[i]
		ends := make([]int64, s.Partitions)
		for p := range ends {
			ends[p] = w.offsets[position.Log{Stream: s.Name, Source: src, Partition: int32(p)}]
		}
		w.live.Closings.Add(state.Closing{Stream: s.Name, Source: src, Closed: closed, Ends: ends})
	}
}

// got is an answer, decoded for looking into.
type got struct {
	t      testing.TB
	status int
	header http.Header
	text   string
	json   map[string]any
}

func (w *world) do(method, path, body string, headers ...string) got {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(rec, req)
	text, _ := io.ReadAll(rec.Result().Body)
	g := got{t: w.t, status: rec.Code, header: rec.Header(), text: string(text)}
	json.Unmarshal(text, &g.json)
	return g
}

func (w *world) ask(body string) got { return w.do("POST", "/v1/features", body) }

// is checks the status and that the text has all parts.
func (g got) is(status int, parts ...string) got {
	g.t.Helper()
	if g.status != status {
		g.t.Fatalf("status %d, want %d: %s", g.status, status, g.text)
	}
	for _, part := range parts {
		if !strings.Contains(g.text, part) {
			g.t.Fatalf("no %s in %s", part, g.text)
		}
	}
	return g
}

// problem checks an error of Anabranch's own paths.
func (g got) problem(status int, name string, parts ...string) got {
	g.t.Helper()
	g.is(status, parts...)
	if g.json["type"] != problemBase+name || g.json["status"] != float64(status) || g.json["title"] == "" || g.header.Get("Content-Type") != "application/problem+json" {
		g.t.Fatalf("want problem %s: %s", name, g.text)
	}
	return g
}

// row is a row of the answer as JSON, without the token.
func (g got) row(i int) string {
	g.t.Helper()
	rows, _ := g.json["rows"].([]any)
	if i >= len(rows) {
		g.t.Fatalf("no row %d in %s", i, g.text)
	}
	b, _ := json.Marshal(rows[i])
	return string(b)
}

func (w *world) token(g got) position.Token {
	w.t.Helper()
	text, _ := g.json["token"].(string)
	t, err := position.Verify(text, w.live.Secret)
	if err != nil {
		w.t.Fatalf("%v in %s", err, g.text)
	}
	return t
}

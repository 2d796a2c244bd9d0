package definition

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

const orderSchema = `{
  "type": "record", "name": "Order", "namespace": "shop",
  "fields": [
    {"name": "order_id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "customer", "type": "long"},
    {"name": "ordered_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "known_at", "type": "long"},
    {"name": "total", "type": ["null", "double"], "default": null},
    {"name": "item", "type": "string"},
    {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["open", "cancelled"]}},
    {"name": "extra", "type": {"type": "map", "values": "string"}, "default": {}}
  ]
}`

const shop = `project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - name: orders
    entity: user
    schema: order.avsc
    topic: shop.orders
    key: {user_id: customer}
    event_timestamp: ordered_at
    created_timestamp: append
    event_id: order_id
    event_id_horizon: 7d
    max_future: 5m
    partitions: 8
feature_views:
  - name: spending
    stream: orders
    ttl: 90d
    owner: growth@example.org
    where: "status != 'cancelled'"
    features:
      - {name: orders_1h, kind: count, window: 1h}
      - {name: mean_total_24h, kind: mean, of: total, scale: 2, window: 24h}
      - {name: recent_items, kind: recent, of: item, k: 10}
    policy: {max_staleness: 2s, mode: bounded, residency: [eu]}
feature_services:
  - name: checkout
    features: ["spending:*", "spending:orders_1h"]
  - name: gift
    features:
      - {view: spending, as: giver, keys: {user_id: giver_id}, features: ["*"]}
    policy: {partial: true}
`

// files are a definition file and the shop's schema.
func files(yaml string) []File {
	return []File{{Name: "defs/shop.yaml", Data: []byte(yaml)}, {Name: "defs/order.avsc", Data: []byte(orderSchema)}}
}

func parse(t *testing.T, yaml string) *Project {
	t.Helper()
	p, err := Parse(files(yaml))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return p
}

// without is the project with no places in it.
func without(p *Project) *Project {
	c := *p
	c.Entities, c.Streams = append([]Entity(nil), p.Entities...), append([]Stream(nil), p.Streams...)
	c.Views, c.Services = append([]View(nil), p.Views...), append([]Service(nil), p.Services...)
	c.Bases = append([]Basis(nil), p.Bases...)
	for i := range c.Bases {
		c.Bases[i].Pos = Pos{}
	}
	for i := range c.Entities {
		c.Entities[i].Pos = Pos{}
	}
	for i := range c.Streams {
		c.Streams[i].Pos = Pos{}
	}
	for i := range c.Views {
		v := &c.Views[i]
		v.Pos, v.Features = Pos{}, append([]Feature(nil), v.Features...)
		for j := range v.Features {
			v.Features[j].Pos = Pos{}
		}
	}
	for i := range c.Services {
		s := &c.Services[i]
		s.Pos, s.Features = Pos{}, append([]Selection(nil), s.Features...)
		for j := range s.Features {
			s.Features[j].Pos = Pos{}
		}
	}
	return &c
}

func TestParseReadsTheWholeShop(t *testing.T) {
	p := parse(t, shop)
	if p.Name != "shop" || !reflect.DeepEqual(p.Regions, []string{"eu", "us"}) {
		t.Errorf("project %q, regions %q", p.Name, p.Regions)
	}
	s := p.Stream("orders")
	want := Stream{
		Pos: Pos{"defs/shop.yaml", 6}, Name: "orders", Entity: "user", Topic: "shop.orders", Schema: s.Schema, Fields: s.Fields,
		Key: []int{1}, EventTime: 2, Created: -1, EventID: EventID{Field: 0},
		EventIDHorizon: 7 * stamp.Day, MaxFuture: 5 * stamp.Minute, Partitions: 8,
	}
	if !reflect.DeepEqual(*s, want) {
		t.Errorf("stream\n%+v, want\n%+v", *s, want)
	}
	v := p.View("spending")
	if v.TTL != 90*stamp.Day || v.Where != "status != 'cancelled'" || v.Owner != "growth@example.org" {
		t.Errorf("view %+v", v)
	}
	if got := (Policy{MaxStaleness: 2 * stamp.Second, Mode: "bounded", Residency: []string{"eu"}}); !reflect.DeepEqual(v.Policy, got) {
		t.Errorf("policy %+v", v.Policy)
	}
	mean := Feature{Pos: Pos{"defs/shop.yaml", 25}, Name: "mean_total_24h", Kind: "mean", Of: "total", Scale: 2, Window: 24 * stamp.Hour, Pane: stamp.Hour}
	if !reflect.DeepEqual(v.Features[1], mean) {
		t.Errorf("feature\n%+v, want\n%+v", v.Features[1], mean)
	}
	gift := p.Service("gift")
	if gift.Policy.Partial == nil || !*gift.Policy.Partial {
		t.Errorf("policy of gift: %+v", gift.Policy)
	}
	sel := Selection{Pos: Pos{"defs/shop.yaml", 33}, View: "spending", As: "giver", Keys: map[string]string{"user_id": "giver_id"}, Features: []string{"*"}}
	if !reflect.DeepEqual(gift.Features, []Selection{sel}) {
		t.Errorf("selection %+v", gift.Features)
	}
}

func TestColumnsExpandStarsAndKeepEachNameOnce(t *testing.T) {
	p := parse(t, shop)
	var got []string
	for _, service := range p.Services {
		for _, c := range p.Columns(&service) {
			got = append(got, c.Name()+" "+c.FlatName()+" "+c.Selection.KeyColumn("user_id"))
		}
	}
	want := []string{
		"spending:orders_1h spending__orders_1h user_id",
		"spending:mean_total_24h spending__mean_total_24h user_id",
		"spending:recent_items spending__recent_items user_id",
		"giver:orders_1h giver__orders_1h giver_id",
		"giver:mean_total_24h giver__mean_total_24h giver_id",
		"giver:recent_items giver__recent_items giver_id",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("columns\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestParseTheFlights(t *testing.T) {
	var all []File
	dir := filepath.Join("..", "..", "testdata", "flights")
	for _, name := range []string{"anabranch.yaml", "flights.avsc"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, File{Name: name, Data: data})
	}
	p, err := Parse(all)
	if err != nil {
		t.Fatal(err)
	}
	s := p.Stream("flights")
	if s.Topic != "flights.flights" || s.EventID.Header != "ce_id" || s.Fields[s.Created].Name != "landed_at" || s.Fields[s.Key[0]].Name != "destination" {
		t.Errorf("stream %+v", s)
	}
	if len(p.Columns(p.Service("delay_model"))) != 14 {
		t.Errorf("%d columns, want 14", len(p.Columns(p.Service("delay_model"))))
	}
	if got := NamedFiles(all); !reflect.DeepEqual(got, []string{"flights.avsc"}) {
		t.Errorf("NamedFiles: %q", got)
	}
	if got := NamedFiles(kindFiles("kind: count")); !reflect.DeepEqual(got, []string{"e.avsc", "items-1.basis", "more/items.basis"}) {
		t.Errorf("NamedFiles: %q", got)
	}
}

func TestDefaults(t *testing.T) {
	p := parse(t, `
project: p
regions: [{name: here}]
entities: [{name: world}, {name: user, join_keys: [{name: customer, type: int64}]}]
streams:
  - {name: all, entity: world, schema: order.avsc, event_timestamp: ordered_at}
  - {name: each, entity: user, schema: order.avsc, event_timestamp: known_at, created_timestamp: known_at}
feature_views:
  - name: v
    stream: each
    features:
      - {name: n, kind: count}
      - {name: s, kind: set, of: item}
      - {name: d, kind: approx_distinct, of: item}
      - {name: w, kind: sum, of: customer, window: 1m}
feature_services:
  - {name: f, features: [{view: v, keys: {customer: customer}}]}
`)
	all, each := p.Stream("all"), p.Stream("each")
	if all.Topic != "p.all" || all.Partitions != 1 || len(all.Key) != 0 || !all.EventID.None() {
		t.Errorf("global stream %+v", all)
	}
	if each.Partitions != 8 || each.EventIDHorizon != 7*stamp.Day || each.MaxFuture != 5*stamp.Minute || each.Created != 3 {
		t.Errorf("stream %+v", each)
	}
	f := p.Views[0].Features
	if f[0].By != "1" || f[0].Scale != -1 || f[1].Max != 1000 || f[2].Precision != 12 || f[3].Pane != stamp.Minute {
		t.Errorf("features %+v", f)
	}
	if sel := p.Services[0].Features[0]; sel.Keys != nil || !reflect.DeepEqual(sel.Features, []string{"*"}) {
		t.Errorf("selection %+v", sel)
	}
}

func TestDefaultPane(t *testing.T) {
	for window, pane := range map[string]string{
		"250ms": "250ms", "1m": "1m", "5m": "5m", "1h": "5m", "719m": "5m", "12h": "1h", "24h": "1h", "7d": "1h", "287h": "1h", "12d": "1d", "90d": "1d",
	} {
		w, _ := stamp.ParseSpan(window)
		if got := stamp.FormatSpan(DefaultPane(w)); got != pane {
			t.Errorf("DefaultPane(%s) = %s, want %s", window, got, pane)
		}
	}
}

func TestFilesAndDocumentsAreMerged(t *testing.T) {
	entities, rest, _ := strings.Cut(shop, "streams:")
	streams, views, _ := strings.Cut(rest, "feature_views:")
	p, err := Parse([]File{
		{Name: "c/views.yml", Data: []byte("project: shop\n---\nfeature_views:" + views + "---\n")},
		{Name: "a.yaml", Data: []byte(entities)},
		{Name: "b/streams.yaml", Data: []byte("streams:" + streams)},
		{Name: "b/order.avsc", Data: []byte(orderSchema)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(without(p), without(parse(t, shop))) {
		t.Error("three files give another project than one")
	}
}

func TestAnchorsStandForWhatTheyName(t *testing.T) {
	p := parse(t, strings.ReplaceAll(strings.ReplaceAll(shop, "policy: {max_staleness: 2s", "policy: &p {max_staleness: 2s"), ", residency: [eu]}", "}")+"  - {name: third, features: ['spending:*'], policy: *p}\n")
	if p.Service("third").Policy.MaxStaleness != 2*stamp.Second {
		t.Errorf("policy %+v", p.Service("third").Policy)
	}
}

func TestEncodeDecodeIsIdentity(t *testing.T) {
	p := parse(t, shop)
	b := Encode(p)
	q, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(without(p), without(q)) {
		t.Errorf("decoded\n%+v, want\n%+v", without(q), without(p))
	}
	if again := Encode(q); string(again) != string(b) {
		t.Errorf("encoded again\n%s, want\n%s", again, b)
	}
}

func TestSchemaFields(t *testing.T) {
	cases := []struct {
		avro     string
		want     value.Type
		nullable bool
	}{
		{`"int"`, value.Of(value.Int64), false},
		{`"long"`, value.Of(value.Int64), false},
		{`"float"`, value.Of(value.Float64), false},
		{`["null","double"]`, value.Of(value.Float64), true},
		{`["string","null"]`, value.Of(value.String), true},
		{`"boolean"`, value.Of(value.Bool), false},
		{`"bytes"`, value.Of(value.Bytes), false},
		{`{"type":"fixed","name":"md5","size":16}`, value.Of(value.Bytes), false},
		{`{"type":"enum","name":"e","symbols":["a"]}`, value.Of(value.String), false},
		{`{"type":"string","logicalType":"uuid"}`, value.Of(value.String), false},
		{`{"type":"int","logicalType":"date"}`, value.Of(value.Date), false},
		{`{"type":"int","logicalType":"time-millis"}`, value.Of(value.Int64), false},
		{`{"type":"long","logicalType":"time-micros"}`, value.Of(value.Int64), false},
		{`{"type":"long","logicalType":"timestamp-millis"}`, value.Of(value.Timestamp), false},
		{`["null",{"type":"long","logicalType":"timestamp-micros"}]`, value.Of(value.Timestamp), true},
		{`{"type":"bytes","logicalType":"decimal","precision":20,"scale":4}`, value.Type{Kind: value.Decimal, Scale: 4}, false},
		{`{"type":"fixed","name":"f","size":8,"logicalType":"decimal","precision":10}`, value.Type{Kind: value.Decimal}, false},
		{`{"type":"array","items":"double"}`, value.ListOf(value.Of(value.Float64)), false},
		{`["null",{"type":"array","items":{"type":"long","logicalType":"timestamp-millis"}}]`, value.ListOf(value.Of(value.Timestamp)), true},
		{`{"type":"int","logicalType":"made-up"}`, value.Of(value.Int64), false},
		{`{"type":"string","logicalType":"date"}`, value.Of(value.String), false},
		{`{"type":"bytes","logicalType":"decimal","precision":60,"scale":4}`, value.Type{}, false},
		{`{"type":"long","logicalType":"timestamp-nanos"}`, value.Type{}, false},
		{`{"type":"long","logicalType":"local-timestamp-millis"}`, value.Type{}, false},
		{`{"type":"fixed","name":"d","size":12,"logicalType":"duration"}`, value.Type{}, false},
		{`{"type":"map","values":"int"}`, value.Type{}, false},
		{`["null","int","string"]`, value.Type{}, false},
		{`["int","string"]`, value.Type{}, false},
		{`["null"]`, value.Type{}, false},
		{`{"type":"array","items":["null","int"]}`, value.Type{}, false},
		{`{"type":"array","items":{"type":"array","items":"int"}}`, value.Type{}, false},
		{`{"type":"record","name":"r","fields":[]}`, value.Type{}, false},
	}
	for _, c := range cases {
		fields, err := SchemaFields(`{"type":"record","name":"n","fields":[{"name":"x","type":` + c.avro + `}]}`)
		if err != nil {
			t.Errorf("%s: %v", c.avro, err)
			continue
		}
		if !fields[0].Type.Equal(c.want) || fields[0].Nullable != c.nullable {
			t.Errorf("%s is %v nullable %v (%s), want %v %v", c.avro, fields[0].Type, fields[0].Nullable, fields[0].AvroType, c.want, c.nullable)
		}
		if fields[0].Millis != strings.Contains(c.avro, "timestamp-millis") && fields[0].Type.Kind == value.Timestamp {
			t.Errorf("%s: Millis %v", c.avro, fields[0].Millis)
		}
	}
}

func TestNamedTypesAreFollowed(t *testing.T) {
	fields, err := SchemaFields(`{"type":"record","name":"n","namespace":"a.b","fields":[
		{"name":"x","type":{"type":"record","name":"inner","fields":[{"name":"h","type":{"type":"fixed","name":"md5","size":16}}]}},
		{"name":"y","type":["null","md5"],"default":null}, {"name":"z","type":"a.b.md5"}, {"name":"w","type":{"type":"array","items":"md5"}}, {"name":"self","type":["null","n"]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	got := []value.Kind{fields[0].Type.Kind, fields[1].Type.Kind, fields[2].Type.Kind, fields[3].Type.Kind, fields[4].Type.Kind}
	if want := []value.Kind{value.Null, value.Bytes, value.Bytes, value.List, value.Null}; !reflect.DeepEqual(got, want) {
		t.Errorf("kinds %v, want %v", got, want)
	}
}

func TestErrorsAreProblems(t *testing.T) {
	_, err := Parse(files("project: [1]"))
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Errorf("error %T %v", err, err)
	}
}

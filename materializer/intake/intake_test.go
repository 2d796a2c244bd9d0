package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/kafka/embedded"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

const shopYAML = `
project: shop
regions: [{name: eu}]
entities:
  - {name: basket, join_keys: [{name: user_id, type: int64}, {name: item, type: string}]}
  - {name: device, join_keys: [{name: device, type: bytes}]}
  - {name: order, join_keys: [{name: order, type: string}]}
  - {name: world}
streams:
  - {name: clicks, entity: basket, schema: click.avsc, key: {user_id: user}, event_timestamp: at, partitions: 7}
  - {name: pings, entity: device, schema: ping.avsc, event_timestamp: at, partitions: 5}
  - {name: orders, entity: order, schema: order.avsc, event_timestamp: at, partitions: 5}
  - {name: ticks, entity: world, schema: tick.avsc, event_timestamp: at, partitions: 3}
feature_views:
  - {name: v, stream: clicks, features: [{name: n, kind: count}]}
`

var schemas = map[string]string{
	"click.avsc": `{"type":"record","name":"c","fields":[{"name":"user","type":["null","long"]},{"name":"item","type":"string"},{"name":"at","type":"long"},{"name":"n","type":["null","double"],"default":null}]}`,
	"ping.avsc":  `{"type":"record","name":"p","fields":[{"name":"device","type":"bytes"},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}]}`,
	"order.avsc": `{"type":"record","name":"o","fields":[{"name":"order","type":{"type":"string","logicalType":"uuid"}},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}`,
	"tick.avsc":  `{"type":"record","name":"t","fields":[{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}`,
}

func shop(t testing.TB) *definition.Project {
	files := []definition.File{{Name: "shop.yaml", Data: []byte(shopYAML)}}
	for name, text := range schemas {
		files = append(files, definition.File{Name: name, Data: []byte(text)})
	}
	p, err := definition.Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func encoder(t testing.TB, stream string) *Encoder {
	p := shop(t)
	s := p.Stream(stream)
	e, err := newEncoder(s, p.Entity(s.Entity), registry.Registered{Subject: s.Topic + "-value", Version: 1, ID: 77, Schema: s.Schema})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRecordsAreKeyedAndRouted(t *testing.T) {
	for _, c := range []struct{ stream, row, key string }{
		{"clicks", `{"user": 7, "item": "tea", "at": 1000}`, `[7,"tea"]`},
		{"clicks", `{"user": "-7", "item": "a\"b", "at": "2001-03-31T12:00:00Z", "n": 1.5}`, `[-7,"a\"b"]`},
		{"clicks", `{"user": {"long": 7}, "item": "tea", "at": "2001/03/31 12:00"}`, `[7,"tea"]`},
		{"pings", `{"device": "AP8B", "at": 5}`, "\x00\xff\x01"},
		{"orders", `{"order": "F81D4FAE-7dec-11d0-a765-00a0c91e6bf6", "at": 5}`, "F81D4FAE-7dec-11d0-a765-00a0c91e6bf6"},
		{"ticks", `{"at": 5}`, ""},
	} {
		e := encoder(t, c.stream)
		rec, err := e.EncodeJSON([]byte(c.row), "id-1")
		if err != nil {
			t.Errorf("%s: %v", c.row, err)
			continue
		}
		if string(rec.Key) != c.key || rec.Key == nil || rec.Partition != kafka.Partition([]byte(c.key), e.Stream().Partitions) || rec.Topic != "shop."+c.stream {
			t.Errorf("%s became %q in %s/%d", c.row, rec.Key, rec.Topic, rec.Partition)
		}
		if id, _ := rec.Header("ce_id"); string(id) != "id-1" {
			t.Errorf("%s: headers %v", c.row, rec.Headers)
		}
	}
}

func TestRowsThatCannotCountAreRefused(t *testing.T) {
	for _, c := range []struct{ row, want string }{
		{`{"user": null, "item": "tea", "at": 1000}`, "null key field"},
		{`{"item": "tea", "at": 1000}`, "null key field"},
		{`{"user": 7, "item": "tea"}`, "field at: missing"},
		{`{"user": 7.5, "item": "tea", "at": 1000}`, "field user"},
		{`{"user": 7, "item": "tea", "at": 1000, "m": 1}`, "field m: not in the schema"},
		{`{"user": 7, "item": "tea", "at": 9000000000000000}`, "undecodable"},
		{`{"user": 7} {}`, "more than one object"},
		{`[1]`, "JSON"},
		{`null`, "want an object"},
	} {
		e := encoder(t, "clicks")
		if _, err := e.EncodeJSON([]byte(c.row), ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.row, err, c.want)
		}
	}
}

func TestAnEncoderGoesOnAfterABadRow(t *testing.T) {
	e := encoder(t, "clicks")
	good := `{"user": 7, "item": "tea", "at": 1000}`
	want, err := e.EncodeJSON([]byte(good), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.EncodeJSON([]byte(`{"user": 7, "item": 1}`), ""); err == nil {
		t.Fatal("passed")
	}
	got, err := e.EncodeJSON([]byte(good), "")
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, %v, want %v", got, err, want)
	}
}

func TestEveryRowIsReadBackAsItWas(t *testing.T) {
	e := encoder(t, "clicks")
	p := shop(t)
	reader, err := wire.NewReader(p.Stream("clicks"), p.Entity("basket"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.AddSchema(77, e.Schema().Schema); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		user, item, at := rapid.Int64().Draw(t, "user"), rapid.String().Draw(t, "item"), rapid.Int64Range(0, 1<<40).Draw(t, "at")
		object, _ := json.Marshal(map[string]any{"user": user, "item": item, "at": at})
		rec, err := e.EncodeJSON(object, "")
		if err != nil {
			t.Fatal(err)
		}
		var ev wire.Event
		verdict, err := reader.Read(&wire.Record{Value: rec.Value, Partition: rec.Partition, AppendMillis: 1 << 41}, &ev)
		if err != nil || !verdict.OK() || string(ev.Key) != string(rec.Key) {
			t.Fatal(verdict, err)
		}
		if f := ev.Fields; f[0].N != user || string(f[1].B) != item || f[2].N != at || !f[3].IsNull() {
			t.Fatalf("%s became %v", object, f)
		}
		typed, err := e.EncodeValues([]value.Value{value.Int(user), value.Text(item), value.Int(at), {}}, "")
		if err != nil || string(typed.Value) != string(rec.Value) || string(typed.Key) != string(rec.Key) || typed.Partition != rec.Partition {
			t.Fatalf("%v by values, %v by JSON, %v", typed, rec, err)
		}
		text, err := e.EncodeValues([]value.Value{value.Text(fmt.Sprint(user)), value.Text(item), value.Text(fmt.Sprint(at)), {}}, "")
		if err != nil || string(text.Value) != string(rec.Value) {
			t.Fatalf("%v by texts, %v by JSON, %v", text, rec, err)
		}
	})
}

// region is a broker and a registry in this process.
func region(t *testing.T) (*Intake, *registry.Client, *kafka.Client) {
	b, err := embedded.Open(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	k, err := kafka.Dial(kafka.Config{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	srv, err := registry.OpenServer(registry.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(srv)
	t.Cleanup(web.Close)
	reg, err := registry.NewClient(registry.Config{URL: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	p := shop(t)
	for i := range p.Streams {
		if err := k.CreateTopic(t.Context(), kafka.NewTopic{Name: p.Streams[i].Topic, Partitions: p.Streams[i].Partitions}); err != nil {
			t.Fatal(err)
		}
	}
	return New(Config{Kafka: k, Registry: reg, Project: p, Region: "eu"}), reg, k
}

func TestPushReturnsWhereTheRowsAre(t *testing.T) {
	in, reg, k := region(t)
	row := func(user int, n any) Row {
		return Row{Fields: map[string]any{"user": user, "item": "tea", "at": 1000, "n": n}, ID: fmt.Sprint("r", user)}
	}
	if _, err := in.Push(t.Context(), "clicks", []Row{row(1, nil)}); !errors.Is(err, registry.ErrNotFound) {
		t.Fatalf("without a schema: %v", err)
	}
	if _, err := in.Push(t.Context(), "click", nil); err == nil || !strings.Contains(err.Error(), "clicks, pings") {
		t.Fatal(err)
	}
	id, err := reg.Register(t.Context(), "shop.clicks-value", schemas["click.avsc"])
	if err != nil {
		t.Fatal(err)
	}
	var bad *RowError
	if _, err := in.Push(t.Context(), "clicks", []Row{row(1, nil), row(2, "x")}); !errors.As(err, &bad) || bad.Row != 1 {
		t.Fatalf("a bad row: %v", err)
	}
	at, err := in.Push(t.Context(), "clicks", []Row{row(1, nil), row(2, 1.5), row(1, nil)})
	if err != nil || len(at) != 3 {
		t.Fatal(at, err)
	}
	if at[0].Partition != at[2].Partition || at[2].Offset != at[0].Offset+1 || at[0].Offset != 0 || at[0].Stream != "clicks" || at[0].Origin != "eu" {
		t.Fatal(at)
	}
	ends, err := k.EndOffsets(t.Context(), []kafka.TopicPartition{{Topic: "shop.clicks", Partition: at[2].Partition}})
	if err != nil || len(ends) != 1 {
		t.Fatal(ends, err)
	}
	e, err := in.Stream(t.Context(), "clicks")
	if err != nil || e.Schema().ID != id || fmt.Sprint(e.Fields()) != "[user item at n]" {
		t.Fatal(e, err)
	}
}

func TestPushesAtOnce(t *testing.T) {
	in, reg, _ := region(t)
	if _, err := reg.Register(t.Context(), "shop.ticks-value", schemas["tick.avsc"]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[int64]bool{}
	for range 8 {
		wg.Go(func() {
			for range 5 {
				at, err := in.Push(ctx, "ticks", []Row{{Fields: map[string]any{"at": 5}}, {Fields: map[string]any{"at": 6}}})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, p := range at {
					seen[p.Offset] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 80 {
		t.Fatalf("%d offsets for 80 rows of one key", len(seen))
	}
}

func BenchmarkEncodeValues(b *testing.B) {
	e := encoder(b, "clicks")
	row := []value.Value{value.Int(7), value.Text("tea"), value.Int(1000), value.Float(1.5)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.EncodeValues(row, "id"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeJSON(b *testing.B) {
	e := encoder(b, "clicks")
	row := []byte(`{"user": 7, "item": "tea", "at": 1000, "n": 1.5}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.EncodeJSON(row, "id"); err != nil {
			b.Fatal(err)
		}
	}
}

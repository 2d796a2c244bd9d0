package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"anabranch.dev/anabranch/materializer/intake"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// feast checks an error in Feast's form: a JSON string that holds JSON.
func (g got) feast(status int, class string, parts ...string) {
	g.t.Helper()
	g.is(status)
	var inner string
	var e feastError
	if json.Unmarshal([]byte(g.text), &inner) != nil || json.Unmarshal([]byte(inner), &e) != nil {
		g.t.Fatalf("not a JSON string of JSON: %s", g.text)
	}
	if e.Class != class || e.Module != "feast.errors" {
		g.t.Fatalf("want %s: %s", class, g.text)
	}
	for _, part := range parts {
		if !strings.Contains(e.Message, part) {
			g.t.Fatalf("no %q in %s", part, e.Message)
		}
	}
}

func (w *world) feast(body string) got { return w.do("POST", "/get-online-features", body) }

func TestFeastAnswerIsExactlyAsFeastServersPrintIt(t *testing.T) {
	w := newWorld(t, nil)
	at := noon - stamp.Minute + 123*stamp.Millisecond
	w.order(eu, 1001, at, 2, "tea")
	g := w.feast(`{"features": ["spending:orders", "spending@v1:total", "spending:recent_items", "spending:last_at", "spending:max_total"],
		"entities": {"user_id": [1001, "1002", null]}, "full_feature_names": false, "include_feature_view_version_metadata": true}`).is(200)
	results, metadata, _ := strings.Cut(g.text, `,"metadata":`)
	absent := `"statuses":["PRESENT","NOT_FOUND","INVALID"],"event_timestamps":["2001-03-31T11:59:00.123Z","1970-01-01T00:00:00Z","1970-01-01T00:00:00Z"]}`
	want := `{"results":[` +
		`{"values":[1001,1002,null],"statuses":["PRESENT","PRESENT","NULL_VALUE"],"event_timestamps":["1970-01-01T00:00:00Z","1970-01-01T00:00:00Z","1970-01-01T00:00:00Z"]},` +
		`{"values":[1,null,null],` + absent + `,` +
		`{"values":[2.0,null,null],` + absent + `,` +
		`{"values":[["tea"],null,null],` + absent + `,` +
		`{"values":[986039940,null,null],` + absent + `,` +
		`{"values":[null,null,null],` + strings.Replace(absent, `"PRESENT"`, `"NULL_VALUE"`, 1) + `]`
	if results != want {
		t.Fatalf("got\n%s\nwant\n%s", results, want)
	}
	if !strings.HasPrefix(metadata, `{"feature_names":["user_id","orders","total","recent_items","last_at","max_total"],`) {
		t.Fatal(metadata)
	}
	meta := g.json["metadata"].(map[string]any)
	if _, err := position.Verify(meta["token"].(string), w.live.Secret); err != nil || meta["at"] != "2001-03-31T12:00:00Z" {
		t.Fatal(meta, err)
	}
}

func TestFeastNames(t *testing.T) {
	w := newWorld(t, nil)
	names := func(g got) string {
		b, _ := json.Marshal(g.is(200).json["metadata"].(map[string]any)["feature_names"])
		return string(b)
	}
	if got := names(w.feast(`{"feature_service": "gift", "features": ["nothing:x"], "entities": {"taker_id": [1], "giver_id": [2]}, "full_feature_names": true}`)); got != `["taker_id","giver_id","giver__orders","taker__orders","taker__total"]` {
		t.Error(got)
	}
	if got := names(w.feast(`{"features": ["global:ticks"], "entities": {}}`)); got != `["ticks"]` {
		t.Error(got)
	}
	if got := names(w.feast(`{"features": ["baskets:label"], "entities": {"item": ["a"], "user_id": [1], "device": ["AA=="]}, "feature_service": null}`)); got != `["item","user_id","device","label"]` {
		t.Error(got)
	}
	w.feast(`{"feature_service": "gift", "entities": {"taker_id": [1], "giver_id": [2]}}`).feast(400, "FeatureNameCollisionError", "full_feature_names")
}

func TestFeastErrors(t *testing.T) {
	w := fresh(t)
	w.clock.Add(int64(10 * stamp.Second))
	v, err := openStore(t).OpenView("global", "00000000000000ff", 2, "eu", w.live.Views["global"].Prog)
	if err != nil {
		t.Fatal(err)
	}
	w.live.Views["global"] = v
	for _, c := range []struct {
		body   string
		status int
		class  string
		part   string
	}{
		{`{`, 400, "FeastError", "JSON"},
		{`{"entities": {"user_id": [1]}}`, 400, "FeastError", "features"},
		{`{"features": ["spending:orders"]}`, 400, "FeastError", "entities"},
		{`{"features": ["spending:orders"], "entities": [1]}`, 400, "FeastError", "object"},
		{`{"features": ["spending:orders"], "entities": {"user_id": 1}}`, 400, "FeastError", "array"},
		{`{"features": ["spending:orders"], "entities": {"user_id": [1], "item": ["a", "b"]}}`, 400, "FeastError", "2 rows"},
		{`{"features": ["spending:orders"], "entities": {"user_id": ["x"]}}`, 400, "FeastError", "int64"},
		{`{"features": ["spending:orders"], "entities": {"item": ["x"]}}`, 400, "FeastError", "user_id is missing"},
		{`{"features": ["spending:orders"], "entities": {"user_id": [1], "userid": [1]}}`, 404, "EntityNotFoundException", "did you mean"},
		{`{"features": ["spendin:orders"], "entities": {"user_id": [1]}}`, 404, "FeatureViewNotFoundException", "did you mean"},
		{`{"features": ["spending:order"], "entities": {"user_id": [1]}}`, 404, "FeastObjectNotFoundException", "did you mean"},
		{`{"feature_service": "chekout", "entities": {"user_id": [1]}}`, 404, "FeatureServiceNotFoundException", "did you mean"},
		{`{"features": ["away:orders"], "entities": {"user_id": [1]}}`, 422, "FeastError", "ask us"},
		{`{"features": ["strict:orders"], "entities": {"user_id": [1]}}`, 422, "FeastError", "10002 ms old"},
		{`{"features": ["global:ticks"], "entities": {}}`, 422, "FeastError", "folded"},
	} {
		g := w.feast(c.body)
		g.feast(c.status, c.class, c.part)
		if g.header.Get("Retry-After") != "" {
			t.Error("a semantic error must not be retried:", c.body)
		}
	}
	w.do("POST", "/materialize", `{}`).feast(422, "FeastError", "nothing to materialize")
	w.do("POST", "/materialize-incremental", `{}`).feast(422, "FeastError", "nothing to materialize")
}

// pushed collects what is produced.
type pushed struct {
	stream string
	rows   []intake.Row
	err    error
}

func (p *pushed) push(_ context.Context, stream string, rows []intake.Row) ([]position.Position, error) {
	if p.err != nil {
		return nil, p.err
	}
	p.stream, p.rows = stream, rows
	out := make([]position.Position, len(rows))
	for i := range out {
		out[i] = position.Position{Log: position.Log{Stream: stream, Source: eu, Partition: 2}, Offset: int64(40 + i)}
	}
	return out, nil
}

func TestFeastSeesTheItemsOfATop(t *testing.T) {
	entry := value.Type{Kind: value.Struct, Fields: []value.Field{{Name: "item", Type: value.Of(value.Date)}, {Name: "count", Type: value.Of(value.Int64)}}}
	heaviest := value.Items(value.Value{Kind: value.Struct, L: []value.Value{value.DateOf(2), value.Int(9)}}, value.Value{Kind: value.Struct, L: []value.Value{value.DateOf(1), value.Int(8)}})
	if got := string(appendFeastValue(nil, heaviest, value.ListOf(entry))); got != "[172800,86400]" {
		t.Error(got)
	}
}

func TestPush(t *testing.T) {
	var p pushed
	w := newWorld(t, func(c *Config) { c.Push = p.push })
	body := `{"push_source_name": "orders", "df": {"customer": [7, 9007199254740993], "total": [1.5, null], "at": ["2001-03-31T12:00:00", "x"]}, "to": "%s", "allow_registry_cache": true, "transform_on_write": true}`
	for _, to := range []string{"online", "offline", "online_and_offline"} {
		g := w.do("POST", "/push", fmt.Sprintf(body, to)).is(200, `"produced":2`)
		if next := w.token(g).Frontier()[position.Log{Stream: "orders", Source: eu, Partition: 2}].Next; next != 42 {
			t.Errorf("the token covers up to %d", next)
		}
		if got := fmt.Sprint(p.stream, p.rows); got != "orders[{map[at:2001-03-31T12:00:00 customer:7 total:1.5]  } {map[at:x customer:9007199254740993 total:<nil>]  }]" {
			t.Error(got)
		}
	}
	w.do("POST", "/push", fmt.Sprintf(body, "nowhere")).feast(422, "FeastError", "online_and_offline")
	w.do("POST", "/push", `{"push_source_name": "order", "df": {"a": [1]}}`).feast(422, "PushSourceNotFoundException", "did you mean")
	w.do("POST", "/push", `{"push_source_name": "orders", "df": {"a": [1], "b": []}}`).feast(422, "FeastError", "rows")
	w.do("POST", "/push", `{"push_source_name": "orders"}`).feast(422, "FeastError", "df")
	w.do("POST", "/push", `{"push_source_name": "orders", "df": {"a": 1}}`).feast(400, "FeastError")
	p.err = &intake.RowError{Row: 1, Err: errors.New("field at: found x")}
	w.do("POST", "/push", fmt.Sprintf(body, "online")).feast(422, "FeastError", "row 1: field at: found x")
	p.err = errors.New("no broker answers")
	w.do("POST", "/push", fmt.Sprintf(body, "online")).feast(503, "FeastError", "no broker")
	w.server.cfg.Push = nil
	w.do("POST", "/push", fmt.Sprintf(body, "online")).feast(422, "FeastError", "produce to stream orders")
}

func TestWriteToOnlineStore(t *testing.T) {
	var p pushed
	w := newWorld(t, func(c *Config) { c.Push = p.push })
	body := `{"feature_view_name": "baskets", "allow_registry_cache": false, "df": {"user_id": [1, 1], "item": ["a", "b"], "clicks": [3, 4], "label": ["x", null],
		"event_timestamp": ["2001-03-31T11:00:00", "2001-03-31T11:00:00.5"], "created": ["2001-03-31T11:30:00", null]}}`
	w.do("POST", "/write-to-online-store", body).is(200, `"produced":2`)
	first := p.rows
	if p.stream != "clicks" || fmt.Sprint(first[0].Fields) != "map[at:2001-03-31T11:00:00 item:a label:x n:3 seen:2001-03-31T11:30:00 user_id:1]" ||
		fmt.Sprint(first[1].Fields) != "map[at:2001-03-31T11:00:00.5 item:b label:<nil> n:4 seen:2001-03-31T12:00:00Z user_id:1]" {
		t.Fatal(p.stream, first)
	}
	w.clock.Add(int64(stamp.Second))
	w.do("POST", "/write-to-online-store", body).is(200)
	if len(first[0].ID) != 32 || first[0].ID != p.rows[0].ID || first[1].ID != p.rows[1].ID || first[0].ID == first[1].ID {
		t.Errorf("a row sent again has another id: %v %v", first, p.rows)
	}
	for body, part := range map[string]string{
		`{"feature_view_name": "spending", "df": {"user_id": [1]}}`: "stream orders (topic shop.orders)",
		`{"feature_view_name": "baskets", "df": {"user_id": [1]}}`:  "no column clicks",
		strings.Replace(body, `"created"`, `"creatd"`, 1):           "did you mean \"created\"",
	} {
		w.do("POST", "/write-to-online-store", body).feast(422, "FeastError", part)
	}
	w.do("POST", "/write-to-online-store", `{"feature_view_name": "basket", "df": {"user_id": [1]}}`).feast(404, "FeatureViewNotFoundException", "did you mean")
}

func TestFeastValuesOfAllKinds(t *testing.T) {
	list := value.ListOf(value.Of(value.Timestamp))
	for _, c := range []struct {
		v    value.Value
		t    value.Type
		want string
	}{
		{value.Value{}, value.Of(value.Float64), "null"},
		{value.Float(1), value.Of(value.Float64), "1.0"},
		{value.Int(1 << 62), value.Of(value.Int64), "4611686018427387904"},
		{value.Raw([]byte{255}), value.Of(value.Bytes), `"/w=="`},
		{value.Time(-1), value.Of(value.Timestamp), "-1"},
		{value.Time(1_999_999), value.Of(value.Timestamp), "1"},
		{value.DateOf(2), value.Of(value.Date), "172800"},
		{value.Dec(value.Int128Of(-105)), value.Type{Kind: value.Decimal, Scale: 2}, `"-1.05"`},
		{value.Items(value.Time(0), value.Value{}), list, "[0,null]"},
		{value.Items(), list, "[]"},
	} {
		if got := string(appendFeastValue(nil, c.v, c.t)); got != c.want {
			t.Errorf("%v as %s: %s, want %s", c.v, c.t, got, c.want)
		}
	}
	for at, want := range map[stamp.Micros]string{
		0: `"1970-01-01T00:00:00Z"`, 1_500_000: `"1970-01-01T00:00:01.500Z"`, 1_000_001: `"1970-01-01T00:00:01.000001Z"`,
	} {
		if got := string(appendFeastTime(nil, at)); got != want {
			t.Errorf("%d: %s, want %s", at, got, want)
		}
	}
}

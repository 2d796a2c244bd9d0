package training

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

const hour = stamp.Hour

// event is one event of the small world at an hour, known an hour later.
func event(key string, offset int64, at stamp.Micros, n int64) asoftest.Keyed {
	fields := make([]value.Value, asoftest.FieldCount)
	fields[0], fields[1], fields[4] = value.Text(key), value.Time(at), value.Int(n)
	return asoftest.Keyed{Key: key, Event: asof.Event{
		Source: position.Source{Origin: "west", Incarnation: 1}, Offset: offset, Stamp: stamp.Next(0, (at + hour).Millis()), Time: at, Created: at + hour, Fields: fields,
	}}
}

// small is a world of two views, read by a service under two names, and a
// request over a spine of three rows.
func small(t *testing.T) (*asoftest.World, *Request) {
	t.Helper()
	w := asoftest.Base()
	w.Project.Views = append(w.Project.Views,
		definition.View{Name: "spending", Stream: "events", Features: []definition.Feature{
			{Name: "orders", Kind: "count", By: "1", Scale: -1}, {Name: "total", Kind: "sum", Of: "n", Scale: -1},
		}})
	w.View, w.Stream = &w.Project.Views[0], &w.Project.Streams[0]
	w.Project.Services = []definition.Service{{Name: "both", Features: []definition.Selection{
		{View: "spending", Features: []string{"*"}},
		{View: "spending", As: "giver", Keys: map[string]string{"user": "giver"}, Features: []string{"total", "orders"}},
	}}}
	w.Events = []asoftest.Keyed{event("a", 0, 0, 5), event("a", 1, 10*hour, 7), event("b", 2, 0, 100)}
	dir := t.TempDir()
	spine := filepath.Join(dir, "spine.csv")
	text := fmt.Sprintf("user,giver,event_timestamp,note\na,b,%s,x\nb,a,%s,y\n,b,%s,z\n", 10*hour+1, 20*hour, 20*hour)
	if err := os.WriteFile(spine, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d := definitions(t, w.Project)
	d.Versions = map[string]int{"spending": 3}
	return w, &Request{Definitions: d, Service: "both", FullFeatureNames: true, Spine: spine, Histories: opens(w), Out: filepath.Join(dir, "out.parquet"), CodeVersion: "v1"}
}

func TestAliasesReadOtherColumns(t *testing.T) {
	_, r := small(t)
	rep := must(Run(context.Background(), r))(t)
	got := readTable(t, r.Out)
	for name, want := range map[string][]any{
		"spending__orders": {int64(1), int64(1), nil}, "spending__total": {int64(5), int64(100), nil},
		"giver__orders": {int64(1), int64(2), int64(1)}, "giver__total": {int64(100), int64(12), int64(100)},
		"note": {"x", "y", "z"},
	} {
		for row := range want {
			if v := got[name][row]; fmt.Sprint(plain(v)) != fmt.Sprint(want[row]) {
				t.Errorf("%s, row %d: %v, want %v", name, row, plain(v), want[row])
			}
		}
	}
	if rep.NullKeyRows != 1 || rep.Leaked != 2 || rep.Columns[0].Statuses["INVALID"] != 1 {
		t.Errorf("report %+v", rep)
	}
	wantColumns := []string{"user", "giver", "event_timestamp", "spending__orders", "spending__total", "giver__total", "giver__orders"}
	if !slices.Equal(rep.Preview.Columns, wantColumns) || len(rep.Preview.Rows) != 3 || strings.Join(rep.Preview.Rows[0], " ") != "a b 1970-01-01T10:00:00.000001Z 1 5 100 1" {
		t.Errorf("preview %+v", rep.Preview)
	}
}

func plain(v value.Value) any {
	switch v.Kind {
	case value.Null:
		return nil
	case value.String:
		return string(v.B)
	}
	return v.N
}

func TestRequestsThatCannotBeAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Request)
		want   []string
	}{
		"clash of names":    {func(r *Request) { r.FullFeatureNames = false }, []string{"spending:total", "giver:total", `"total"`, "--full-feature-names"}},
		"clash with spine":  {func(r *Request) { spineOf(r, "user,event_timestamp,orders\na,1970-01-01T00:00:00Z,1\n"); short(r) }, []string{`"orders"`, "spending:orders", "--full-feature-names) or rename"}},
		"unknown service":   {func(r *Request) { r.Service = "none" }, []string{`"none"`, "both"}},
		"unknown view":      {func(r *Request) { r.Features = []string{"none:x"} }, []string{`"none"`, "spending"}},
		"unknown feature":   {func(r *Request) { r.Features = []string{"spending:x"} }, []string{`"x"`, "orders, total"}},
		"bad feature":       {func(r *Request) { r.Features = []string{"spending"} }, []string{"view:feature"}},
		"other version":     {func(r *Request) { r.Features = []string{"spending@v2:total"} }, []string{"not built yet", "v3"}},
		"no key column":     {func(r *Request) { spineOf(r, "user,event_timestamp\na,1970-01-01T00:00:00Z\n") }, []string{`no column "giver"`, "user, event_timestamp"}},
		"no time column":    {func(r *Request) { spineOf(r, "user,giver,at\na,b,1970-01-01T00:00:00Z\n") }, []string{`no column "event_timestamp"`}},
		"bad time":          {func(r *Request) { spineOf(r, "user,giver,event_timestamp\na,b,1970-01-01T00:00:00Z\na,b,soon\n") }, []string{"row 2", "event_timestamp", "soon"}},
		"missing time":      {func(r *Request) { spineOf(r, "user,giver,event_timestamp\na,b,\n") }, []string{"row 1", "missing"}},
		"output is spine":   {func(r *Request) { r.Out = r.Spine }, []string{"spine itself"}},
		"no such spine":     {func(r *Request) { r.Spine += "x" }, []string{"spine.csvx"}},
		"no such directory": {func(r *Request) { r.Out = filepath.Join(r.Out, "x", "y") }, []string{"create"}},
		"frontier beyond history": {func(r *Request) {
			r.Cut.Frontier = position.Frontier{{Stream: "events", Source: position.Source{Origin: "west", Incarnation: 1}}: {Next: 9}}
		}, []string{"west/events/0/8", "offset 2"}},
		"frontier of other streams": {func(r *Request) { r.Cut.Frontier = position.Frontier{{Stream: "others"}: {Next: 9}} }, []string{"nothing of stream events"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := small(t)
			c.change(r)
			_, err := Run(context.Background(), r)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			for _, e := range entries(t, filepath.Dir(r.Spine)) {
				if strings.Contains(e, "partial") {
					t.Errorf("left behind: %s", e)
				}
			}
		})
	}
}

func spineOf(r *Request, text string) {
	if err := os.WriteFile(r.Spine, []byte(text), 0o600); err != nil {
		panic(err)
	}
}

// short asks for the one view under short names.
func short(r *Request) {
	r.FullFeatureNames, r.Features, r.Service = false, []string{"spending:*"}, ""
}

func TestFeaturesInsteadOfAService(t *testing.T) {
	_, r := small(t)
	r.Features, r.Service, r.FullFeatureNames = []string{"spending@v3:total", "spending:total", "spending:*"}, "", false
	rep := must(Run(context.Background(), r))(t)
	if len(rep.Columns) != 2 || rep.Columns[0].Name != "total" || rep.Columns[1].Name != "orders" {
		t.Fatalf("columns %+v", rep.Columns)
	}
}

func TestIntegerAndSeveralJoinKeys(t *testing.T) {
	w, r := small(t)
	w.Project.Entities[0].JoinKeys = []definition.JoinKey{{Name: "user", Type: value.Int64}, {Name: "shop", Type: value.String}}
	w.Stream.Key = []int{4, 0}
	r.Definitions = definitions(t, w.Project)
	short(r)
	w.Events = []asoftest.Keyed{event(`[7,"007"]`, 0, 0, 5)}
	spineOf(r, "user,shop,event_timestamp\n7,007,1970-01-02T00:00:00Z\n7,7,1970-01-02T00:00:00Z\n")
	must(Run(context.Background(), r))(t)
	got := readTable(t, r.Out)
	if got["total"][0].N != 5 || !got["total"][1].IsNull() || string(got["shop"][0].B) != "007" {
		t.Fatalf("got %v", got)
	}
	spineOf(r, "user,shop,event_timestamp\n7,007,1970-01-02T00:00:00Z\nx,7,1970-01-02T00:00:00Z\n")
	if _, err := Run(context.Background(), r); err == nil || !strings.Contains(err.Error(), "row 2") || !strings.Contains(err.Error(), `"user"`) {
		t.Fatalf("error %v", err)
	}
}

func TestKeysThatAreTextsStayAsWritten(t *testing.T) {
	w, r := small(t)
	short(r)
	w.Events = []asoftest.Keyed{event("1.50", 0, 0, 5), event("1.5", 1, 0, 6)}
	spineOf(r, "user,event_timestamp\n1.50,1970-01-02T00:00:00Z\n1.5,1970-01-02T00:00:00Z\n")
	must(Run(context.Background(), r))(t)
	if got := readTable(t, r.Out); got["total"][0].N != 5 || got["total"][1].N != 6 || string(got["user"][0].B) != "1.50" {
		t.Fatalf("got %v", got)
	}
}

func TestGlobalView(t *testing.T) {
	w, r := small(t)
	w.Project.Entities[0].JoinKeys, w.Stream.Key = nil, nil
	r.Definitions = definitions(t, w.Project)
	short(r)
	w.Events = []asoftest.Keyed{event("", 0, 0, 5), event("", 1, 10*hour, 6)}
	spineOf(r, "event_timestamp\n1970-01-02T00:00:00Z\n1970-01-01T05:00:00Z\n1969-01-01T00:00:00Z\n")
	must(Run(context.Background(), r))(t)
	got := readTable(t, r.Out)["total"]
	if got[0].N != 11 || got[1].N != 5 || !got[2].IsNull() {
		t.Fatalf("got %v", got)
	}
}

func TestLateHistoryIsExplained(t *testing.T) {
	w, r := small(t)
	for i := range w.Events {
		w.Events[i].Created = 1000 * hour
	}
	rep := must(Run(context.Background(), r))(t)
	if !strings.Contains(rep.Hint, "created_timestamp: FIELD on stream events") || rep.Nulls != rep.Values {
		t.Fatalf("hint %q, report %+v", rep.Hint, rep)
	}
	r.Cut.Knowledge = asof.Off
	if rep = must(Run(context.Background(), r))(t); rep.Hint != "" || rep.Leaked != 0 {
		t.Fatalf("hint %q, report %+v", rep.Hint, rep)
	}
}

func TestAFailedRunLeavesWhatWasThere(t *testing.T) {
	w, r := small(t)
	first := must(Run(context.Background(), r))(t)
	data, manifest := readFile(t, first.Out), readFile(t, first.Manifest)
	before := entries(t, filepath.Dir(r.Out))
	r.Histories = func(_ context.Context, _ string, needed []bool) (History, error) {
		h := historyOf(w, needed)
		h.fail = fmt.Errorf("the disk is gone")
		return h, nil
	}
	if _, err := Run(context.Background(), r); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Fatalf("error %v", err)
	}
	if string(readFile(t, first.Out)) != string(data) || string(readFile(t, first.Manifest)) != string(manifest) || !slices.Equal(entries(t, filepath.Dir(r.Out)), before) {
		t.Fatal("a failed run changed files")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, r); err == nil {
		t.Fatal("a cancelled run ends well")
	}
}

func TestEmptySpine(t *testing.T) {
	_, r := small(t)
	path := writeSpine(t, t.TempDir(), "parquet", nil)
	r.Spine = path
	short(r)
	rep := must(Run(context.Background(), r))(t)
	table := must(columnar.OpenTable(r.Out, columnar.TableOptions{}))(t)
	defer table.Close()
	if rep.Rows != 0 || table.Rows() != 0 || !slices.Equal(table.Schema().Names(), []string{"note", "user", "event_timestamp", "orders", "total"}) {
		t.Fatalf("report %+v, columns %v", rep, table.Schema().Names())
	}
}

func TestKnownAtAndAsOf(t *testing.T) {
	frontier := position.Frontier{{Stream: "s", Source: position.Source{Origin: "o", Incarnation: 1}}: {Next: 3}}
	for text, want := range map[string]string{"label": "label", "": "label", "label-5m": "label-5m", "off": "off", "label-": "want", "region:x": "not built yet", "token:c": "not built yet", "label+5m": "want"} {
		var c asof.Cut
		if err := ParseKnownAt(text, &c); err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", text, err)
			}
		} else if knownAt(&c) != want {
			t.Errorf("%q: %s, want %s", text, knownAt(&c), want)
		}
	}
	for text, want := range map[string]map[string]string{
		"": {}, "2001-03-31T23:00:00Z": {"time": "2001-03-31T23:00:00Z"}, frontier.Text(): {"frontier": frontier.Text()}, "yesterday": nil,
	} {
		var c asof.Cut
		if err := ParseAsOf(text, &c); (err != nil) != (want == nil) || err == nil && fmt.Sprint(asOf(&c)) != fmt.Sprint(want) {
			t.Errorf("%q: %v %v, want %v", text, asOf(&c), err, want)
		}
	}
}

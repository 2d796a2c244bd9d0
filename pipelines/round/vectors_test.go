package round

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// release writes vectors that are not there yet; what is there is never
// rewritten.
var release = flag.Bool("release", false, "write missing vectors")

const vectorYAML = `
project: p
regions: [{name: eu}, {name: us}]
entities: [{name: e, join_keys: [{name: k, type: string}]}]
streams: [{name: s, entity: e, schema: s.avsc, event_timestamp: at}]
feature_views:
  - name: v
    stream: s
    features:
      - {name: n, kind: count}
      - {name: total_1h, kind: sum, of: x, scale: 2, window: 1h}
      - {name: last_x, kind: last, of: x}
      - {name: recent_t, kind: recent, of: t, k: 2, window: 1h}
      - {name: few, kind: approx_distinct, of: t}
`

const vectorAvro = `{"type":"record","name":"S","fields":[{"name":"k","type":"string"},
 {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"x","type":["null","double"]},{"name":"t","type":"string"}]}`

func vectorRows(t *testing.T) (*fold.Program, map[string]*fold.Row) {
	t.Helper()
	p, err := definition.Parse([]definition.File{{Name: "a.yaml", Data: []byte(vectorYAML)}, {Name: "s.avsc", Data: []byte(vectorAvro)}})
	if err != nil {
		t.Fatal(err)
	}
	prog, err := fold.Compile(p, &p.Views[0])
	if err != nil {
		t.Fatal(err)
	}
	m, rows := prog.New(), map[string]*fold.Row{}
	base := stamp.FromMillis(978307200000)
	for i := range int64(6) {
		key := []string{"a", "ab", "a"}[i%3]
		x := value.Float(float64(i) * 1.25)
		if i == 4 {
			x = value.Value{}
		}
		ev := &wire.Event{
			Key: []byte(key), Time: base + stamp.Micros(i*i)*7*stamp.Minute, Offset: 10 + i,
			Fields: []value.Value{value.Text(key), {}, x, value.Text(fmt.Sprint("t", i%2))},
		}
		if rows[key] == nil {
			rows[key] = &fold.Row{}
		}
		if v := m.Prepare(ev); !v.OK() {
			t.Fatal(v)
		}
		origin := []string{"us", "us", "us", "us", "us", "eu"}[i]
		m.Step(rows[key], position.Source{Origin: origin, Incarnation: 1}, ev, stamp.Stamp(1000+i)<<stamp.LogicalBits|stamp.Stamp(i%2))
	}
	return prog, rows
}

func TestReleasedBytes(t *testing.T) {
	prog, rows := vectorRows(t)
	frontier := position.Frontier{
		{Stream: "s", Source: position.Source{Origin: "us", Incarnation: 1}, Partition: 0}: {Next: 15, Stamp: 1004 << 16},
		{Stream: "s", Source: position.Source{Origin: "eu", Incarnation: 2}, Partition: 3}: {Next: 16, Stamp: 1005<<16 | 1},
	}
	token := position.Token{Time: 978307200000000, Parts: []position.Part{{View: "v", Version: 1, Frontier: frontier}}}
	head := Header{
		View: "v", Instance: "0123456789abcdef", Source: position.Source{Origin: "us", Incarnation: 1}, Epoch: 2, Round: 7, Catalogue: 1,
		Hi: position.Mark{Next: 15, Stamp: 1004 << 16},
	}
	piece := func(lo int64) []byte {
		h := head
		h.Lo.Next = lo
		w := NewWriter(prog, h, 1<<20)
		for _, key := range []string{"a", "ab"} {
			w.Add([]byte(key), rows[key].Part(head.Source))
		}
		return w.Finish()[0]
	}
	vectors := map[string][]byte{
		"row-a": prog.Append(nil, rows["a"]), "row-ab": prog.Append(nil, rows["ab"]),
		"piece-full": piece(0), "piece-since-13": piece(13),
		"frontier": frontier.Append(nil), "token": []byte(token.Sign([]byte("secret"))),
	}
	for name, got := range vectors {
		compareVector(t, name, got)
	}
	for _, name := range []string{"row-a", "row-ab"} {
		row, err := prog.Decode(readVector(t, name))
		if err != nil || string(prog.Append(nil, row)) != string(vectors[name]) {
			t.Errorf("%s does not read: %v", name, err)
		}
	}
	for _, name := range []string{"piece-full", "piece-since-13"} {
		b := readVector(t, name)
		h, at, err := DecodeHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := Decode(prog, h, b, at); err != nil || len(list) == 0 {
			t.Errorf("%s does not read: %v", name, err)
		}
	}
}

func vectorPath(name string) string {
	return filepath.Join("..", "..", "testdata", "vectors", "v1", "online", name+".hex")
}

func readVector(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(vectorPath(name))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compareVector(t *testing.T, name string, got []byte) {
	t.Helper()
	if _, err := os.Stat(vectorPath(name)); err != nil && *release {
		if err := os.MkdirAll(filepath.Dir(vectorPath(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorPath(name), []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := readVector(t, name); string(want) != string(got) {
		t.Errorf("%s: released bytes\n%x\nthis code writes\n%x", name, want, got)
	}
}

package manifest

import (
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/position"
)

var update = flag.Bool("update", false, "write the golden files of formats that are not released yet")

// TestReleasedBytes reads and writes a document exactly as it was.
func TestReleasedBytes(t *testing.T) {
	h := Header{StreamHash: "0123456789abcdef", Schema: `{"type":"record","name":"Order","fields":[]}`,
		Log: Log{ClusterID: "AAAAAAAAAAAAAAAAAAAAAA", Topic: "shop.orders", TopicID: strings.Repeat("0f", 16)}}
	a := File{
		Name: "a.parquet", Length: 1234, SHA256: strings.Repeat("ab", 32), Rows: 6, Quarantined: 1, MinTime: -5, MaxTime: 1_700_000_000_000_000,
		MinCreated: 1_700_000_000_000_000, MaxCreated: 1_700_000_000_001_000,
		Intervals: []Interval{{0, 0, 5, 4, 111411200000065536, 3}, {1, 100, 103, 2, 111411200000065600, -1}},
	}
	b, c := a, a
	b.Name, b.Intervals, b.Rows, b.Quarantined = "b.parquet", []Interval{{0, 5, 6, 1, 111411200000131072, 3}}, 1, 0
	c.Name, c.Intervals, c.Rows = "c.parquet", []Interval{{0, 0, 6, 5, 111411200000131072, 3}, {1, 100, 103, 2, 111411200000065600, -1}}, 7
	m := Manifest{ID: shopOrders}
	for i, change := range []Change{
		Rewrite{Header: h, Starts: []Partition{{Epoch: -1}, {position.Mark{Next: 100, Stamp: 7}, position.Mark{Next: 100, Stamp: 7}, -1}}},
		Add{a}, Add{b}, Merge{[]string{"a.parquet", "b.parquet"}, c},
	} {
		var err error
		if m, err = Next(m, "2f1Wk3mQ9sXo", 1_700_000_000_000_000, change); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	const golden = "testdata/v1.json"
	if *update {
		if err := os.WriteFile(golden, m.Encode(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Encode()) != string(want) {
		t.Errorf("encoded:\n%s\nwant\n%s", m.Encode(), want)
	}
	if got, err := Decode(want); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("decoded: %+v, want %+v (%v)", got, m, err)
	}
}

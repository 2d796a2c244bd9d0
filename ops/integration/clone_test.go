//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFirstCommandInACleanClone does what a new user does first, on what is
// committed: clone, and run the demo. The training set that it leaves is
// compared with the oracle.
func TestFirstCommandInACleanClone(t *testing.T) {
	dir := t.TempDir()
	program(t, dir, "git", "clone", "-q", root, "clone").ok(t)
	clone, out := filepath.Join(dir, "clone"), filepath.Join(dir, "out")
	doc := program(t, clone, "go", "run", "./cmd/anabranch", "demo", "--json", "--out", out).ok(t).json(t)
	for name, least := range map[string]int64{"events": 20_000, "quarantined": 1, "late": 0} {
		if n := number(doc[name]); n < least {
			t.Errorf("%s is %d, want at least %d", name, n, least)
		}
	}
	if doc["converged"] != true || at(doc, "regions", west, "digest") != at(doc, "regions", east, "digest") || at(doc, "regions", west, "digest") == nil {
		t.Errorf("not converged: %v", doc["regions"])
	}
	if number(at(doc, "validate", "checked")) < 100 || number(at(doc, "validate", "mismatched")) != 0 {
		t.Errorf("validate: %v", doc["validate"])
	}
	bytes, raw := number(at(doc, "wan", "bytes")), number(at(doc, "wan", "raw_bytes"))
	if bytes <= 0 || bytes >= raw {
		t.Errorf("the WAN carried %d bytes, raw copying %d", bytes, raw)
	}
	if number(at(doc, "training", "rows")) < 2000 || number(at(doc, "training", "leaks_prevented")) <= 0 {
		t.Errorf("training: %v", doc["training"])
	}
	if status := program(t, clone, "git", "status", "--porcelain").ok(t).stdout; status != "" {
		t.Errorf("the demo left in the clone:\n%s", status)
	}
	checkDemoTraining(t, out)
}

// checkDemoTraining compares the training set that a demo left, but for values
// that hang on the order of flights at the same minute, which only the log knows.
func checkDemoTraining(t *testing.T, out string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(out, "train.parquet")); err != nil {
		t.Fatal(err)
	}
	events := []object{}
	for i, f := range readFlights(t) {
		departed, landed := f.departed(), f.landed()
		events = append(events, object{
			"stream": "flights", "origin": f.region(), "partition": 0, "offset": i, "append_ms": 0, "id": nil, "bad": false,
			"fields": object{
				"departed_at": departed.UnixMilli(), "landed_at": landed.UnixMilli(), "delay": f.Delay, "distance": f.Distance,
				"origin": f.Origin, "destination": f.Destination,
			},
		})
	}
	dir := t.TempDir()
	writeLines(t, filepath.Join(dir, "events.jsonl"), events)
	writeFile(t, filepath.Join(dir, "got.jsonl"), []byte(python(t, dir, "readers.py", "rows", filepath.Join(out, "train.parquet")).ok(t).stdout))
	got := readLines[object](t, filepath.Join(dir, "got.jsonl"))
	asked := []object{}
	for _, row := range got {
		asked = append(asked, object{"airport": row["airport"], "event_timestamp": row["event_timestamp"]})
	}
	want := judge(t, dir, filepath.Join(root, "testdata/flights"), filepath.Join(dir, "events.jsonl"), asked, "label")
	var d differences
	for i, row := range got {
		for feature, v := range want[i]["arrivals"].Values {
			if feature != "last_origin" && feature != "first_origin" && feature != "recent_origins" {
				d.compare(feature+" of "+row["airport"].(string), row[feature], v)
			}
		}
	}
	d.check(t, "training set of the demo", 2000*11)
}

//go:build integration

package integration

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// flight is a line of testdata/flights.
type flight struct {
	Date        string `json:"date"`
	Landed      string `json:"landed"`
	Delay       int    `json:"delay"`
	Distance    int    `json:"distance"`
	Origin      string `json:"origin"`
	Destination string `json:"destination"`
}

const minutes = "2006/01/02 15:04"

func (f flight) departed() time.Time { return minute(f.Date) }
func (f flight) landed() time.Time   { return minute(f.Landed) }

func minute(s string) time.Time {
	at, err := time.Parse(minutes, s)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return at
}

// western airports write in us-west, the rest in us-east.
const western = " LAX SFO SEA PHX LAS DEN SLC SAN PDX HNL SJC OAK SNA ONT BUR SMF RNO ABQ TUS BOI GEG ANC OGG LIH KOA ITO COS ELP "

func (f flight) region() string {
	if strings.Contains(western, " "+f.Origin+" ") {
		return west
	}
	return east
}

func readFlights(t *testing.T) []flight {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "testdata/flights/flights-20k.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []flight
	for s := bufio.NewScanner(z); s.Scan(); {
		var fl flight
		if err := json.Unmarshal(s.Bytes(), &fl); err != nil {
			t.Fatal(err)
		}
		all = append(all, fl)
	}
	if len(all) != 20_000 {
		t.Fatalf("%d flights", len(all))
	}
	return all
}

// of are the flights that a region takes.
func of(flights []flight, region string) []flight {
	return slices.DeleteFunc(slices.Clone(flights), func(f flight) bool { return f.region() != region })
}

// produce sends flights to a region's log.
func (w *world) produce(region, file string, flights []flight, flags ...string) {
	w.t.Helper()
	writeLines(w.t, w.path(file), flights)
	w.checkProduced(w.cli(region, produceArgs(file, flags...)...), flights)
}

func produceArgs(file string, flags ...string) []string {
	return append([]string{"produce", "flights", "--input", file, "--map", "departed_at=date,landed_at=landed"}, flags...)
}

func (w *world) checkProduced(r run, flights []flight) {
	w.t.Helper()
	doc := r.ok(w.t).json(w.t)
	if n := number(doc["produced"]); n != int64(len(flights)) || number(doc["rejected"]) != 0 {
		w.t.Fatalf("produced %v of %d", doc, len(flights))
	}
}

// log dumps both regions' logs for the oracle.
func (w *world) log() string {
	w.t.Helper()
	return dump(w.t, w.dir, "flights", w.project+".flights", w.path("defs/flights.avsc"), w.kafka)
}

// TestFlightsOverTwoRegions is the main job: events in two regions, equal
// vectors in both, and a point-in-time training set, whatever is killed on the
// way.
func TestFlightsOverTwoRegions(t *testing.T) {
	w := newWorld(t, "testdata/flights")
	w.begin()
	flights := readFlights(t)
	old, late := flights[:19_000], flights[19_000:]

	w.killWhileProducing(of(old, west))
	w.produce(east, "east.jsonl", of(old, east), "--wait")
	w.converge()
	w.compact(west)
	w.compact(east)
	w.produce(west, "west-late.jsonl", of(late, west), "--wait")
	w.produce(east, "east-late.jsonl", of(late, east), "--wait")
	digest := w.converge()

	t.Run("a line sent again changes nothing", func(t *testing.T) {
		w.produce(east, "east.jsonl", of(old, east), "--wait")
		if again := w.converge(); again != digest {
			t.Errorf("digest %s became %s", digest, again)
		}
	})
	log := w.log()
	t.Run("vectors equal the oracle's in both regions", func(t *testing.T) { w.checkVectors(t, flights, log) })
	t.Run("training sets equal the oracle's", func(t *testing.T) { w.checkTraining(t, flights, log) })
	t.Run("every served vector is recomputed", func(t *testing.T) {
		for _, region := range []string{west, east} {
			doc := w.cli(region, "validate", "delay_model", "--keys", "all").ok(t).json(t)
			if number(doc["checked"]) < 200 || number(doc["mismatched"]) != 0 {
				t.Errorf("%s: %v", region, doc)
			}
		}
	})
	t.Run("readers read the files", w.checkReaders)
	t.Run("lost state is folded anew to the same bytes", func(t *testing.T) {
		for _, region := range []string{west, east} {
			w.workers[region].stop()
			if _, err := os.Stat(w.path("data", region, "state")); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(w.path("data", region)); err != nil {
				t.Fatal(err)
			}
			w.start(region)
		}
		eventually(t, "the digest from before", func() error {
			if digests, _ := w.digests(); digests[west] != digest || digests[east] != digest {
				return fmt.Errorf("%v, want %s", digests, digest)
			}
			return nil
		})
	})
}

// killWhileProducing produces to us-west, slowly enough that its worker, which
// is killed and started again twice meanwhile, dies in the middle.
func (w *world) killWhileProducing(flights []flight) {
	w.t.Helper()
	writeLines(w.t, w.path("west.jsonl"), flights)
	done := make(chan run, 1)
	go func() { done <- w.cli(west, produceArgs("west.jsonl", "--rate", fmt.Sprint(len(flights)/6))...) }()
	for _, share := range []int64{4, 2} {
		eventually(w.t, "some of the events folded", func() error {
			if n := w.folded(west); n < int64(len(flights))/share {
				return fmt.Errorf("%d of %d events folded", n, len(flights))
			}
			return nil
		})
		w.workers[west].kill()
		w.start(west)
	}
	w.checkProduced(<-done, flights)
}

// folded is how many events of its own the region's view has counted.
func (w *world) folded(region string) int64 {
	return number(at(w.status(region), "views", 0, "events"))
}

func (w *world) compact(region string) {
	w.t.Helper()
	w.cli(region, "compact").ok(w.t)
}

// checkVectors reads every airport's vector in both regions at one time, and
// compares each value and status with the oracle's.
func (w *world) checkVectors(t *testing.T, flights []flight, log string) {
	const noon = "2001-04-01T00:00:00Z"
	when, err := time.Parse(time.RFC3339, noon)
	if err != nil {
		t.Fatal(err)
	}
	rows, entities := []object{}, []object{}
	for _, airport := range append(airports(flights), "NIL") {
		rows = append(rows, object{"airport": airport, "event_timestamp": when.UnixMicro()})
		entities = append(entities, object{"airport": airport})
	}
	want := judge(t, w.dir, w.path("defs"), log, rows, "off")
	for _, region := range []string{west, east} {
		code, got, err := httpJSON("POST", w.http[region]+"/v1/features", object{"service": "delay_model", "entities": entities, "at": noon})
		if err != nil || code != 200 {
			t.Fatalf("%s: %d %v %v", region, code, got, err)
		}
		var d differences
		for i, row := range rows {
			for j, name := range got["features"].([]any) {
				view, feature, _ := strings.Cut(name.(string), ":")
				where := fmt.Sprintf("%s %s %s", region, row["airport"], feature)
				d.compare(where, at(got, "rows", i, "values", j), want[i][view].Values[feature])
				d.compare(where+" status", at(got, "rows", i, "statuses", j), want[i][view].Statuses[feature])
			}
		}
		d.check(t, "vectors of "+region, 200*14*2)
		i := slices.IndexFunc(rows, func(row object) bool { return row["airport"] == "ATL" })
		doc := w.cli(region, "get-online", "delay_model", "--entity", "airport=ATL", "--at", noon).ok(t).json(t)
		if !same(at(doc, "rows", 0, "values"), at(got, "rows", i, "values")) {
			t.Errorf("get-online in %s: %v, over HTTP %v", region, at(doc, "rows", 0), at(got, "rows", i))
		}
	}
}

func airports(flights []flight) []string {
	seen := map[string]bool{}
	for _, f := range flights {
		seen[f.Destination] = true
	}
	return sortedKeys(seen)
}

// spine draws labels over the three months: half of them at the very instant of
// a flight to the airport, some before all flights and some for no airport.
func spine(flights []flight, n int) []object {
	random := rand.New(rand.NewPCG(1, 2))
	first := flights[0].departed()
	rows := []object{}
	for i := range n {
		f := flights[random.IntN(len(flights))]
		when, airport := f.departed(), f.Destination
		switch {
		case i%100 == 0:
			when = first.Add(-time.Hour)
		case i%101 == 0:
			airport = "NIL"
		case i%2 == 0:
			when = first.Add(time.Duration(random.Int64N(int64(91 * 24 * time.Hour)))).Truncate(time.Microsecond)
		}
		rows = append(rows, object{"airport": airport, "event_timestamp": when, "label": i})
	}
	return rows
}

// checkTraining makes training sets out of files and the log's tail, under
// several cuts, and compares each cell with the oracle's.
func (w *world) checkTraining(t *testing.T, flights []flight, log string) {
	rows := spine(flights, 2500)
	writeLines(t, w.path("spine.jsonl"), rows)
	python(t, w.dir, "readers.py", "spine", "spine.jsonl", "spine.parquet").ok(t)
	asked := []object{}
	for _, r := range rows {
		asked = append(asked, object{"airport": r["airport"], "event_timestamp": r["event_timestamp"].(time.Time).UnixMicro()})
	}
	digests := map[string]bool{}
	leaky := judge(t, w.dir, w.path("defs"), log, asked, "off")
	for _, c := range []struct {
		name, spine string
		cut         []string
	}{
		{"label", "spine.jsonl", []string{"label"}},
		{"off", "spine.parquet", []string{"off"}},
		{"label-6h", "spine.parquet", []string{"label", fmt.Sprint((6 * time.Hour).Microseconds())}},
	} {
		out := "train-" + c.name + ".parquet"
		doc := w.train(t, c.name, c.spine, out)
		want := leaky
		if c.name != "off" {
			want = judge(t, w.dir, w.path("defs"), log, asked, c.cut...)
		}
		w.compareTraining(t, out, rows, want)
		if got, leaks := number(at(doc, "leaks_prevented")), unequal(want, leaky); got != leaks || (leaks > 0) != (c.name != "off") {
			t.Errorf("cut %s: %d leaks prevented, by the oracle %d", c.name, got, leaks)
		}
		digests[string(readFile(t, w.path(out)))] = true
	}
	if len(digests) != 3 {
		t.Errorf("%d different training sets of three cuts", len(digests))
	}
	w.train(t, "label", "spine.jsonl", "again.parquet")
	if string(readFile(t, w.path("again.parquet"))) != string(readFile(t, w.path("train-label.parquet"))) {
		t.Error("the same request gave other bytes")
	}
}

// unequal counts the values that differ between two lists of answers.
func unequal(a, b []answer) (n int64) {
	for i := range a {
		for view, row := range a[i] {
			for feature, v := range row.Values {
				if !same(v, b[i][view].Values[feature]) {
					n++
				}
			}
		}
	}
	return n
}

func (w *world) train(t *testing.T, knownAt, spine, out string) object {
	t.Helper()
	return w.cli(east, "get-historical", "delay_model", "--spine", spine, "--known-at", knownAt, "--out", out).ok(t).json(t)
}

func (w *world) compareTraining(t *testing.T, file string, rows []object, want []answer) {
	t.Helper()
	writeFile(t, w.path("got.jsonl"), []byte(python(t, w.dir, "readers.py", "rows", file).ok(t).stdout))
	got := readLines[object](t, w.path("got.jsonl"))
	if len(got) != len(rows) {
		t.Fatalf("%s has %d rows, the spine %d", file, len(got), len(rows))
	}
	var d differences
	for i, row := range rows {
		if number(got[i]["label"]) != int64(row["label"].(int)) {
			t.Fatalf("%s: row %d is not in its place: %v", file, i, got[i])
		}
		for feature, v := range want[i]["arrivals"].Values {
			d.compare(fmt.Sprintf("row %d %s %v %s", i, row["airport"], row["event_timestamp"], feature), got[i][feature], v)
		}
	}
	d.check(t, file, len(rows)*14)
}

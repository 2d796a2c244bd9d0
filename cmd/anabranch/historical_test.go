package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/value"
)

// label is a row of a spine.
type label struct {
	customer *int64
	item     string
	at       time.Time
}

// labels are all keys at many times, some at the instant of an order, and a row
// without a key.
func labels(list []order) []label {
	rows := []label{{nil, "tea", list[0].at}}
	for i := range customers {
		for _, item := range items {
			for j := range 7 {
				rows = append(rows, label{&customers[i], item, list[(i+7*j)%len(list)].at.Add(time.Duration(j%3) * 13 * time.Minute)})
			}
		}
	}
	stranger := int64(404)
	return append(rows, label{&stranger, "tea", list[0].at})
}

func spineCSV(rows []label) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"row", "user_id", "item", "event_timestamp"})
	for i, r := range rows {
		customer := ""
		if r.customer != nil {
			customer = fmt.Sprint(*r.customer)
		}
		_ = w.Write([]string{fmt.Sprint(i), customer, r.item, r.at.Format("2006-01-02 15:04:05")})
	}
	w.Flush()
	return b.String()
}

// tableOf reads a Parquet file: for each column the JSON of its values.
func tableOf(t *testing.T, path string) (names []string, cells map[string][]string) {
	t.Helper()
	table, err := columnar.OpenTable(path, columnar.TableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	schema := table.Schema()
	rows, err := table.Scan(schema.Names(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	cells = map[string][]string{}
	var b columnar.Batch
	for {
		err := rows.Next(&b)
		if errors.Is(err, io.EOF) {
			return schema.Names(), cells
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Rows {
			for j, c := range schema {
				cells[c.Name] = append(cells[c.Name], string(value.AppendJSON(nil, b.Cols[j].At(i), c.Type)))
			}
		}
	}
}

// checkTraining compares a training set with the model, cell by cell.
func checkTraining(t *testing.T, path, prefix string, rows []label, list []order) {
	t.Helper()
	names, cells := tableOf(t, path)
	if !slices.Equal(names[:4], []string{"row", "user_id", "item", "event_timestamp"}) || len(names) != 15 {
		t.Errorf("columns %q", names)
	}
	for i, r := range rows {
		if cells["row"][i] != fmt.Sprint(i) {
			t.Fatalf("row %d is in place %s", i, cells["row"][i])
		}
		var want map[string]string
		if r.customer != nil {
			want = model(list, *r.customer, r.item, r.at)
		}
		for _, name := range names[4:] {
			expected, ok := want["spending:"+strings.TrimPrefix(name, prefix)]
			if !ok {
				expected = "null"
			}
			if cells[name][i] != expected {
				t.Errorf("row %d at %s: %s is %s, want %s", i, r.at, name, cells[name][i], expected)
			}
		}
	}
}

func testHistorical(t *testing.T, list []order) {
	dir := t.TempDir()
	rows := labels(list)
	spine := writeFile(t, filepath.Join(dir, "spine.csv"), spineCSV(rows))
	train := filepath.Join(dir, "train.parquet")
	ask := func(out string, more ...string) trainingJSON {
		return answers[trainingJSON](t, append([]string{"get-historical", "checkout", "--spine", spine, "--out", out}, more...)...)
	}
	doc := ask(train, "--known-at", "off")
	if doc.Rows != int64(len(rows)) || doc.NullKeyRows != 1 || len(doc.Columns) != 11 {
		t.Errorf("found %+v", doc)
	}
	checkTraining(t, train, "", rows, list)
	if _, err := os.Stat(train + ".manifest.json"); err != nil {
		t.Error(err)
	}

	works(t, "compact")
	again := filepath.Join(dir, "again.parquet")
	if second := ask(again, "--known-at", "off", "--as-of", train); second.Digest != doc.Digest || second.Frontier != doc.Frontier {
		t.Errorf("out of files: %+v, out of the log: %+v", second, doc)
	}
	sameFile(t, train, again)

	// Without brokers: out of the files alone, with the definitions as files.
	store := filepath.Join("..", "..", dataDir, "objects")
	fails(t, exitUsage, []string{"-f DIR"}, "get-historical", "checkout", "--spine", spine, "--out", again, "--object-store", store)
	if files := ask(again, "--known-at", "off", "--object-store", store, "-f", filepath.Join("..", "..", "definitions")); files.Frontier != doc.Frontier {
		t.Errorf("out of files alone: %+v", files)
	}
	sameFile(t, train, again)
	ask(again, "--known-at", "off", "--full-feature-names")
	checkTraining(t, again, "spending__", rows, list)

	// By default a label knows what was in the log by its time: nothing.
	if doc := ask(again); doc.Nulls != doc.Values || doc.LeaksPrevented == 0 || !strings.Contains(doc.Hint, "created_timestamp") {
		t.Errorf("found %+v", doc)
	}
	testHistoricalErrors(t, spine, again)
}

func sameFile(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(x, y) {
		t.Errorf("%s and %s differ", a, b)
	}
}

func testHistoricalErrors(t *testing.T, spine, out string) {
	dir := filepath.Dir(spine)
	noKey := writeFile(t, filepath.Join(dir, "nokey.csv"), "user_id,event_timestamp\n7,2024-05-01T00:00:00Z\n")
	noTime := writeFile(t, filepath.Join(dir, "notime.csv"), "user_id,item\n7,tea\n")
	badTime := writeFile(t, filepath.Join(dir, "badtime.csv"), "user_id,item,event_timestamp\n7,tea,2024-05-01T00:00:00Z\n7,tea,noon\n")
	number := writeFile(t, filepath.Join(dir, "number.csv"), "user_id,item,event_timestamp\n7,tea,1714521600\n")
	clash := writeFile(t, filepath.Join(dir, "clash.csv"), "user_id,item,event_timestamp,orders\n7,tea,2024-05-01T00:00:00Z,1\n")
	for _, c := range []struct {
		code  int
		words []string
		args  []string
	}{
		{exitFailed, []string{"item"}, []string{"checkout", "--spine", noKey}},
		{exitFailed, []string{"event_timestamp"}, []string{"checkout", "--spine", noTime}},
		{exitFailed, []string{"noon", "row"}, []string{"checkout", "--spine", badTime}},
		{exitFailed, []string{"--time-unit"}, []string{"checkout", "--spine", number}},
		{exitFailed, []string{"orders", "--full-feature-names"}, []string{"checkout", "--spine", clash}},
		{exitFailed, []string{"chekout"}, []string{"chekout", "--spine", spine}},
		{exitFailed, []string{"missing.csv"}, []string{"checkout", "--spine", filepath.Join(dir, "missing.csv")}},
		{exitUsage, []string{"--known-at", "sometimes"}, []string{"checkout", "--spine", spine, "--known-at", "sometimes"}},
		{exitFailed, []string{"--as-of"}, []string{"checkout", "--spine", spine, "--as-of", "yesterday"}},
		{exitUsage, []string{"--timezone", "Mars/Base"}, []string{"checkout", "--spine", spine, "--timezone", "Mars/Base"}},
		{exitUsage, []string{"--time-unit", "weeks"}, []string{"checkout", "--spine", spine, "--time-unit", "weeks"}},
		{exitFailed, []string{"not built yet"}, []string{"checkout", "--spine", spine, "--known-at", "region:eu"}},
		{exitFailed, []string{"not built yet"}, []string{"checkout", "--spine", spine, "--known-at", "token:t"}},
	} {
		fails(t, c.code, c.words, append([]string{"get-historical", "--out", out}, c.args...)...)
	}
}

func testSnapshot(t *testing.T, list []order) {
	path := filepath.Join(t.TempDir(), "spending.parquet")
	at := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	works(t, "snapshot", "spending", "--at", at.Format(time.RFC3339), "--out", path)
	names, cells := tableOf(t, path)
	keys := 0
	for _, c := range customers {
		for _, item := range items {
			want := model(list, c, item, at)
			if want == nil {
				continue
			}
			keys++
			i := slices.IndexFunc(cells["user_id"], func(id string) bool { return id == fmt.Sprint(c) })
			for i >= 0 && i < len(cells["item"]) && (cells["item"][i] != textJSON(item) || cells["user_id"][i] != fmt.Sprint(c)) {
				i++
			}
			if i < 0 || i == len(cells["item"]) {
				t.Errorf("the snapshot %q has no row of %d, %s", names, c, item)
				continue
			}
			if found := cells["total"][i]; found != want["spending:total"] {
				t.Errorf("total of %d, %s is %s, want %s", c, item, found, want["spending:total"])
			}
		}
	}
	if n := len(cells["item"]); n != keys {
		t.Errorf("%d rows, want %d", n, keys)
	}
	fails(t, exitUsage, []string{"spendng"}, "snapshot", "spendng", "--out", path)
}

func testValidate(t *testing.T) {
	for _, region := range []string{"eu", "us"} {
		doc := answers[validateJSON](t, "validate", "checkout", "--keys", "all", "--region", region)
		if doc.Checked < 50 || doc.Mismatched != 0 || doc.Region != region {
			t.Errorf("found %+v", doc)
		}
	}
	fails(t, exitUsage, []string{"--keys"}, "validate", "checkout", "--keys", "some")
	fails(t, exitUsage, []string{"chekout"}, "validate", "chekout")
}

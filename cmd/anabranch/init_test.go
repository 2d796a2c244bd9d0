package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// orderLines are JSON lines of orders: user 7 and 8 in turn, one a minute.
func orderLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"order_id":"o%d","user_id":%d,"total":%d.25,"note":%s,"ordered_at":"2024-05-01T00:%02d:00Z"}`+"\n",
			i, 7+i%2, i, []string{"null", `"x"`}[i%2], i%60)
	}
	return b.String()
}

func TestInitWritesDefinitionsThatPlanTakes(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	writeFile(t, "orders.jsonl", orderLines(40))
	doc := answers[initJSON](t, "init", "--sample", "orders.jsonl", "--out", "definitions")
	if doc.Stream != "orders" || doc.EventTimestamp != "ordered_at" || doc.EventID != "order_id" || doc.Rows != 40 ||
		len(doc.JoinKeys) != 1 || doc.JoinKeys[0] != (joinKeyJSON{"user_id", "int64"}) || len(doc.Features) == 0 {
		t.Errorf("guessed %+v", doc)
	}
	if !slices.Contains(doc.Next, "anabranch get-online orders_model --entity user_id=7") ||
		!slices.Contains(doc.Next, "anabranch produce orders --input orders.jsonl --wait") {
		t.Errorf("next %q", doc.Next)
	}
	for _, path := range doc.Files {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if text := works(t, "plan", "-f", "definitions"); !strings.Contains(text, "stream orders") {
		t.Errorf("plan prints %s", text)
	}
}

func TestInitPrintsWhatItGuessed(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "orders.csv", "Order Id,user_id,total,when\n1,7,1.50,2024-05-01 00:00\n2,8,2.25,2024-05-01 00:01\n3,7,2.25,2024-05-01 00:02\n")
	text := works(t, "init", "--sample", "orders.csv", "--out", "d")
	for _, word := range []string{"d/orders.yaml", "3 rows of orders.csv", "user_id int64", "event_timestamp", "when",
		"anabranch dev -f d", "--map 'Order_Id=Order Id'", "anabranch get-online orders_model --entity user_id=7"} {
		if !strings.Contains(text, word) {
			t.Errorf("lacks %q:\n%s", word, text)
		}
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "orders.jsonl", orderLines(4))
	works(t, "init", "--sample", "orders.jsonl", "--out", "d")
	writeFile(t, "d/orders.yaml", "mine")
	fails(t, exitFailed, []string{"d/orders.yaml exists", "--force"}, "init", "--sample", "orders.jsonl", "--out", "d")
	fails(t, exitFailed, []string{"one project", "--force"}, "init", "--sample", "orders.jsonl", "--out", "d", "--name", "other")
	if b, _ := os.ReadFile("d/orders.yaml"); string(b) != "mine" {
		t.Errorf("found %q", b)
	}
	works(t, "init", "--sample", "orders.jsonl", "--out", "d", "--force")
	if b, _ := os.ReadFile("d/orders.yaml"); string(b) == "mine" {
		t.Error("--force did not write")
	}
}

func TestInitReadsEveryFormat(t *testing.T) {
	dir := t.TempDir()
	text := orderLines(40)
	writeFile(t, filepath.Join(dir, "a.jsonl"), text)
	f, err := os.Create(filepath.Join(dir, "b.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	_ = f.Close()
	writeOrdersParquet(t, filepath.Join(dir, "c.parquet"), 40)
	for _, name := range []string{"a.jsonl", "b.jsonl.gz", "c.parquet"} {
		doc := answers[initJSON](t, "init", "--sample", filepath.Join(dir, name), "--out", t.TempDir(), "--name", "orders", "--rows", "30")
		if doc.Rows != 30 || doc.EventTimestamp != "ordered_at" || len(doc.JoinKeys) != 1 || doc.JoinKeys[0].Name != "user_id" || doc.EventID != "order_id" {
			t.Errorf("%s: guessed %+v", name, doc)
		}
	}
}

func TestInitTakesTheSchemaOfAnAvroFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "orders.avro")
	writeOrderAvro(t, path, orders(9))
	doc := answers[initJSON](t, "init", "--sample", path, "--out", filepath.Join(dir, "d"))
	if doc.Stream != "orders" || doc.EventTimestamp != "ordered_at" || len(doc.JoinKeys) != 1 || doc.JoinKeys[0] != (joinKeyJSON{"item", "string"}) {
		t.Errorf("guessed %+v", doc)
	}
	schema, err := os.ReadFile(filepath.Join(dir, "d", "orders.avsc"))
	if err != nil || string(schema) != orderSchema {
		t.Errorf("the schema is %s, %v", schema, err)
	}
}

func FuzzAvroHeader(f *testing.F) {
	f.Add([]byte("Obj\x01\x02\x16avro.schema\x04{}\x00"))
	f.Add([]byte("Obj\x01\x01\x08\x02a\x02b\x00"))
	f.Add([]byte("Obj\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		schema, err := avroHeaderSchema(bytes.NewReader(b))
		if err == nil && !bytes.Contains(b, []byte("avro.schema")) {
			t.Errorf("found schema %q in %q", schema, b)
		}
	})
}

// writeOrdersParquet writes the rows of orderLines as Parquet.
func writeOrdersParquet(t *testing.T, path string, n int) {
	t.Helper()
	b := columnar.NewBatch(columnar.Schema{
		{Name: "order_id", Type: value.Of(value.String)}, {Name: "user_id", Type: value.Of(value.Int64)},
		{Name: "total", Type: value.Of(value.Float64)}, {Name: "note", Type: value.Of(value.String), Nullable: true},
		{Name: "ordered_at", Type: value.Of(value.Timestamp)},
	})
	for i := range n {
		note := value.Value{}
		if i%2 == 1 {
			note = value.Text("x")
		}
		at, err := stamp.ParseTime(fmt.Sprintf("2024-05-01T00:%02d:00Z", i%60))
		if err != nil {
			t.Fatal(err)
		}
		b.Append(value.Text(fmt.Sprintf("o%d", i)), value.Int(int64(7+i%2)), value.Float(float64(i)+0.25), note, value.Time(at))
	}
	parquetFile(t, path, b)
}

func TestInitOfSamplesThatSayNothing(t *testing.T) {
	dir := t.TempDir()
	out := []string{"--out", filepath.Join(dir, "d")}
	empty := writeFile(t, filepath.Join(dir, "empty.jsonl"), "")
	fails(t, exitFailed, []string{"no rows"}, append([]string{"init", "--sample", empty}, out...)...)
	bad := writeFile(t, filepath.Join(dir, "bad.jsonl"), "{\n")
	fails(t, exitFailed, []string{"bad.jsonl:1", "JSON"}, append([]string{"init", "--sample", bad}, out...)...)
	odd := writeFile(t, filepath.Join(dir, "odd.txt"), "x")
	fails(t, exitUsage, []string{"--format", "odd.txt"}, append([]string{"init", "--sample", odd}, out...)...)
	if _, err := os.Stat(filepath.Join(dir, "d")); err == nil {
		t.Error("a directory was left behind")
	}
}

func parquetFile(t *testing.T, path string, b *columnar.Batch) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := columnar.NewWriter(f, b.Schema, columnar.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

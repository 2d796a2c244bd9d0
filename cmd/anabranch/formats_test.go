package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/materializer/intake"
	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// testFormats checks that the same orders are the same records, whatever file
// they come in.
func testFormats(t *testing.T, w *devServer, dir string) {
	list := orders(50)
	plain := jsonLines(list)
	want := records(t, w, writeFile(t, filepath.Join(dir, "f.jsonl"), plain), nil)
	if len(want) != len(list) {
		t.Fatalf("%d records of %d orders", len(want), len(list))
	}
	for name, write := range map[string]func(path string){
		"f.jsonl.gz":  func(path string) { writeFile(t, path, packed(t, plain, "gz")) },
		"f.jsonl.zst": func(path string) { writeFile(t, path, packed(t, plain, "zst")) },
		"f.parquet":   func(path string) { writeOrderParquet(t, path, list) },
		"f.avro":      func(path string) { writeOrderAvro(t, path, list) },
	} {
		path := filepath.Join(dir, name)
		write(path)
		sameRecords(t, name, records(t, w, path, nil), want)
	}
	for i := range list {
		list[i].tags = []string{} // a cell of CSV holds no list
	}
	want = records(t, w, writeFile(t, filepath.Join(dir, "g.jsonl"), jsonLines(list)), nil)
	for name, text := range map[string]string{"g.csv": csvText(list), "g.csv.gz": packed(t, csvText(list), "gz")} {
		sameRecords(t, name, records(t, w, writeFile(t, filepath.Join(dir, name), text), map[string]string{"ordered_at": "when"}), want)
	}
}

func sameRecords(t *testing.T, name string, found, want []string) {
	t.Helper()
	if len(found) != len(want) {
		t.Errorf("%s has %d records, want %d", name, len(found), len(want))
		return
	}
	for i := range found {
		if found[i] != want[i] {
			t.Errorf("%s: record %d is %q, want %q", name, i, found[i], want[i])
			return
		}
	}
}

// records are key, partition and value of what produce would send of a file.
func records(t *testing.T, w *devServer, path string, columns map[string]string) []string {
	t.Helper()
	project, err := definition.Parse(orderFiles())
	if err != nil {
		t.Fatal(err)
	}
	reg, err := registry.NewClient(registry.Config{URL: w.at.Regions["eu"].SchemaRegistry})
	if err != nil {
		t.Fatal(err)
	}
	enc, err := intake.New(intake.Config{Registry: reg, Project: project, Region: "eu"}).Stream(context.Background(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	in, err := openInputFile(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	p := &producer{stream: "orders", columns: columns, ignored: map[string]bool{}, enc: enc}
	var list []string
	err = in.each(func(r inputRow) error {
		row, err := p.row(r)
		if err != nil {
			return fmt.Errorf("%d: %w", r.Line, err)
		}
		rec, err := enc.Encode(row)
		list = append(list, fmt.Sprintf("%s|%d|%s", rec.Key, rec.Partition, rec.Value))
		return err
	})
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return list
}

func orderFiles() []definition.File {
	return []definition.File{
		{Name: "shop.yaml", Data: []byte(shopYAML)}, {Name: "order.avsc", Data: []byte(orderSchema)}, {Name: "visit.avsc", Data: []byte(visitSchema)},
	}
}

func packed(t *testing.T, text, how string) string {
	t.Helper()
	var b bytes.Buffer
	if how == "gz" {
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = z.Write([]byte(text))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// csvText has the columns in another order, one under another name, times
// without a zone, and one column too many.
func csvText(list []order) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"note", "status", "extra", "qty", "total", "when", "item", "customer"})
	for _, o := range list {
		qty, note := "", ""
		if o.qty != nil {
			qty = fmt.Sprint(*o.qty)
		}
		if o.note != nil {
			note = *o.note
		}
		_ = w.Write([]string{note, o.status, "x", qty, o.total(), o.at.Format("2006/01/02 15:04"), o.item, fmt.Sprint(o.customer)})
	}
	w.Flush()
	return b.String()
}

func writeOrderParquet(t *testing.T, path string, list []order) {
	t.Helper()
	b := columnar.NewBatch(columnar.Schema{
		{Name: "customer", Type: value.Of(value.Int64)}, {Name: "item", Type: value.Of(value.String)}, {Name: "ordered_at", Type: value.Of(value.Timestamp)},
		{Name: "total", Type: value.Type{Kind: value.Decimal, Scale: 4}}, {Name: "qty", Type: value.Of(value.Int64), Nullable: true},
		{Name: "status", Type: value.Of(value.String)}, {Name: "tags", Type: value.ListOf(value.Of(value.String))}, {Name: "note", Type: value.Of(value.String), Nullable: true},
	})
	for _, o := range list {
		total, ok := value.Int128FromBig(big.NewInt(o.cents * 100))
		if !ok {
			t.Fatal("too big")
		}
		var qty, note value.Value
		if o.qty != nil {
			qty = value.Int(*o.qty)
		}
		if o.note != nil {
			note = value.Text(*o.note)
		}
		tags := []value.Value{}
		for _, tag := range o.tags {
			tags = append(tags, value.Text(tag))
		}
		b.Append(value.Int(o.customer), value.Text(o.item), value.Time(stamp.FromTime(o.at)), value.Dec(total), qty, value.Text(o.status), value.Items(tags...), note)
	}
	parquetFile(t, path, b)
}

// writeOrderAvro writes an object container file by hand (Avro 1.11, "Object
// Container Files"): a header and one block.
func writeOrderAvro(t *testing.T, path string, list []order) {
	t.Helper()
	enc, err := wire.NewEncoder(orderSchema)
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	for _, o := range list {
		fields := o.fields()
		for name, v := range map[string]any{"qty": nil, "note": nil} {
			fields[name] = v
		}
		if o.qty != nil {
			fields["qty"] = *o.qty
		}
		if o.note != nil {
			fields["note"] = *o.note
		}
		tags := []any{}
		for _, tag := range o.tags {
			tags = append(tags, tag)
		}
		fields["tags"] = tags
		if body, err = enc.EncodeValues(body, fields); err != nil {
			t.Fatal(err)
		}
	}
	text := func(b []byte, s string) []byte { return append(binary.AppendVarint(b, int64(len(s))), s...) }
	const sync = "0123456789abcdef"
	b := binary.AppendVarint([]byte("Obj\x01"), 1)
	b = append(text(text(b, "avro.schema"), orderSchema), 0)
	b = append(b, sync...)
	b = binary.AppendVarint(b, int64(len(list)))
	b = append(append(binary.AppendVarint(b, int64(len(body))), body...), sync...)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

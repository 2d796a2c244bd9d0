package wire

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
)

func TestContainerRowsEncodeAgain(t *testing.T) {
	const schema = `{"type":"record","name":"R","fields":[
	 {"name":"n","type":"long"},{"name":"s","type":["null","string"]},
	 {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
	 {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}`
	var file bytes.Buffer
	w, err := goavro.NewOCFWriter(goavro.OCFConfig{W: &file, Schema: schema, CompressionName: "deflate"})
	if err != nil {
		t.Fatal(err)
	}
	codec, err := goavro.NewCodec(schema)
	if err != nil {
		t.Fatal(err)
	}
	rows := []map[string]any{
		{"n": int64(1), "s": goavro.Union("string", "x"), "d": big.NewRat(-1234, 100), "at": int64(5)},
		{"n": int64(2), "s": nil, "d": big.NewRat(0, 1), "at": int64(978307200000)},
	}
	var want [][]byte
	for i, row := range rows {
		native, _, err := codec.NativeFromTextual([]byte([]string{
			`{"n":1,"s":{"string":"x"},"d":"","at":5}`, `{"n":2,"s":null,"d":"","at":978307200000}`,
		}[i]))
		if err != nil {
			t.Fatal(err)
		}
		m := native.(map[string]any)
		m["d"] = row["d"]
		if err := w.Append([]any{m}); err != nil {
			t.Fatal(err)
		}
		b, err := codec.BinaryFromNative(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, b)
	}
	c, err := OpenContainer(&file)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := NewEncoder(schema)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		row, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		got, err := enc.EncodeValues(nil, row)
		if err != nil || !bytes.Equal(got, want[i]) {
			t.Errorf("row %d: %x, %v, want %x", i, got, err, want[i])
		}
	}
	if _, err := c.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last row: %v", err)
	}
	if _, err := OpenContainer(bytes.NewReader([]byte("no"))); err == nil {
		t.Error("rubbish opened")
	}
}

func TestContainerDatesEncodeAgain(t *testing.T) {
	const schema = `{"type":"record","name":"R","fields":[{"name":"x","type":["null",{"type":"int","logicalType":"date"}]},
	 {"name":"y","type":{"type":"array","items":{"type":"int","logicalType":"date"}}}]}`
	var file bytes.Buffer
	w, err := goavro.NewOCFWriter(goavro.OCFConfig{W: &file, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	day := time.Unix(0, 0).UTC()
	dates := []any{day.AddDate(0, 0, -1), day.AddDate(0, 0, 19000), day.AddDate(0, 0, -719161)}
	if err := w.Append([]any{map[string]any{"x": goavro.Union("int.date", dates[1]), "y": dates}}); err != nil {
		t.Fatal(err)
	}
	c, err := OpenContainer(&file)
	if err != nil {
		t.Fatal(err)
	}
	row, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	enc, err := NewEncoder(schema)
	if err != nil {
		t.Fatal(err)
	}
	want := appendLong(appendLong(appendLong(nil, 1), 19000), 3)
	for _, days := range []int64{-1, 19000, -719161, 0} {
		want = appendLong(want, days)
	}
	if got, err := enc.EncodeValues(nil, row); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v, want %x", got, err, want)
	}
	row["y"] = []any{day.Add(time.Hour)}
	if _, err := enc.EncodeValues(nil, row); err == nil {
		t.Error("an hour of a day is a date")
	}
}

package wire

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"testing"

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

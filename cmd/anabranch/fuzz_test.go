package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRows: whatever the bytes, every row has a line, lines grow, and a row is
// either an error or JSON.
func FuzzRows(f *testing.F) {
	for _, format := range []string{"jsonl", "csv", "avro", "parquet"} {
		for _, text := range []string{"{\"a\":1}\n{\"b\":[1,{}]}\n", "a,b\n1,\"x\"\n\"\n", "\ufeffa\n\r\n", "Obj\x01\x00", "PAR1PAR1", "\x1f\x8b\x08"} {
			f.Add(text, format)
		}
	}
	f.Fuzz(func(t *testing.T, text, format string) {
		switch format {
		case "jsonl", "csv", "avro", "parquet":
		default:
			return
		}
		path := filepath.Join(t.TempDir(), "input")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		in, err := openInputFile(path, format)
		if err != nil {
			t.Fatal(err)
		}
		last := int64(0)
		_ = in.each(func(r inputRow) error {
			if r.Line <= last {
				t.Errorf("line %d comes after %d", r.Line, last)
			}
			last = r.Line
			if r.Err == nil && !json.Valid(r.text()) {
				t.Errorf("row %d is %q", r.Line, r.text())
			}
			return nil
		})
	})
}

// FuzzSettings: an error is one line and names one.
func FuzzSettings(f *testing.F) {
	f.Add(euSettings)
	f.Add("a: &a {b: *a}\n")
	f.Add("<<: {region: x}\n")
	f.Add("kafka: {brokers: [[a]], tls: 1}\npeers: {us: {interval: 5}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSettings([]byte(text))
		if err == nil {
			s.flags()
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("found error %q", err)
		}
	})
}

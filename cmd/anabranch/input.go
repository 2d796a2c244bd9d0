package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/wire"
)

// inputFile is a file of events that can be read twice: once to check it, once
// to send it.
type inputFile struct {
	path   string
	name   string // for messages
	format string
	digest string // of the bytes, 16 hex digits
	temp   bool
}

// openInputFile finds out what a file is. Standard input is kept in a
// temporary file, so that it can be checked whole too.
func openInputFile(path, format string) (*inputFile, error) {
	in := &inputFile{path: path, name: path, format: format}
	if path == "-" {
		if err := in.spool(os.Stdin); err != nil {
			return nil, err
		}
	}
	if in.format == "" {
		in.format = formatOf(path)
	}
	switch in.format {
	case "jsonl", "csv", "parquet", "avro":
	default:
		in.close()
		return nil, usage("--input %s: what format is it? give --format jsonl, csv, parquet or avro", path)
	}
	f, err := os.Open(in.path)
	if err != nil {
		in.close()
		return nil, usage("--input: %v", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		in.close()
		return nil, err
	}
	in.digest = hex.EncodeToString(h.Sum(nil)[:8])
	return in, nil
}

func (in *inputFile) spool(r io.Reader) error {
	f, err := os.CreateTemp("", "anabranch-input-*")
	if err != nil {
		return err
	}
	in.path, in.name, in.temp = f.Name(), "standard input", true
	if in.format == "" {
		in.format = "jsonl"
	}
	_, err = io.Copy(f, r)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (in *inputFile) close() {
	if in.temp {
		_ = os.Remove(in.path)
	}
}

func formatOf(path string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".zst")
	for ext, format := range map[string]string{
		".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".avro": "avro",
	} {
		if strings.HasSuffix(base, ext) {
			return format
		}
	}
	return ""
}

// inputRow is one row of an input. A row that cannot be read has an Err; the
// rows after it are still read.
type inputRow struct {
	Line   int64 // of the file, or the row's number, from 1
	Fields map[string]any
	Raw    []byte // for a file of rejects
	Err    error
}

// each calls fn with every row, in order.
func (in *inputFile) each(fn func(inputRow) error) error {
	if in.format == "parquet" {
		return in.eachParquet(fn)
	}
	f, err := os.Open(in.path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := unpacked(f, in.path)
	if err != nil {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	switch in.format {
	case "csv":
		return in.eachCSV(r, fn)
	case "avro":
		return in.eachAvro(r, fn)
	}
	return in.eachLine(r, fn)
}

// unpacked undoes gzip and zstd by the file's extension, or by its first bytes
// where it has no name.
func unpacked(f *os.File, path string) (io.Reader, error) {
	r := bufio.NewReaderSize(f, 1<<20)
	head, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case strings.HasSuffix(path, ".gz") || bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case strings.HasSuffix(path, ".zst") || bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r)
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return r, nil
}

const maxLineBytes = 64 << 20

func (in *inputFile) eachLine(r io.Reader, fn func(inputRow) error) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 1<<20), maxLineBytes)
	for line := int64(1); scanner.Scan(); line++ {
		text := bytes.TrimSpace(scanner.Bytes())
		if len(text) == 0 {
			continue
		}
		row := inputRow{Line: line, Raw: text}
		row.Fields, row.Err = jsonObject(text)
		if err := fn(row); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	return nil
}

func jsonObject(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if fields == nil {
		return nil, errors.New("not a JSON object: null")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON object on the line")
	}
	return fields, nil
}

// eachCSV takes an empty cell for null.
func (in *inputFile) eachCSV(r io.Reader, fn func(inputRow) error) error {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	first, err := c.Read()
	if err != nil {
		return fmt.Errorf("%s: the first line must name the columns: %w", in.name, err)
	}
	head := append([]string{}, first...)
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	for {
		cells, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		line, _ := c.FieldPos(0)
		row := inputRow{Line: int64(line), Fields: map[string]any{}}
		var parse *csv.ParseError
		switch {
		case errors.As(err, &parse):
			row.Line, row.Err = int64(parse.Line), parse.Err
		case err != nil:
			return fmt.Errorf("%s: %w", in.name, err)
		}
		for i, cell := range cells {
			if i >= len(head) {
				break
			}
			row.Fields[head[i]] = nil
			if cell != "" {
				row.Fields[head[i]] = cell
			}
		}
		if row.Raw, err = json.Marshal(row.Fields); err != nil {
			return err
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

func (in *inputFile) eachAvro(r io.Reader, fn func(inputRow) error) error {
	c, err := wire.OpenContainer(r)
	if err != nil {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	for n := int64(1); ; n++ {
		fields, err := c.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: record %d: %w", in.name, n, err)
		}
		if err := fn(inputRow{Line: n, Fields: fields, Raw: fmt.Append(nil, fields)}); err != nil {
			return err
		}
	}
}

func (in *inputFile) eachParquet(fn func(inputRow) error) error {
	t, err := columnar.OpenTable(in.path, columnar.TableOptions{Format: "parquet"})
	if err != nil {
		return err
	}
	defer t.Close()
	for name, why := range t.Unreadable() {
		return fmt.Errorf("%s: column %s: %s", in.name, name, why)
	}
	var names []string
	for _, c := range t.Schema() {
		names = append(names, c.Name)
	}
	rows, err := t.Scan(names, 4096)
	if err != nil {
		return err
	}
	defer rows.Close()
	var b columnar.Batch
	for line := int64(1); ; {
		err := rows.Next(&b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.Rows {
			fields := make(map[string]any, len(names))
			for j, name := range names {
				if v := b.Cols[j].At(i); !v.IsNull() {
					fields[name] = v.Clone()
				} else {
					fields[name] = nil
				}
			}
			if err := fn(inputRow{Line: line, Fields: fields, Raw: fmt.Append(nil, fields)}); err != nil {
				return err
			}
			line++
		}
	}
}

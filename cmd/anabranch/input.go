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
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
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
	// unreadable says of each column that each leaves out why; set by each.
	unreadable map[string]string
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
	Line    int64          // of the file, or the row's number, from 1
	Columns []string       // in the file's order; nil where a row has its own
	Fields  map[string]any // as wire.Encoder takes them
	Err     error

	json []byte // the row's own text, valid until the next row
}

// text is the row as JSON: its own text, if that is what it is.
func (r *inputRow) text() []byte {
	if r.json != nil {
		return r.json
	}
	b, err := json.Marshal(r.Fields)
	if err != nil {
		return fmt.Appendf(nil, "%q", fmt.Sprint(r.Fields))
	}
	return b
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
	line := int64(1)
	for ; scanner.Scan(); line++ {
		text := bytes.TrimSpace(scanner.Bytes())
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte(byteOrderMark))
		}
		if len(text) == 0 {
			continue
		}
		row := inputRow{Line: line, json: text}
		row.Fields, row.Err = jsonObject(text)
		if err := fn(row); err != nil {
			return err
		}
	}
	err := scanner.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = fmt.Errorf("longer than %s", sizeOf(maxLineBytes))
	}
	if err != nil {
		return fmt.Errorf("%s:%d: %w", in.name, line, err)
	}
	return nil
}

const byteOrderMark = "\ufeff"

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
	head := slices.Clone(first)
	head[0] = strings.TrimPrefix(head[0], byteOrderMark)
	if twice := repeated(head); twice != "" {
		return fmt.Errorf("%s: two columns are named %q", in.name, twice)
	}
	for {
		cells, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		row := inputRow{Columns: head, Fields: csvFields(head, cells)}
		var parse *csv.ParseError
		switch {
		case errors.As(err, &parse):
			row.Line, row.Err = int64(parse.StartLine), csvError(parse, len(cells), len(head))
		case err != nil:
			return fmt.Errorf("%s: %w", in.name, err)
		default:
			line, _ := c.FieldPos(0)
			row.Line = int64(line)
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

func csvFields(head, cells []string) map[string]any {
	fields := make(map[string]any, len(head))
	for i, cell := range cells[:min(len(cells), len(head))] {
		fields[head[i]] = nil
		if cell != "" {
			fields[head[i]] = cell
		}
	}
	return fields
}

func csvError(e *csv.ParseError, cells, columns int) error {
	if errors.Is(e.Err, csv.ErrFieldCount) {
		return fmt.Errorf("found %d cells, want %d as in the first line", cells, columns)
	}
	return e.Err
}

// repeated is a name that comes twice, or nothing.
func repeated(names []string) string {
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return name
		}
		seen[name] = true
	}
	return ""
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
		if err := fn(inputRow{Line: n, Fields: fields}); err != nil {
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
	in.unreadable = t.Unreadable()
	schema := t.Schema()
	rows, err := t.Scan(schema.Names(), 4096)
	if err != nil {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	defer rows.Close()
	var b columnar.Batch
	for line := int64(1); ; {
		err := rows.Next(&b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", in.name, err)
		}
		for i := range b.Rows {
			fields := make(map[string]any, len(schema))
			for j, c := range schema {
				fields[c.Name] = plainValue(b.Cols[j].At(i), c.Type)
			}
			if err := fn(inputRow{Line: line, Columns: schema.Names(), Fields: fields}); err != nil {
				return err
			}
			line++
		}
	}
}

// plainValue is a value of a column as a Go value that keeps all of it.
func plainValue(v value.Value, t value.Type) any {
	switch v.Kind {
	case value.Null:
		return nil
	case value.Bool:
		return v.Bool()
	case value.Int64:
		return v.N
	case value.Float64:
		return v.Float()
	case value.String:
		return string(v.B)
	case value.Bytes:
		return bytes.Clone(v.B)
	case value.Timestamp:
		return stamp.Micros(v.N).Time()
	case value.Decimal:
		return v.Int128().FormatDecimal(t.Scale)
	case value.List:
		items := make([]any, len(v.L))
		for i := range v.L {
			items[i] = plainValue(v.L[i], *t.Elem)
		}
		return items
	}
	return strings.Trim(value.Format(v, t), `"`) // a date
}

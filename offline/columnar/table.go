package columnar

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"anabranch.dev/anabranch/schemas/value"
)

// TableOptions say how a user's file is read.
type TableOptions struct {
	// Format is parquet, csv, jsonl or arrow; empty: by the extension (.parquet .pq .csv .jsonl .ndjson .arrow .arrows
	// .ipc .feather; .csv and .jsonl also with .gz or .zst after it).
	Format string
	// Types forces the kinds of CSV and JSONL columns: Bool, Int64, Float64, String (the text as written) or Bytes
	// (base64). Columns not named are inferred; names that the file does not have count for nothing.
	Types map[string]value.Kind
}

// Rows streams rows in order.
type Rows interface {
	// Schema is the columns of the batches.
	Schema() Schema
	// Next reads the next rows into b, whose memory is reused; io.EOF and no rows after the last.
	Next(b *Batch) error
	// Close gives memory and files back.
	Close()
}

// Table is a user's file of rows. It may be scanned any number of times; it must not change meanwhile.
type Table struct {
	path  string
	input input
}

// input is one format.
type input interface {
	schema() Schema
	rows() int64
	scan(names []string, batchRows int) (Rows, error)
	extend(w io.Writer, extra Schema, o Options) (Extender, error)
	close() error
}

// OpenTable opens a file. A CSV or JSONL file is read once to find its types: a column is int64 if all its values are
// integers in plain decimal, else float64 if all are decimal numbers and none loses digits, else boolean if all are true
// or false, else string; an empty CSV cell, a missing or null JSON value is null and fits any. JSON that is nested, or of
// several kinds in one column, stays text. Numbers with leading zeros are text.
func OpenTable(path string, o TableOptions) (*Table, error) {
	in, err := openInput(path, o)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &Table{path: path, input: in}, nil
}

func openInput(path string, o TableOptions) (input, error) {
	format, err := formatOf(path, o.Format)
	if err != nil {
		return nil, err
	}
	switch format {
	case "parquet":
		return openParquetTable(path)
	case "arrow":
		return openArrowTable(path)
	case "csv":
		return openTextTable(path, o.Types, newCSV)
	}
	return openTextTable(path, o.Types, newJSONL)
}

var extensions = map[string]string{
	".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
	".arrow": "arrow", ".arrows": "arrow", ".ipc": "arrow", ".feather": "arrow",
}

func formatOf(path, format string) (string, error) {
	switch format {
	case "parquet", "csv", "jsonl", "arrow":
		return format, nil
	case "":
		inner := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(path), ".gz"), ".zst")
		if f := extensions[filepath.Ext(inner)]; f != "" {
			return f, nil
		}
		return "", fmt.Errorf("the extension does not tell the format: name parquet, csv, jsonl or arrow")
	}
	return "", fmt.Errorf("format %q: want parquet, csv, jsonl or arrow", format)
}

// Schema is the columns that can be read, in order. It is shared: read-only.
func (t *Table) Schema() Schema { return t.input.schema() }

// Rows is the number of rows.
func (t *Table) Rows() int64 { return t.input.rows() }

// Unreadable says for each column of a Parquet file that cannot be read what its type is; Extend keeps it all the same.
func (t *Table) Unreadable() map[string]string {
	if p, ok := t.input.(*parquetTable); ok {
		return p.file.Unreadable()
	}
	return nil
}

// Scan reads the named columns of all rows in order, in batches of at most batchRows. An Arrow file keeps the batches
// that it has.
func (t *Table) Scan(names []string, batchRows int) (Rows, error) {
	if batchRows < 1 {
		return nil, fmt.Errorf("scan %s: batches of %d rows: want at least 1", t.path, batchRows)
	}
	r, err := t.input.scan(names, batchRows)
	if err != nil {
		return nil, fmt.Errorf("scan %s: %w", t.path, err)
	}
	return r, nil
}

// Extend starts a Parquet file on w with the table's columns, followed by those of extra. The columns of a Parquet file
// keep their exact types, also those that cannot be read; others have the types of Schema.
func (t *Table) Extend(w io.Writer, extra Schema, o Options) (Extender, error) {
	for _, c := range extra {
		if slices.Contains(t.Schema().Names(), c.Name) {
			return nil, fmt.Errorf("extend %s: column %q is in it already", t.path, c.Name)
		}
	}
	x, err := t.input.extend(w, extra, o)
	if err != nil {
		return nil, fmt.Errorf("extend %s: %w", t.path, err)
	}
	return x, nil
}

// Close closes the file.
func (t *Table) Close() error { return t.input.close() }

// parquetTable is a Parquet file on disk.
type parquetTable struct {
	disk *os.File
	file *File
}

func openParquetTable(path string) (input, error) {
	disk, size, err := openDisk(path)
	if err != nil {
		return nil, err
	}
	f, err := Open(disk, size)
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	return &parquetTable{disk: disk, file: f}, nil
}

func openDisk(path string) (*os.File, int64, error) {
	disk, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := disk.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, disk.Close())
	}
	return disk, info.Size(), nil
}

func (p *parquetTable) schema() Schema { return p.file.Schema() }
func (p *parquetTable) rows() int64    { return p.file.Rows() }
func (p *parquetTable) close() error   { return p.disk.Close() }

func (p *parquetTable) scan(names []string, batchRows int) (Rows, error) {
	return p.file.Scan(names, batchRows)
}

func (p *parquetTable) extend(w io.Writer, extra Schema, o Options) (Extender, error) {
	return p.file.Extend(w, extra, o)
}

// textReader is a file's text, decompressed by its extension.
type textReader struct {
	io.Reader
	closers []func() error
}

func openText(path string) (*textReader, error) {
	disk, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &textReader{Reader: disk, closers: []func() error{disk.Close}}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".gz":
		z, err := gzip.NewReader(disk)
		if err != nil {
			return nil, errors.Join(err, disk.Close())
		}
		t.Reader, t.closers = z, append(t.closers, z.Close)
	case ".zst":
		z, err := zstd.NewReader(disk, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, errors.Join(err, disk.Close())
		}
		t.Reader, t.closers = z, append(t.closers, func() error { z.Close(); return nil })
	}
	return t, nil
}

func (t *textReader) Close() error {
	var err error
	for _, closer := range slices.Backward(t.closers) {
		err = errors.Join(err, closer())
	}
	return err
}

package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// File is an open Parquet file: a typed view of its columns and what its footer says.
type File struct {
	file       *parquet.File
	schema     Schema
	types      map[*parquet.Column]parquet.Type
	views      map[string]*view
	unreadable map[string]string
	names      []string
}

// readBuffer is what one column reads ahead from the underlying reader.
const readBuffer = 128 << 10

// Open reads the footer of a Parquet file of that size; pages are read when they are asked for. r stays the caller's
// and must outlive the File.
func Open(r io.ReaderAt, size int64) (f *File, err error) {
	defer guard(&err)
	if err := checkFooter(r, size); err != nil {
		return nil, fmt.Errorf("open parquet: %w", err)
	}
	file, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(readBuffer))
	if err != nil {
		return nil, fmt.Errorf("open parquet: %w", err)
	}
	f = &File{file: file, types: map[*parquet.Column]parquet.Type{}, views: map[string]*view{}, unreadable: map[string]string{}}
	if err := f.view(); err != nil {
		return nil, fmt.Errorf("open parquet: %w", err)
	}
	return f, nil
}

// checkFooter looks at the length of the footer before anything is allocated for it.
func checkFooter(r io.ReaderAt, size int64) error {
	if size < 12 {
		return fmt.Errorf("%d bytes are no Parquet file", size)
	}
	var tail [8]byte
	if _, err := r.ReadAt(tail[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n := int64(binary.LittleEndian.Uint32(tail[:])); string(tail[4:]) == "PAR1" && n > size-12 {
		return fmt.Errorf("footer of %d bytes in a file of %d", n, size)
	}
	return nil
}

func (f *File) view() error {
	f.declare(f.file.Root(), f.file.Metadata().Schema)
	seen := map[string]bool{}
	for _, c := range f.file.Root().Columns() {
		if seen[c.Name()] {
			return fmt.Errorf("two columns named %q", c.Name())
		}
		seen[c.Name()] = true
		f.names = append(f.names, c.Name())
		v, err := f.viewOf(c)
		if err != nil {
			f.unreadable[c.Name()] = err.Error()
			continue
		}
		f.views[c.Name()] = v
		f.schema = append(f.schema, v.Column)
	}
	leaves := len(f.file.Schema().Columns())
	for i, g := range f.file.RowGroups() {
		if n := len(g.ColumnChunks()); n != leaves || g.NumRows() < 0 {
			return fmt.Errorf("row group %d: %d columns of %d, %d rows", i, n, leaves, g.NumRows())
		}
	}
	return nil
}

// Schema is the columns of types that can be read, in the order of the file. It is shared: read-only.
func (f *File) Schema() Schema { return f.schema }

// Names lists all columns, the unreadable ones too, in the order of the file. It is shared: read-only.
func (f *File) Names() []string { return f.names }

// Unreadable says for each column that cannot be read what its type is. They still pass through Extend unchanged.
func (f *File) Unreadable() map[string]string { return maps.Clone(f.unreadable) }

// Rows is the number of rows that the row groups announce.
func (f *File) Rows() (n int64) {
	for _, g := range f.file.RowGroups() {
		n += g.NumRows()
	}
	return n
}

// RowGroups is the number of row groups.
func (f *File) RowGroups() int { return len(f.file.RowGroups()) }

// GroupRows is the number of rows of row group i, counting from 0.
func (f *File) GroupRows(i int) int64 { return f.file.RowGroups()[i].NumRows() }

// Metadata is the file's key-value metadata, in a map of its own.
func (f *File) Metadata() map[string]string {
	m := map[string]string{}
	for _, kv := range f.file.Metadata().KeyValueMetadata {
		m[kv.Key] = kv.Value
	}
	return m
}

// CreatedBy names the program that wrote the file.
func (f *File) CreatedBy() string { return f.file.Metadata().CreatedBy }

// pick finds the views of the named columns, in that order.
func (f *File) pick(names []string) (Schema, []*view, error) {
	schema, views := make(Schema, len(names)), make([]*view, len(names))
	for i, name := range names {
		v := f.views[name]
		if v == nil {
			if why, there := f.unreadable[name]; there {
				return nil, nil, fmt.Errorf("column %q: reading %s is not built yet", name, why)
			}
			return nil, nil, fmt.Errorf("column %q: not found, there are %q", name, f.names)
		}
		schema[i], views[i] = v.Column, v
	}
	return schema, views, nil
}

// checkChunk looks for damage in a column chunk that the library would not survive. The library takes one codec for all
// chunks of a column, whatever they say themselves.
func (f *File) checkChunk(group, leaf int) error {
	chunk, ok := f.file.RowGroups()[group].ColumnChunks()[leaf].(*parquet.FileColumnChunk)
	if !ok || chunk.Node().Compression().CompressionCodec() != format.Lz4Raw {
		return nil
	}
	return checkLZ4(f.file, &f.file.Metadata().RowGroups[group].Columns[leaf].MetaData)
}

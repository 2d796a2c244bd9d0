package columnar

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"anabranch.dev/anabranch/schemas/value"
)

// Options of a Parquet file. The zero value is good.
type Options struct {
	Compression  string            // "snappy" (default), "zstd" or "none"
	RowGroupRows int               // rows of a row group at most; default 262,144
	PageBytes    int               // bytes of an uncompressed page, about; default 262,144
	Unique       []string          // string and bytes columns whose values hardly repeat: they get no dictionary
	SortedBy     []string          // columns that the rows come sorted by, ascending, nulls last; recorded, not checked
	Bloom        []string          // scalar columns, not booleans, floats or decimals, that get a bloom filter in every row group
	Metadata     map[string]string // the file's key-value metadata
	CreatedBy    string            // default "anabranch"
}

// Defaults and bounds of Options.
const (
	DefaultRowGroupRows = 1 << 18
	DefaultPageBytes    = 1 << 18
	maxRowGroupRows     = 1 << 24
	blockRows           = 2048 // rows shredded at once; pages end at multiples of it within a row group
)

func (o Options) withDefaults() Options {
	if o.RowGroupRows == 0 {
		o.RowGroupRows = DefaultRowGroupRows
	}
	if o.PageBytes == 0 {
		o.PageBytes = DefaultPageBytes
	}
	if o.CreatedBy == "" {
		o.CreatedBy = "anabranch"
	}
	return o
}

// Validate reports options that no file can have.
func (o Options) Validate() error {
	if o.RowGroupRows < 0 || o.RowGroupRows > maxRowGroupRows {
		return fmt.Errorf("row group of %d rows: want 1 to %d", o.RowGroupRows, maxRowGroupRows)
	}
	if o.PageBytes < 0 || o.PageBytes > 1<<28 {
		return fmt.Errorf("page of %d bytes: want 1 to %d", o.PageBytes, 1<<28)
	}
	_, err := o.codec()
	return err
}

func (o Options) codec() (compress.Codec, error) {
	switch o.Compression {
	case "", "snappy":
		return &parquet.Snappy, nil
	case "zstd":
		return &parquet.Zstd, nil
	case "none":
		return &parquet.Uncompressed, nil
	}
	return nil, fmt.Errorf("compression %q: want snappy, zstd or none", o.Compression)
}

// Writer writes one Parquet file. Its bytes are a function of schema, options and the rows in order; it holds one row
// group, encoded and compressed, in memory. After an error it is of no use but Close, which repeats the error.
type Writer struct {
	schema  Schema
	out     *parquet.GenericWriter[any]
	leaves  []*leaf
	pending *Batch // rows that do not fill a block yet
	rows    int    // rows of the open row group, pending ones included
	limit   int    // of rows
	before  func() error
	err     error
	closed  bool
}

// NewWriter starts a file on w, which the caller closes after the Writer.
func NewWriter(w io.Writer, schema Schema, o Options) (*Writer, error) {
	nw, err := newWriter(w, nil, schema, o)
	if err != nil {
		return nil, fmt.Errorf("write parquet: %w", err)
	}
	return nw, nil
}

// newWriter starts a file with the foreign fields first and the columns of schema after them.
func newWriter(w io.Writer, foreign []parquet.Field, schema Schema, o Options) (out *Writer, err error) {
	defer guard(&err)
	if err := errors.Join(schema.Validate(), o.Validate()); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	config, filters, err := o.config(foreign, schema)
	if err != nil {
		return nil, err
	}
	nw := &Writer{schema: schema, out: parquet.NewGenericWriter[any](w, config), pending: NewBatch(schema), limit: o.RowGroupRows}
	for i, c := range schema {
		nw.leaves = append(nw.leaves, leavesOf(i, c)...)
	}
	columns := nw.out.ColumnWriters()
	columns = columns[len(columns)-len(nw.leaves):]
	for i, l := range nw.leaves {
		l.out, l.limit, l.filter = columns[i], o.PageBytes, filters[schema[l.column].Name]
	}
	return nw, nil
}

// config translates the options; filters are by column name.
func (o Options) config(foreign []parquet.Field, schema Schema) (*parquet.WriterConfig, map[string]*filter, error) {
	config := parquet.DefaultWriterConfig()
	config.Compression, _ = o.codec()
	config.CreatedBy, config.KeyValueMetadata = o.CreatedBy, o.Metadata
	config.PageBufferSize, config.MaxRowsPerRowGroup = o.PageBytes, 1<<62
	config.DictionaryMaxBytes = dictionaryBytes
	root := &group{fields: slices.Clone(foreign)}
	filters := map[string]*filter{}
	for _, name := range o.Bloom {
		if i := schema.Index(name); i < 0 || !filterable(schema[i].Type.Kind) {
			return nil, nil, fmt.Errorf("bloom filter on %q: no such column, or not an integer, a time, text or bytes", name)
		}
		filters[name] = &filter{}
		config.BloomFilters = append(config.BloomFilters, newFilter(name))
		config.DictionaryMaxBytes = filterableBytes
	}
	for _, c := range schema {
		root.fields = append(root.fields, columnField(c, o.storage(c.Name)))
	}
	for _, name := range o.SortedBy {
		if i := schema.Index(name); i < 0 || !schema[i].Type.Scalar() {
			return nil, nil, fmt.Errorf("sorted by %q: no such scalar column", name)
		}
		config.Sorting.SortingColumns = append(config.Sorting.SortingColumns, parquet.Ascending(name))
	}
	for _, name := range o.Unique {
		if schema.Index(name) < 0 {
			return nil, nil, fmt.Errorf("unique %q: no such column", name)
		}
	}
	config.Schema = parquet.NewSchema("schema", root)
	return config, filters, nil
}

func (o Options) storage(name string) storage {
	switch {
	case slices.Contains(o.Bloom, name):
		return filtered
	case slices.Contains(o.SortedBy, name):
		return sorted
	case slices.Contains(o.Unique, name):
		return unique
	}
	return ordinary
}

func filterable(k value.Kind) bool {
	return k == value.Int64 || k == value.Timestamp || k == value.Date || k == value.String || k == value.Bytes
}

// Write appends the rows of b, whose columns are the schema's in order. b is the caller's again when Write returns.
func (w *Writer) Write(b *Batch) (err error) {
	if w.err != nil {
		return w.err
	}
	defer w.keep(&err)
	defer guard(&err)
	if err := b.fits(w.schema); err != nil {
		return err
	}
	for at := 0; at < b.Rows; {
		n := min(blockRows-w.pending.Rows, w.limit-w.rows, b.Rows-at)
		if err := w.take(b, at, at+n); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// take adds rows that fit both the open block and the open row group.
func (w *Writer) take(b *Batch, i, j int) error {
	w.rows += j - i
	if w.pending.Rows == 0 && j-i == blockRows {
		if err := w.block(b, i, j); err != nil {
			return err
		}
	} else {
		for c := range b.Cols {
			w.pending.Cols[c].AppendRange(&b.Cols[c], i, j)
		}
		w.pending.Rows += j - i
	}
	if w.pending.Rows == blockRows {
		if err := w.drain(); err != nil {
			return err
		}
	}
	if w.rows == w.limit || w.before == nil && w.full() {
		return w.flush()
	}
	return nil
}

// full reports a filter that must not take much more.
func (w *Writer) full() bool {
	return slices.ContainsFunc(w.leaves, func(l *leaf) bool { return l.filter != nil && l.filter.full() })
}

func (w *Writer) drain() error {
	err := w.block(w.pending, 0, w.pending.Rows)
	w.pending.Reset()
	return err
}

func (w *Writer) block(b *Batch, i, j int) error {
	for _, l := range w.leaves {
		if err := l.write(&b.Cols[l.column], i, j); err != nil {
			return fmt.Errorf("column %q: %w", w.schema[l.column].Name, err)
		}
	}
	return nil
}

// FlushRowGroup ends the open row group; without rows in it nothing happens.
func (w *Writer) FlushRowGroup() (err error) {
	if w.err != nil || w.rows == 0 {
		return w.err
	}
	defer w.keep(&err)
	defer guard(&err)
	return w.flush()
}

func (w *Writer) flush() error {
	if err := w.drain(); err != nil {
		return err
	}
	if w.before != nil {
		if err := w.before(); err != nil {
			return err
		}
	}
	err := w.out.Flush()
	w.rows = 0
	for _, l := range w.leaves {
		if l.filter != nil {
			l.filter.reset()
		}
	}
	return err
}

// Close ends the file; it does not close the underlying writer. Without Close there is no file. A second Close does
// nothing.
func (w *Writer) Close() (err error) {
	if w.err != nil || w.closed {
		return w.err
	}
	if err := w.FlushRowGroup(); err != nil {
		return err
	}
	w.closed = true
	defer w.keep(&err)
	defer guard(&err)
	return w.out.Close()
}

// keep makes the first error the writer's last.
func (w *Writer) keep(err *error) {
	if *err != nil {
		*err = fmt.Errorf("write parquet: %w", *err)
		w.err = *err
	}
}

// guard turns a panic below the door into an error: what a library was given is corrupt, or of a shape that it cannot take.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("corrupt or unsupported: %v", p)
	}
}

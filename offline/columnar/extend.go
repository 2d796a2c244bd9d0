package columnar

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// Extender writes the rows of an input, in their order, with more columns after them. The caller writes the new columns
// alone, as many rows as the input has.
type Extender interface {
	// Write appends the next rows of the new columns.
	Write(*Batch) error
	// Close ends the file; it is an error if rows are missing. It does not close the underlying writer.
	Close() error
}

// Extend starts a Parquet file with the columns of f as they are, also those that cannot be read, and those of extra
// after them. Row groups stay those of f, so Options.RowGroupRows does not count; metadata of f is kept where the options
// do not say otherwise.
func (f *File) Extend(w io.Writer, extra Schema, o Options) (Extender, error) {
	x, err := f.extend(w, extra, o)
	if err != nil {
		return nil, fmt.Errorf("extend parquet: %w", err)
	}
	return x, nil
}

type fileExtender struct {
	*Writer
	file  *File
	group int // of the input, open or next
	row   int64
}

func (f *File) extend(w io.Writer, extra Schema, o Options) (x *fileExtender, err error) {
	defer guard(&err)
	if err := f.clashes(extra); err != nil {
		return nil, err
	}
	var foreign []parquet.Field
	for _, c := range f.file.Root().Columns() {
		foreign = append(foreign, f.verbatim(c))
	}
	o.Metadata = f.metadataWith(extra, o.Metadata)
	out, err := newWriter(w, foreign, extra, o)
	if err != nil {
		return nil, err
	}
	x = &fileExtender{Writer: out, file: f, group: -1}
	x.before = x.copyGroup
	x.openGroup()
	return x, nil
}

func (f *File) clashes(extra Schema) error {
	for _, c := range extra {
		if slices.Contains(f.names, c.Name) {
			return fmt.Errorf("column %q is in the input already", c.Name)
		}
	}
	return nil
}

// metadataWith is the metadata of f under that of the options, with the embedded Arrow schema grown by the new columns.
func (f *File) metadataWith(extra Schema, over map[string]string) map[string]string {
	m := f.Metadata()
	if encoded, ok := m[arrowSchemaKey]; ok {
		delete(m, arrowSchemaKey)
		if grown, err := growArrowSchema(encoded, extra); err == nil {
			m[arrowSchemaKey] = grown
		}
	}
	for k, v := range over {
		m[k] = v
	}
	return m
}

// openGroup goes on to the next row group of the input that has rows.
func (x *fileExtender) openGroup() {
	for x.group++; x.group < x.file.RowGroups(); x.group++ {
		if n := x.file.GroupRows(x.group); n > 0 {
			x.limit = int(n)
			return
		}
	}
	x.limit = 0
}

// Write appends the next rows of the new columns.
func (x *fileExtender) Write(b *Batch) error {
	if x.row += int64(b.Rows); x.row > x.file.Rows() {
		return fmt.Errorf("extend parquet: %d rows for an input of %d", x.row, x.file.Rows())
	}
	return x.Writer.Write(b)
}

// Close ends the file.
func (x *fileExtender) Close() error {
	if x.Writer.err == nil && x.row != x.file.Rows() {
		return fmt.Errorf("extend parquet: %d rows for an input of %d", x.row, x.file.Rows())
	}
	return x.Writer.Close()
}

// copyGroup copies the open row group's columns when its new ones are whole.
func (x *fileExtender) copyGroup() error {
	chunks := x.file.file.RowGroups()[x.group].ColumnChunks()
	columns := x.out.ColumnWriters()
	buffer := make([]parquet.Value, 0, blockRows)
	for i, chunk := range chunks {
		err := x.file.checkChunk(x.group, i)
		if err == nil {
			err = copyChunk(columns[i], chunk, int64(x.limit), buffer)
		}
		if err != nil {
			return fmt.Errorf("row group %d: column %q: %w", x.group, x.file.file.Schema().Columns()[i], err)
		}
	}
	x.openGroup()
	return nil
}

// copyChunk copies one leaf value by value with its levels, whole rows at a time, and checks that there are rows of them.
func copyChunk(out *parquet.ColumnWriter, chunk parquet.ColumnChunk, rows int64, buffer []parquet.Value) error {
	pages := chunk.Pages()
	defer pages.Close()
	c := copier{out: out, values: buffer[:0]}
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		err = c.page(page)
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
	if err := c.hand(); err != nil {
		return err
	}
	if c.rows != rows {
		return fmt.Errorf("%d rows of %d", c.rows, rows)
	}
	return nil
}

type copier struct {
	out    *parquet.ColumnWriter
	values []parquet.Value
	rows   int64
	read   [256]parquet.Value
}

// page takes the values of a page. Those of its last row are kept as clones: the row may go on in the next page.
func (c *copier) page(p parquet.Page) error {
	values := p.Values()
	for {
		n, err := values.ReadValues(c.read[:])
		for _, v := range c.read[:n] {
			if v.RepetitionLevel() == 0 {
				if len(c.values) >= blockRows {
					if err := c.hand(); err != nil {
						return err
					}
				}
				c.rows++
			}
			c.values = append(c.values, v)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil || n == 0 {
			return c.keepLastRow()
		}
	}
}

func (c *copier) keepLastRow() error {
	last := len(c.values)
	for last > 0 && c.values[last-1].RepetitionLevel() != 0 {
		last--
	}
	if last = max(last-1, 0); last > 0 {
		if _, err := c.out.WriteRowValues(c.values[:last]); err != nil {
			return err
		}
	}
	kept := append(c.values[:0], c.values[last:]...)
	for i := range kept {
		kept[i] = kept[i].Clone()
	}
	c.values = kept
	return nil
}

func (c *copier) hand() error {
	if len(c.values) == 0 {
		return nil
	}
	_, err := c.out.WriteRowValues(c.values)
	c.values = c.values[:0]
	return err
}

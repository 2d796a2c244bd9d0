package columnar

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
)

// ArrowReader reads the record batches of an Arrow IPC stream or file.
type ArrowReader struct {
	schema Schema
	next   func() (arrow.Record, error)
	close  func()
}

// ReadArrow reads the schema of an IPC stream; record batches are read by Next. Every column must have a type of ours.
func ReadArrow(r io.Reader) (ar *ArrowReader, err error) {
	defer guard(&err)
	in, err := (&messages{in: r}).reader()
	if err != nil {
		return nil, fmt.Errorf("read arrow: %w", err)
	}
	return newArrowReader(in.Schema(), in.Read, in.Release)
}

// readArrowFile reads either format, as the first bytes tell.
func readArrowFile(r io.ReaderAt, size int64) (*ArrowReader, error) {
	stream, err := streamOf(r, size)
	if err != nil {
		return nil, err
	}
	return ReadArrow(bufio.NewReaderSize(stream, 1<<16))
}

func newArrowReader(s *arrow.Schema, next func() (arrow.Record, error), release func()) (*ArrowReader, error) {
	r := &ArrowReader{next: next, close: release}
	for _, f := range s.Fields() {
		t, local, err := fromArrow(f.Type)
		if err != nil {
			release()
			return nil, fmt.Errorf("read arrow: column %q: reading %w is not built yet", f.Name, err)
		}
		r.schema = append(r.schema, Column{Name: f.Name, Type: t, Nullable: true, Local: local})
	}
	if err := r.schema.Validate(); err != nil {
		release()
		return nil, fmt.Errorf("read arrow: %w", err)
	}
	return r, nil
}

// Schema is the columns of the batches; all are nullable.
func (r *ArrowReader) Schema() Schema { return r.schema }

// Next reads the next record batch into b, whose memory is reused; io.EOF and no rows after the last.
func (r *ArrowReader) Next(b *Batch) (err error) {
	defer guard(&err)
	b.shape(r.schema)
	record, err := r.next()
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return fmt.Errorf("read arrow: %w", err)
	}
	n := int(record.NumRows())
	for i := range r.schema {
		column := record.Column(i)
		if column.Len() != n {
			return fmt.Errorf("read arrow: column %q: %d rows of %d", r.schema[i].Name, column.Len(), n)
		}
		if err := appendArrow(&b.Cols[i], column, 0, column.Len()); err != nil {
			return fmt.Errorf("read arrow: column %q: %w", r.schema[i].Name, err)
		}
	}
	b.Rows = n
	return nil
}

// Close gives memory back.
func (r *ArrowReader) Close() {
	if r.close != nil {
		r.close()
		r.close = nil
	}
}

package columnar

import (
	"fmt"
	"io"
)

// Scanner streams some columns of a file, row group after row group.
type Scanner struct {
	file    *File
	schema  Schema
	views   []*view
	rows    int   // of a batch at most
	group   int   // next row group
	last    int   // first row group not to read
	left    int64 // rows of the open row group
	cursors [][]*cursor
	err     error
}

// Scan reads the named columns of all rows in order, in batches of at most batchRows.
func (f *File) Scan(names []string, batchRows int) (*Scanner, error) {
	return f.scan(names, batchRows, 0, f.RowGroups())
}

// ScanGroups is Scan over row groups from to to, the last not included.
func (f *File) ScanGroups(names []string, batchRows, from, to int) (*Scanner, error) {
	if from < 0 || from > to || to > f.RowGroups() {
		return nil, fmt.Errorf("row groups %d to %d of %d", from, to, f.RowGroups())
	}
	return f.scan(names, batchRows, from, to)
}

func (f *File) scan(names []string, batchRows, from, to int) (*Scanner, error) {
	schema, views, err := f.pick(names)
	if err != nil {
		return nil, err
	}
	if batchRows < 1 {
		return nil, fmt.Errorf("batches of %d rows: want at least 1", batchRows)
	}
	return &Scanner{file: f, schema: schema, views: views, rows: batchRows, group: from, last: to, cursors: make([][]*cursor, len(views))}, nil
}

// ReadRowGroup reads the named columns of row group i, counting from 0, into b, whose memory is reused.
func (f *File) ReadRowGroup(i int, names []string, b *Batch) error {
	n := int64(1)
	if i >= 0 && i < f.RowGroups() {
		n = max(f.GroupRows(i), 1)
	}
	s, err := f.ScanGroups(names, int(min(n, 1<<31)), i, i+1)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Next(b); err != io.EOF {
		return err
	}
	return nil
}

// Schema is the columns of the batches.
func (s *Scanner) Schema() Schema { return s.schema }

// Next reads the next rows into b, whose memory is reused and whose schema becomes the scanner's; io.EOF and no rows
// after the last. A batch never spans two row groups. After any other error the content of b is undefined.
func (s *Scanner) Next(b *Batch) (err error) {
	b.shape(s.schema)
	if s.err != nil {
		return s.err
	}
	defer func() { s.err = err }()
	for s.left == 0 {
		s.release()
		if s.group == s.last {
			return io.EOF
		}
		if err := s.open(); err != nil {
			return err
		}
	}
	n := int(min(int64(s.rows), s.left))
	for i, v := range s.views {
		if err := s.fill(i, &b.Cols[i], n); err != nil {
			return fmt.Errorf("read parquet: row group %d: column %q: %w", s.group-1, v.Name, err)
		}
	}
	b.Rows, s.left = n, s.left-int64(n)
	return nil
}

func (s *Scanner) open() (err error) {
	defer guard(&err)
	g := s.file.file.RowGroups()[s.group]
	chunks := g.ColumnChunks()
	for i, v := range s.views {
		s.cursors[i] = s.cursors[i][:0]
		for _, l := range v.leaves {
			if err := s.file.checkChunk(s.group, l.index); err != nil {
				return fmt.Errorf("read parquet: row group %d: column %q: %w", s.group, v.Name, err)
			}
			s.cursors[i] = append(s.cursors[i], &cursor{source: l, pages: chunks[l.index].Pages()})
		}
	}
	s.left = g.NumRows()
	s.group++
	return nil
}

func (s *Scanner) fill(i int, v *Vector, n int) (err error) {
	defer guard(&err)
	for _, c := range s.cursors[i] {
		if err := c.fill(v, n); err != nil {
			return err
		}
	}
	if s.views[i].Type.Scalar() {
		return nil
	}
	if v.Len() != n {
		return fmt.Errorf("%d rows of %d", v.Len(), n)
	}
	return v.whole()
}

func (s *Scanner) release() {
	for _, cursors := range s.cursors {
		for _, c := range cursors {
			c.close()
		}
	}
}

// Close gives buffers back. The Scanner is of no use after it.
func (s *Scanner) Close() {
	s.release()
	s.left, s.group = 0, s.last
}

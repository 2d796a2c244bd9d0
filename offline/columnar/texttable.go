package columnar

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"anabranch.dev/anabranch/schemas/value"
)

// maxLine bounds one line of a text file, in bytes.
const maxLine = 64 << 20

// lines reads one row of a text format after the other.
type lines interface {
	// next reads one row and shows each value that is there (not null) with the number of its column; columns are numbered
	// in order of appearance. io.EOF after the last row.
	next(visit func(column int, text []byte, literal classes) error) error
	// names are the columns seen so far.
	names() []string
	// where says which row next read last.
	where() string
}

// textTable is a CSV or JSONL file: read once for its types, and again for each scan.
type textTable struct {
	path   string
	start  func(io.Reader) (lines, error)
	fields Schema
	count  int64
}

func openTextTable(path string, forced map[string]value.Kind, start func(io.Reader) (lines, error)) (input, error) {
	t := &textTable{path: path, start: start}
	for name, k := range forced {
		if !forcible(k) {
			return nil, fmt.Errorf("column %q cannot be read as %s", name, k)
		}
	}
	seen, names, err := t.survey()
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		k := seen[i].kind()
		if f, ok := forced[name]; ok {
			k = f
		}
		t.fields = append(t.fields, Column{Name: name, Type: value.Of(k), Nullable: true})
	}
	return t, t.fields.Validate()
}

// survey reads the whole file for what its columns hold.
func (t *textTable) survey() ([]classes, []string, error) {
	in, l, err := t.open()
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	var seen []classes
	for {
		err := l.next(func(column int, s []byte, literal classes) error {
			for column >= len(seen) {
				seen = append(seen, 0)
			}
			if literal == 0 {
				literal = classOf(s)
			}
			seen[column] |= literal
			return nil
		})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		t.count++
	}
	return append(seen, make([]classes, len(l.names())-len(seen))...), l.names(), nil
}

func (t *textTable) open() (*textReader, lines, error) {
	in, err := openText(t.path)
	if err != nil {
		return nil, nil, err
	}
	l, err := t.start(in)
	if err != nil {
		return nil, nil, errors.Join(err, in.Close())
	}
	return in, l, nil
}

func (t *textTable) schema() Schema { return t.fields }
func (t *textTable) rows() int64    { return t.count }
func (t *textTable) close() error   { return nil }

func (t *textTable) scan(names []string, batchRows int) (Rows, error) {
	schema, err := t.fields.Select(names)
	if err != nil {
		return nil, err
	}
	in, l, err := t.open()
	if err != nil {
		return nil, err
	}
	r := &textRows{in: in, lines: l, picked: schema, limit: batchRows, at: make([][]int, len(t.fields))}
	for i, name := range names {
		column := t.fields.Index(name)
		r.at[column] = append(r.at[column], i)
	}
	return r, nil
}

func (t *textTable) extend(w io.Writer, extra Schema, o Options) (Extender, error) {
	r, err := t.scan(t.fields.Names(), blockRows)
	if err != nil {
		return nil, err
	}
	return extendRows(w, r, t.count, extra, o)
}

// textRows streams some columns of a text table.
type textRows struct {
	in     *textReader
	lines  lines
	picked Schema
	at     [][]int // where a column of the file goes in the batch
	limit  int
}

func (r *textRows) Schema() Schema { return r.picked }
func (r *textRows) Close()         { _ = r.in.Close() }

func (r *textRows) Next(b *Batch) error {
	b.shape(r.picked)
	for b.Rows < r.limit {
		err := r.lines.next(func(column int, s []byte, _ classes) error {
			if column >= len(r.at) {
				return fmt.Errorf("the input has changed: a new column")
			}
			for _, i := range r.at[column] {
				if err := appendText(&b.Cols[i], s); err != nil {
					return fmt.Errorf("%s: column %q: %w", r.lines.where(), r.picked[i].Name, err)
				}
			}
			return nil
		})
		if errors.Is(err, io.EOF) && b.Rows > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		b.Rows++
		for i := range b.Cols {
			if b.Cols[i].Len() < b.Rows {
				b.Cols[i].AppendNull()
			}
		}
	}
	return nil
}

// buffered reads text without a byte order mark.
func buffered(r io.Reader) *bufio.Reader {
	in := bufio.NewReaderSize(r, 1<<16)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = in.Discard(3)
	}
	return in
}

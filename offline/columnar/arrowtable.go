package columnar

import (
	"errors"
	"io"
	"os"
)

// arrowTable is an Arrow IPC file or stream on disk.
type arrowTable struct {
	disk   *os.File
	size   int64
	fields Schema
	count  int64
}

// openArrowTable reads the file once to count its rows and to see that all of it can be read.
func openArrowTable(path string) (input, error) {
	disk, size, err := openDisk(path)
	if err != nil {
		return nil, err
	}
	t := &arrowTable{disk: disk, size: size}
	if err := t.measure(); err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	return t, nil
}

func (t *arrowTable) measure() error {
	r, err := t.open()
	if err != nil {
		return err
	}
	defer r.Close()
	t.fields = r.Schema()
	for b := NewBatch(r.Schema()); ; {
		if err := r.Next(b); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		t.count += int64(b.Rows)
	}
}

func (t *arrowTable) open() (*ArrowReader, error) {
	return readArrowFile(t.disk, t.size)
}

func (t *arrowTable) schema() Schema { return t.fields }
func (t *arrowTable) rows() int64    { return t.count }
func (t *arrowTable) close() error   { return t.disk.Close() }

func (t *arrowTable) scan(names []string, _ int) (Rows, error) {
	schema, err := t.fields.Select(names)
	if err != nil {
		return nil, err
	}
	r, err := t.open()
	if err != nil {
		return nil, err
	}
	return &projection{ArrowReader: r, picked: schema, whole: NewBatch(t.fields)}, nil
}

func (t *arrowTable) extend(w io.Writer, extra Schema, o Options) (Extender, error) {
	r, err := t.open()
	if err != nil {
		return nil, err
	}
	return extendRows(w, r, t.count, extra, o)
}

// projection keeps some columns of a reader.
type projection struct {
	*ArrowReader
	picked Schema
	whole  *Batch
}

func (p *projection) Schema() Schema { return p.picked }

func (p *projection) Next(b *Batch) error {
	b.shape(p.picked)
	if err := p.ArrowReader.Next(p.whole); err != nil {
		return err
	}
	for i, c := range p.picked {
		b.Cols[i].AppendRange(p.whole.Column(c.Name), 0, p.whole.Rows)
	}
	b.Rows = p.whole.Rows
	return nil
}

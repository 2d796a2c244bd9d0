package training

import (
	"errors"
	"io"
	"os"
	"slices"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/value"
)

// compareKeys orders row i of a before row j of b by their join keys.
func (p *snapshotPlan) compareKeys(a *columnar.Batch, i int, b *columnar.Batch, j int) int {
	for k := range p.keys {
		if c := value.Compare(a.Cols[k].At(i), b.Cols[k].At(j)); c != 0 {
			return c
		}
	}
	return 0
}

func (p *snapshotPlan) writeSorted(rows *columnar.Batch, path string) error {
	order := make([]int, rows.Rows)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return p.compareKeys(rows, i, rows, j) })
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w, err := columnar.NewWriter(f, p.schema, columnar.Options{})
	if err != nil {
		return errors.Join(err, f.Close())
	}
	batch := columnar.NewBatch(p.schema)
	for from := 0; from < len(order) && err == nil; from += outputRows {
		batch.Reset()
		for _, i := range order[from:min(from+outputRows, len(order))] {
			copyRow(batch, rows, i)
		}
		err = w.Write(batch)
	}
	return errors.Join(err, w.Close(), f.Close())
}

func copyRow(dst, src *columnar.Batch, row int) {
	for i := range dst.Cols {
		dst.Cols[i].AppendRange(&src.Cols[i], row, row+1)
	}
	dst.Rows++
}

// sortedPart is a partition's file while it is merged.
type sortedPart struct {
	table *columnar.Table
	rows  columnar.Rows
	batch columnar.Batch
	at    int
}

// more makes sure that there is a row at at, or reports that there is none.
func (s *sortedPart) more() (bool, error) {
	for s.at >= s.batch.Rows {
		s.at = 0
		if err := s.rows.Next(&s.batch); errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *sortedPart) close() error {
	s.rows.Close()
	return s.table.Close()
}

// merge writes the rows of all parts in the order of their keys.
func (p *snapshotPlan) merge(paths []string, out *output, rep *Report) (err error) {
	var parts []*sortedPart
	defer func() {
		for _, s := range parts {
			err = errors.Join(err, s.close())
		}
	}()
	var open []*sortedPart
	for _, path := range paths {
		s, err := openPart(path, p.schema.Names())
		if err != nil {
			return err
		}
		parts = append(parts, s)
		if more, err := s.more(); err != nil {
			return err
		} else if more {
			open = append(open, s)
		}
	}
	options := columnar.Options{Compression: p.request.Compression, SortedBy: p.schema.Names()[:p.keys]}
	w, err := columnar.NewWriter(out, p.schema, options)
	if err != nil {
		return err
	}
	if err := p.mergeInto(w, open, rep); err != nil {
		return err
	}
	return w.Close()
}

func openPart(path string, names []string) (*sortedPart, error) {
	table, err := columnar.OpenTable(path, columnar.TableOptions{})
	if err != nil {
		return nil, err
	}
	rows, err := table.Scan(names, outputRows)
	if err != nil {
		return nil, errors.Join(err, table.Close())
	}
	return &sortedPart{table: table, rows: rows}, nil
}

func (p *snapshotPlan) mergeInto(w *columnar.Writer, open []*sortedPart, rep *Report) error {
	batch := columnar.NewBatch(p.schema)
	for len(open) > 0 {
		least := 0
		for i := 1; i < len(open); i++ {
			if p.compareKeys(&open[i].batch, open[i].at, &open[least].batch, open[least].at) < 0 {
				least = i
			}
		}
		s := open[least]
		copyRow(batch, &s.batch, s.at)
		s.at++
		if more, err := s.more(); err != nil {
			return err
		} else if !more {
			open = slices.Delete(open, least, least+1)
		}
		if batch.Rows == outputRows || len(open) == 0 {
			p.preview(batch, rep)
			rep.Rows += int64(batch.Rows)
			if err := w.Write(batch); err != nil {
				return err
			}
			batch.Reset()
		}
	}
	return nil
}

package table

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"anabranch.dev/anabranch/offline/columnar"
)

// place is a row with the beginning of what it is sorted by, so that most comparisons touch nothing else.
type place struct {
	partition int32
	row       int32
	prefix    uint64 // of the key, big endian
}

// Sort is the order of a batch's rows: for each partition that has any, ascending, the numbers of its rows sorted by
// (key, event timestamp, stamp). A batch has at most 2^31-1 rows.
func (l *Layout) Sort(b *columnar.Batch) []Run {
	places := make([]place, b.Rows)
	keys, times, stamps := &b.Cols[l.at.key], b.Cols[l.at.time].N, b.Cols[l.at.stamp].N
	for i := range places {
		places[i] = place{int32(b.Cols[l.at.partition].N[i]), int32(i), prefixOf(keys.Bytes(i))}
	}
	slices.SortFunc(places, func(x, y place) int {
		if c := cmp.Compare(x.partition, y.partition); c != 0 {
			return c
		}
		if c := cmp.Compare(x.prefix, y.prefix); c != 0 {
			return c
		}
		if c := bytes.Compare(keys.Bytes(int(x.row)), keys.Bytes(int(y.row))); c != 0 {
			return c
		}
		if c := cmp.Compare(times[x.row], times[y.row]); c != 0 {
			return c
		}
		return cmp.Compare(uint64(stamps[x.row]), uint64(stamps[y.row]))
	})
	var runs []Run
	for _, p := range places {
		if n := len(runs); n == 0 || runs[n-1].Partition != p.partition {
			runs = append(runs, Run{Partition: p.partition})
		}
		last := &runs[len(runs)-1]
		last.Rows = append(last.Rows, p.row)
	}
	return runs
}

func prefixOf(key []byte) uint64 {
	var head [8]byte
	copy(head[:], key)
	return binary.BigEndian.Uint64(head[:])
}

// Run is the rows of one partition in a batch, in order.
type Run struct {
	Partition int32
	Rows      []int32
}

// Options of a file of rows.
type Options struct {
	Metadata map[string]string
	// GroupRows bounds the rows of a row group. Default columnar.DefaultRowGroupRows.
	GroupRows int
}

// Writer writes sorted rows as one Parquet file, a partition after the other.
type Writer struct {
	out     *columnar.Writer
	layout  *Layout
	pending *columnar.Batch
	last    int32
}

// chunk is how many rows are gathered before they are written.
const chunk = 4096

// NewWriter starts a file on w.
func (l *Layout) NewWriter(w io.Writer, o Options) (*Writer, error) {
	out, err := columnar.NewWriter(w, l.Schema, columnar.Options{
		RowGroupRows: o.GroupRows, SortedBy: l.SortedBy(), Bloom: []string{l.Key()}, Metadata: o.Metadata,
	})
	if err != nil {
		return nil, err
	}
	return &Writer{out: out, layout: l, pending: columnar.NewBatch(l.Schema), last: -1}, nil
}

// Append adds row i of b, a batch of the layout's schema, which belongs to partition and follows all rows before it.
func (w *Writer) Append(b *columnar.Batch, i int, partition int32) error {
	if partition != w.last {
		if err := w.flush(true); err != nil {
			return err
		}
		w.last = partition
	}
	for c := range b.Cols {
		w.pending.Cols[c].AppendRange(&b.Cols[c], i, i+1)
	}
	if w.pending.Rows++; w.pending.Rows == chunk {
		return w.flush(false)
	}
	return nil
}

// AppendRuns adds all rows of a batch in the order that Sort gave them.
func (w *Writer) AppendRuns(b *columnar.Batch, runs []Run) error {
	for _, run := range runs {
		for _, i := range run.Rows {
			if err := w.Append(b, int(i), run.Partition); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Writer) flush(group bool) error {
	err := w.out.Write(w.pending)
	w.pending.Reset()
	if err == nil && group {
		err = w.out.FlushRowGroup()
	}
	return err
}

// Close ends the file; the underlying writer stays open.
func (w *Writer) Close() error {
	if err := w.flush(false); err != nil {
		return err
	}
	return w.out.Close()
}

// Check refuses a file that does not have the layout's columns, sorted as they should be, or that has a row group of
// more than one partition.
func (l *Layout) Check(f *columnar.File) error {
	have := f.Schema()
	for _, c := range l.Schema {
		i := have.Index(c.Name)
		if i < 0 || !have[i].Type.Equal(c.Type) {
			return fmt.Errorf("column %q: want %s", c.Name, c.Type)
		}
	}
	for g := range f.RowGroups() {
		if _, err := l.partitionOf(f, g); err != nil {
			return err
		}
	}
	return nil
}

// partitionOf is the one partition of a row group.
func (l *Layout) partitionOf(f *columnar.File, group int) (int32, error) {
	if !slices.Equal(f.Sorted(group), l.SortedBy()) {
		return 0, fmt.Errorf("row group %d is sorted by %q, want %q", group, f.Sorted(group), l.SortedBy())
	}
	b, ok := f.Bounds(group, l.prefix+namePartition)
	if !ok || b.Min.N != b.Max.N || b.Min.N < 0 || b.Min.N > 1<<30 {
		return 0, fmt.Errorf("row group %d holds no rows or those of several partitions", group)
	}
	return int32(b.Min.N), nil
}

package table

import (
	"bytes"
	"fmt"
	"io"
	"sort"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Keys is a set of keys in ascending order of their bytes, each once; nil stands for all keys.
type Keys [][]byte

// Check reports keys that are out of order or repeated.
func (k Keys) Check() error {
	for i := 1; i < len(k); i++ {
		if bytes.Compare(k[i-1], k[i]) >= 0 {
			return fmt.Errorf("key %d is not greater than the one before it", i)
		}
	}
	return nil
}

// from is the index of the first key that is not below x, at or after i.
func (k Keys) from(i int, x []byte) int {
	step := 1
	for i+step <= len(k) && bytes.Compare(k[i+step-1], x) < 0 {
		i, step = i+step, step*2
	}
	return i + sort.Search(min(step-1, len(k)-i), func(j int) bool { return bytes.Compare(k[i+j], x) >= 0 })
}

// batchRows is how many rows a cursor reads of a file at once.
const batchRows = 2048

// probes bounds the keys that are asked of one bloom filter; more are taken for there.
const probes = 32

// Cursor walks the rows of one partition in order. Before the first Next it is at none.
type Cursor struct {
	layout *Layout
	tag    int
	keys   Keys
	ki     int // keys below it are behind
	batch  *columnar.Batch
	rows   []int32 // of the batch, in order; nil: as they come
	at, n  int
	row    int
	key    []byte

	file    *columnar.File
	names   []string
	groups  []int // left to read
	scanner *columnar.Scanner
}

// OfRun walks a run of a batch in memory, which must not change meanwhile.
func (l *Layout) OfRun(b *columnar.Batch, run Run, keys Keys, tag int) *Cursor {
	return &Cursor{layout: l, tag: tag, keys: keys, batch: b, rows: run.Rows, n: len(run.Rows)}
}

// OfFile walks the rows of a partition in a file that Check has passed, keys of others left out.
func (l *Layout) OfFile(f *columnar.File, partition int32, keys Keys, tag int) (*Cursor, error) {
	c := &Cursor{layout: l, tag: tag, keys: keys, batch: columnar.NewBatch(l.Schema), file: f, names: l.Schema.Names()}
	for g := range f.RowGroups() {
		p, err := l.partitionOf(f, g)
		if err != nil {
			return nil, err
		}
		if p != partition {
			continue
		}
		may, err := l.mayHold(f, g, keys)
		if err != nil {
			return nil, err
		}
		if may {
			c.groups = append(c.groups, g)
		}
	}
	return c, nil
}

// mayHold asks bounds and bloom filter of a row group for any of keys.
func (l *Layout) mayHold(f *columnar.File, group int, keys Keys) (bool, error) {
	if keys == nil {
		return true, nil
	}
	lo, hi := 0, len(keys)
	if b, ok := f.Bounds(group, l.Key()); ok {
		lo = keys.from(0, b.Min.B)
		hi = lo + sort.Search(len(keys)-lo, func(i int) bool { return bytes.Compare(keys[lo+i], b.Max.B) > 0 })
	}
	if hi-lo > probes {
		return true, nil
	}
	for _, k := range keys[lo:hi] {
		may, err := f.MayContain(group, l.Key(), value.Value{Kind: l.Schema[l.at.key].Type.Kind, B: k})
		if may || err != nil {
			return may, err
		}
	}
	return false, nil
}

// Next goes to the next row that is wanted; false after the last.
func (c *Cursor) Next() (bool, error) {
	for {
		if c.at == c.n {
			more, err := c.refill()
			if !more || err != nil {
				return false, err
			}
		}
		c.row = c.at
		if c.rows != nil {
			c.row = int(c.rows[c.at])
		}
		c.at++
		c.key = c.batch.Cols[c.layout.at.key].Bytes(c.row)
		if c.keys == nil {
			return true, nil
		}
		c.ki = c.keys.from(c.ki, c.key)
		if c.ki == len(c.keys) {
			c.Close()
			c.at, c.n, c.groups = 0, 0, nil
			return false, nil
		}
		if bytes.Equal(c.keys[c.ki], c.key) {
			return true, nil
		}
		c.skip()
	}
}

// skip passes over the rows of the batch below the next wanted key.
func (c *Cursor) skip() {
	col, want := &c.batch.Cols[c.layout.at.key], c.keys[c.ki]
	c.at += sort.Search(c.n-c.at, func(i int) bool {
		row := c.at + i
		if c.rows != nil {
			row = int(c.rows[row])
		}
		return bytes.Compare(col.Bytes(row), want) >= 0
	})
}

// refill reads the next batch of a file.
func (c *Cursor) refill() (bool, error) {
	for c.file != nil {
		if c.scanner == nil {
			if len(c.groups) == 0 {
				return false, nil
			}
			g := c.groups[0]
			c.groups = c.groups[1:]
			var err error
			if c.scanner, err = c.file.ScanGroups(c.names, batchRows, g, g+1); err != nil {
				return false, err
			}
		}
		err := c.scanner.Next(c.batch)
		if err == nil {
			c.at, c.n = 0, c.batch.Rows
			return true, nil
		}
		if err != io.EOF {
			return false, err
		}
		c.Close()
	}
	return false, nil
}

// Close gives a file's buffers back; the file stays open.
func (c *Cursor) Close() {
	if c.scanner != nil {
		c.scanner.Close()
		c.scanner = nil
	}
}

// Tag is what the cursor was made with.
func (c *Cursor) Tag() int { return c.tag }

// Row is the batch and the number of the row; both until the next Next.
func (c *Cursor) Row() (*columnar.Batch, int) { return c.batch, c.row }

// Key is the row's key, until the next Next.
func (c *Cursor) Key() []byte { return c.key }

// Partition is the row's partition, as the row itself says.
func (c *Cursor) Partition() int32 { return int32(c.int(c.layout.at.partition)) }

// Offset is the row's offset.
func (c *Cursor) Offset() int64 { return c.int(c.layout.at.offset) }

// Stamp is the row's stamp.
func (c *Cursor) Stamp() stamp.Stamp { return stamp.Stamp(c.int(c.layout.at.stamp)) }

// Time is the row's event timestamp.
func (c *Cursor) Time() stamp.Micros { return stamp.Micros(c.int(c.layout.at.time)) }

// Created is the row's created timestamp.
func (c *Cursor) Created() stamp.Micros { return stamp.Micros(c.int(c.layout.at.created)) }

// ID is the event's id, until the next Next; false if it has none.
func (c *Cursor) ID() ([]byte, bool) { return c.option(c.layout.at.eventID) }

// Observed is the token that the event's producer acted on, until the next
// Next; false if it has none.
func (c *Cursor) Observed() ([]byte, bool) { return c.option(c.layout.at.observed) }

func (c *Cursor) option(at int) ([]byte, bool) {
	if at < 0 {
		return nil, false
	}
	col := &c.batch.Cols[at]
	return col.Bytes(c.row), !col.Null(c.row)
}

func (c *Cursor) int(col int) int64 { return c.batch.Cols[col].N[c.row] }

// before orders the cursors' rows by (key, event timestamp, stamp, tag).
func (c *Cursor) before(d *Cursor) bool {
	if x := bytes.Compare(c.key, d.key); x != 0 {
		return x < 0
	}
	if s, t := c.Time(), d.Time(); s != t {
		return s < t
	}
	if s, t := c.Stamp(), d.Stamp(); s != t {
		return s < t
	}
	return c.tag < d.tag
}

package columnar

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"anabranch.dev/anabranch/schemas/value"
)

// cursor reads one leaf of one row group, page after page, into vectors.
type cursor struct {
	*source
	pages   parquet.Pages
	page    parquet.Page
	def     []byte // levels of the page; empty if all are at their maximum
	rep     []byte
	count   int // values of the page, nulls included
	at      int // next of them
	next    int // next value that is there
	there   int
	values  dense
	dict    dense
	indexes []int32 // into dict; nil: values are plain
	entries parquet.Dictionary
}

func (c *cursor) close() {
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
	if c.pages != nil {
		_ = c.pages.Close()
		c.pages = nil
	}
}

// turn makes the next page with values current; io.EOF after the last.
func (c *cursor) turn() error {
	for c.at == c.count {
		if c.page != nil {
			parquet.Release(c.page)
			c.page = nil
		}
		page, err := c.pages.ReadPage()
		if err != nil {
			return err
		}
		c.page, c.at, c.next = page, 0, 0
		if err := c.open(page); err != nil {
			return err
		}
	}
	return nil
}

func (c *cursor) open(page parquet.Page) error {
	c.count, c.def, c.rep = int(page.NumValues()), page.DefinitionLevels(), page.RepetitionLevels()
	c.there = c.count
	if c.present > 0 {
		if len(c.def) != c.count || !c.flat && c.repeats() && len(c.rep) != c.count {
			return fmt.Errorf("page of %d values has %d and %d levels", c.count, len(c.def), len(c.rep))
		}
		c.there = 0
		for _, d := range c.def {
			if d == c.present {
				c.there++
			}
		}
	}
	if d := page.Dictionary(); d != nil {
		return c.openIndexes(page, d)
	}
	c.indexes = nil
	return c.decode(&c.values, page.Data(), c.there)
}

func (c *cursor) repeats() bool {
	for i := range c.path {
		if c.path[i].kind == value.List {
			return true
		}
	}
	return false
}

func (c *cursor) openIndexes(page parquet.Page, d parquet.Dictionary) error {
	if d != c.entries {
		if err := c.decode(&c.dict, d.Page().Data(), d.Len()); err != nil {
			return fmt.Errorf("dictionary: %w", err)
		}
		c.entries = d
	}
	data := page.Data()
	c.indexes = data.Int32()
	if len(c.indexes) < c.there {
		return short(len(c.indexes), c.there)
	}
	for _, x := range c.indexes[:c.there] {
		if x < 0 || int(x) >= d.Len() {
			return fmt.Errorf("index %d into a dictionary of %d", x, d.Len())
		}
	}
	return nil
}

// fill appends the next rows to v, exactly so many.
func (c *cursor) fill(v *Vector, rows int) error {
	var err error
	if c.flat {
		err = c.fillFlat(v, rows)
	} else {
		err = c.fillNested(v, rows)
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("column ends before its row group: %w", io.ErrUnexpectedEOF)
	}
	return err
}

func (c *cursor) fillFlat(v *Vector, rows int) error {
	for rows > 0 {
		if err := c.turn(); err != nil {
			return err
		}
		n := min(rows, c.count-c.at)
		rows -= n
		for end := c.at + n; c.at < end; {
			run := c.run(end)
			if c.present == 0 || c.def[c.at] == c.present {
				c.take(v, run)
			} else {
				for range run {
					v.AppendNull()
				}
			}
			c.at += run
		}
	}
	return nil
}

// run is the number of values from at, not beyond end, that are all there or all null.
func (c *cursor) run(end int) int {
	if c.present == 0 || c.there == c.count {
		return end - c.at
	}
	here := c.def[c.at] == c.present
	i := c.at + 1
	for i < end && (c.def[i] == c.present) == here {
		i++
	}
	return i - c.at
}

// take appends the next n values that are there.
func (c *cursor) take(v *Vector, n int) {
	from := c.next
	c.next += n
	if len(v.Nulls) != 0 {
		v.Nulls = append(v.Nulls, make([]bool, n)...)
	}
	if c.indexes != nil {
		c.dict.gather(v, c.indexes[from:from+n])
		return
	}
	c.values.slice(v, from, from+n)
}

// slice appends values i to j; nulls are the caller's.
func (d *dense) slice(v *Vector, i, j int) {
	switch v.Type.Kind {
	case value.String, value.Bytes:
		v.shiftRanges32(d.off[i+1:j+1], int64(len(v.Data))-int64(d.off[i]))
		v.Data = append(v.Data, d.data[d.off[i]:d.off[j]]...)
	case value.Decimal:
		v.N, v.H = append(v.N, d.n[i:j]...), append(v.H, d.h[i:j]...)
	default:
		v.N = append(v.N, d.n[i:j]...)
	}
}

// gather appends the values at the indexes; nulls are the caller's.
func (d *dense) gather(v *Vector, indexes []int32) {
	switch v.Type.Kind {
	case value.String, value.Bytes:
		for _, x := range indexes {
			v.Data = append(v.Data, d.data[d.off[x]:d.off[x+1]]...)
			v.closeRange(len(v.Data))
		}
	case value.Decimal:
		for _, x := range indexes {
			v.N, v.H = append(v.N, d.n[x]), append(v.H, d.h[x])
		}
	default:
		for _, x := range indexes {
			v.N = append(v.N, d.n[x])
		}
	}
}

func (v *Vector) shiftRanges32(ends []uint32, by int64) {
	if len(v.Off) == 0 {
		v.Off = append(v.Off, 0)
	}
	for _, end := range ends {
		v.Off = append(v.Off, int64(end)+by)
	}
}

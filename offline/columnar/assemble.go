package columnar

import (
	"errors"
	"fmt"
	"io"

	"anabranch.dev/anabranch/schemas/value"
)

// fillNested appends rows of lists and structs. Each leaf puts its own part in place: values where it ends, nulls and
// ranges of the nodes above it that it is the first leaf of (Dremel's record assembly, one leaf at a time).
func (c *cursor) fillNested(v *Vector, rows int) error {
	for done := 0; ; {
		err := c.turn()
		if errors.Is(err, io.EOF) && done == rows {
			return nil
		}
		if err != nil {
			return err
		}
		var r byte
		if len(c.rep) != 0 {
			r = c.rep[c.at]
		}
		if r == 0 {
			if done == rows {
				return nil
			}
			done++
		}
		if done == 0 {
			return fmt.Errorf("row group begins inside of a row")
		}
		c.place(v, r)
		c.at++
	}
}

// place puts the next value where its levels say.
func (c *cursor) place(v *Vector, r byte) {
	d := c.present
	if len(c.def) != 0 {
		d = c.def[c.at]
	}
	depth := 0
	if r > 0 {
		v, depth = c.resume(v, r)
	}
	for ; v != nil && depth < len(c.path); depth++ {
		v = c.enter(v, &c.path[depth], d)
	}
}

// resume finds the list that goes on with one more item, and what lies below.
func (c *cursor) resume(v *Vector, r byte) (*Vector, int) {
	for depth := range c.path {
		w := &c.path[depth]
		switch {
		case w.kind == value.List && w.repetition == r:
			if w.own && len(v.Off) > 1 {
				v.Off[len(v.Off)-1]++
			}
			return v.Elem, depth + 1
		case w.kind == value.List:
			v = v.Elem
		case w.kind == value.Struct:
			v = &v.Sub[w.member]
		}
	}
	return nil, 0
}

// enter adds one row to the node of w, as far as this leaf owns it, and returns where to go on; nil: nowhere.
func (c *cursor) enter(v *Vector, w *way, d byte) *Vector {
	null := d < w.definition
	if w.own {
		v.mark(null)
	}
	switch w.kind {
	case value.Struct:
		return &v.Sub[w.member]
	case value.List:
		more := d > w.definition
		if w.own {
			v.closeRange(v.Elem.Len())
			if more {
				v.Off[len(v.Off)-1]++
			}
		}
		if more {
			return v.Elem
		}
	default:
		if null {
			v.zero()
		} else {
			c.takeOne(v)
		}
	}
	return nil
}

// mark adds one row to the nulls alone.
func (v *Vector) mark(null bool) {
	if null && len(v.Nulls) == 0 {
		v.Nulls = append(v.Nulls, make([]bool, v.Len())...)
	}
	if null || len(v.Nulls) != 0 {
		v.Nulls = append(v.Nulls, null)
	}
}

// zero adds the content of a null scalar.
func (v *Vector) zero() {
	switch v.Type.Kind {
	case value.String, value.Bytes:
		v.closeRange(len(v.Data))
	case value.Decimal:
		v.N, v.H = append(v.N, 0), append(v.H, 0)
	default:
		v.N = append(v.N, 0)
	}
}

// takeOne adds the content of the next value that is there.
func (c *cursor) takeOne(v *Vector) {
	if c.indexes != nil {
		c.dict.gather(v, c.indexes[c.next:c.next+1])
	} else {
		c.values.slice(v, c.next, c.next+1)
	}
	c.next++
}

// whole reports leaves of one column that do not agree on its shape.
func (v *Vector) whole() error {
	n := v.Len()
	if len(v.Nulls) != 0 && len(v.Nulls) != n {
		return fmt.Errorf("%d rows and %d nulls", n, len(v.Nulls))
	}
	if v.Elem != nil {
		if n > 0 && int(v.Off[n]) != v.Elem.Len() {
			return fmt.Errorf("lists of %d items hold %d", v.Off[n], v.Elem.Len())
		}
		return v.Elem.whole()
	}
	for m := range v.Sub {
		if v.Sub[m].Len() != n {
			return fmt.Errorf("members of %d and %d rows", n, v.Sub[m].Len())
		}
		if err := v.Sub[m].whole(); err != nil {
			return err
		}
	}
	return nil
}

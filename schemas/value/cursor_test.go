package value

import (
	"encoding/binary"
	"strings"
	"testing"
)

func TestCursorReadsAndStopsAtTheFirstError(t *testing.T) {
	b := binary.AppendUvarint(nil, 300)
	b = binary.AppendVarint(b, -5)
	b = append(append(binary.AppendUvarint(b, 3), "abc"...), 7, 2)
	c := NewCursor(b, 0)
	if u, n, s, x, k := c.Uvarint(), c.Varint(), c.Text(), c.Byte(), c.Limited(2); u != 300 || n != -5 || s != "abc" || x != 7 || k != 2 {
		t.Fatal(u, n, s, x, k)
	}
	if c.End(); c.Err() != nil || c.At() != len(b) || len(c.Rest()) != 0 {
		t.Fatal(c.Err(), c.At())
	}
	if c.Byte() != 0 || c.Err() == nil || c.Uvarint() != 0 || c.Text() != "" || c.Rest() != nil {
		t.Fatal("read past the end")
	}
	if first := c.Err().Error(); !strings.HasPrefix(first, "at 9:") {
		t.Fatal(first)
	}
}

func TestCursorRefuses(t *testing.T) {
	for name, read := range map[string]func(*Cursor){
		"a longer spelling": func(c *Cursor) {
			NewCursor([]byte{0x80, 0}, 0).Uvarint()
			*c = *NewCursor([]byte{0x80, 0}, 0)
			c.Uvarint()
		},
		"a number out of range":    func(c *Cursor) { *c = *NewCursor([]byte{9}, 0); c.Limited(8) },
		"a count beyond the input": func(c *Cursor) { *c = *NewCursor([]byte{2, 0}, 0); c.Count(100) },
		"torn bytes":               func(c *Cursor) { *c = *NewCursor([]byte{2, 0}, 0); c.Bytes() },
		"bytes too many":           func(c *Cursor) { *c = *NewCursor([]byte{2, 0}, 0); c.Byte(); c.End() },
	} {
		c := NewCursor(nil, 0)
		if read(c); c.Err() == nil {
			t.Errorf("%s passed", name)
		}
	}
}

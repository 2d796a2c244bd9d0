package value

import "fmt"

// Cursor reads canonical bytes (FORMAT.md §1) from front to back and remembers
// the first error: after it every read gives zero. The zero Cursor is at the
// end of nothing. It is owned by one goroutine and shares the bytes it reads.
type Cursor struct {
	b   []byte
	at  int
	err error
}

// NewCursor begins to read b at an offset within it.
func NewCursor(b []byte, at int) *Cursor { return &Cursor{b: b, at: at} }

// At is the offset of the next byte.
func (c *Cursor) At() int { return c.at }

// Err is the first error, with its offset, or nil.
func (c *Cursor) Err() error { return c.err }

// Fail records why the bytes are wrong, unless something was wrong before.
func (c *Cursor) Fail(why string) {
	if c.err == nil {
		c.err = fmt.Errorf("at %d: %s", c.at, why)
	}
}

// Rest is what is left to read; nothing after an error.
func (c *Cursor) Rest() []byte {
	if c.err != nil {
		return nil
	}
	return c.b[c.at:]
}

// Skip passes over n bytes that the caller has read from Rest.
func (c *Cursor) Skip(n int) { c.at += n }

// Uvarint reads an unsigned integer.
func (c *Cursor) Uvarint() uint64 {
	if c.err != nil {
		return 0
	}
	u, n, err := Uvarint(c.b[c.at:])
	if err != nil {
		c.Fail(err.Error())
		return 0
	}
	c.at += n
	return u
}

// Varint reads a signed integer.
func (c *Cursor) Varint() int64 {
	u := c.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// Limited reads an unsigned integer of at most limit.
func (c *Cursor) Limited(limit uint64) uint64 {
	u := c.Uvarint()
	if u > limit {
		c.Fail("number out of range")
		return 0
	}
	return u
}

// Count reads how many things follow: at most limit, and no more than there are
// bytes left, since each takes one.
func (c *Cursor) Count(limit int) int {
	u := c.Limited(uint64(limit))
	if u > uint64(len(c.b)-c.at) {
		c.Fail("count is beyond the input")
		return 0
	}
	return int(u)
}

// Bytes reads a length and so many bytes, which are shared.
func (c *Cursor) Bytes() []byte {
	n := c.Uvarint()
	if c.err != nil || n > uint64(len(c.b)-c.at) {
		c.Fail("torn")
		return nil
	}
	c.at += int(n)
	return c.b[c.at-int(n) : c.at : c.at]
}

// Text reads Bytes as a string.
func (c *Cursor) Text() string { return string(c.Bytes()) }

// Byte reads one byte.
func (c *Cursor) Byte() byte {
	if c.err != nil || c.at >= len(c.b) {
		c.Fail("torn")
		return 0
	}
	c.at++
	return c.b[c.at-1]
}

// End records an error if anything is left.
func (c *Cursor) End() {
	if left := len(c.b) - c.at; c.err == nil && left > 0 {
		c.Fail(fmt.Sprintf("%d bytes too many", left))
	}
}

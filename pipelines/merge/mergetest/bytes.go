package mergetest

import (
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
)

func decodeEncode(c *Case, h History) error {
	for i, log := range h.Logs {
		s, base := c.fold(log), h.Base(i)
		for _, base := range []merge.Order{base, {Rank: base.Rank}, {Time: base.Time / 7, Stamp: base.Stamp / 7, Rank: base.Rank, Offset: base.Offset + 7}} {
			if err := c.roundTrip(s, h, i, base); err != nil {
				return err
			}
		}
	}
	return nil
}

// roundTrip decodes s into a state that held others, and uses it on.
func (c *Case) roundTrip(s merge.State, h History, source int, base merge.Order) error {
	head := []byte("head")
	b := s.Append(head[:4:4], base)
	if string(b[:4]) != "head" {
		return fmt.Errorf("the bytes before Append changed")
	}
	b = b[4:]
	into, input := c.fold(h.All()), append(append([]byte(nil), b...), 0x5a, 0x01)
	n, err := into.Decode(input, base)
	if err != nil || n != len(b) {
		return fmt.Errorf("decode %x: %d of %d bytes, %w", b, n, len(b), err)
	}
	for i := range input {
		input[i] ^= 0xff
	}
	if err := c.same("decoded", s, into, base); err != nil {
		return err
	}
	return c.goesOn(into, h, source)
}

// goesOn uses a state decoded of one source's log as the rest of the history
// would.
func (c *Case) goesOn(s merge.State, h History, source int) error {
	for i, log := range h.Logs {
		if i != source {
			s.Combine(c.fold(log))
		}
	}
	if err := c.reads(s, h.All()); err != nil {
		return fmt.Errorf("combined after decode: %w", err)
	}
	more := c.later(h.Logs[source], h.Base(source))
	c.add(s, more)
	if err := c.reads(s, append(h.All(), more...)); err != nil {
		return fmt.Errorf("added to after decode: %w", err)
	}
	return nil
}

// onlyCanonicalBytes damages bytes: what is refused leaves the receiver as it
// was, what is taken is written back the same.
func onlyCanonicalBytes(c *Case, h History) error {
	d := dice{h.Seed}
	for i, log := range h.Logs {
		base := h.Base(i)
		b := c.fold(log).Append(nil, base)
		victim := c.fold(h.Logs[(i+1)%len(h.Logs)])
		for range 6 {
			if err := c.torn(victim, b[:d.roll(len(b))], base); err != nil {
				return err
			}
			if err := c.damaged(victim, damage(&d, b), base); err != nil {
				return err
			}
		}
	}
	return nil
}

// damage flips a bit of b, or drops, repeats or writes longer one of its bytes.
func damage(d *dice, b []byte) []byte {
	i := d.roll(len(b))
	head, tail := append([]byte(nil), b[:i]...), b[i+1:]
	switch d.roll(4) {
	case 0:
		return append(append(head, b[i]|0x80, 0), tail...) // the same varint, were it allowed
	case 1:
		return append(append(head, b[i], b[i]), tail...)
	case 2:
		return append(head, tail...)
	}
	return append(append(head, b[i]^1<<d.roll(8)), tail...)
}

// torn checks that a part of canonical bytes is refused: they are prefix-free.
func (c *Case) torn(victim merge.State, b []byte, base merge.Order) error {
	before := victim.Append(nil, base)
	if n, err := victim.Decode(b, base); err == nil {
		return fmt.Errorf("torn bytes %x decode, %d of them", b, n)
	}
	if after := victim.Append(nil, base); string(after) != string(before) {
		return fmt.Errorf("refusing %x turned %x into %x", b, before, after)
	}
	return nil
}

func (c *Case) damaged(victim merge.State, b []byte, base merge.Order) error {
	before := victim.Append(nil, base)
	n, err := victim.Decode(b, base)
	after := victim.Append(nil, base)
	switch {
	case err != nil && string(after) != string(before):
		return fmt.Errorf("refusing %x turned %x into %x", b, before, after)
	case err == nil && string(after) != string(b[:n]):
		return fmt.Errorf("%x decodes and is written back as %x", b[:n], after)
	}
	if err != nil {
		return nil
	}
	if _, err := victim.Decode(before, base); err != nil {
		return fmt.Errorf("own bytes %x: %w", before, err)
	}
	return nil
}

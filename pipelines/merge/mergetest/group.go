package mergetest

import (
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
)

// subtractUndoes takes out what Combine put in, of the same and of another
// source, and all that is in.
func subtractUndoes(c *Case, h History) error {
	if _, ok := c.fresh().(merge.Group); !ok {
		return nil
	}
	d := dice{h.Seed}
	for i, log := range h.Logs {
		hand := d.dealt(log, 2)
		other := h.Logs[(i+1)%len(h.Logs)]
		if err := c.takenBack(hand[0], hand[1]); err != nil {
			return err
		}
		if err := c.takenBack(log, other); err != nil {
			return fmt.Errorf("of another source: %w", err)
		}
		if err := c.takenBack(nil, log); err != nil {
			return fmt.Errorf("of all: %w", err)
		}
	}
	return nil
}

// takenBack adds taken to kept and takes it out again.
func (c *Case) takenBack(kept, taken []merge.Input) error {
	s, out := c.fold(kept).(merge.Group), c.fold(taken)
	s.Combine(out)
	before := out.Append(nil, merge.Order{})
	s.Subtract(out)
	if after := out.Append(nil, merge.Order{}); string(after) != string(before) {
		return fmt.Errorf("taking back turned the argument %x into %x", before, after)
	}
	if c.At != nil {
		return c.readsBehind(s, kept, taken)
	}
	return c.reads(s, kept)
}

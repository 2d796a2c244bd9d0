package history

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"anabranch.dev/anabranch/offline/history/table"
)

// Scan hands out the events of one partition, key by key in ascending order of their bytes, with each key once and its
// events ordered by (source, offset). keys, in the same order, are those that are wanted; nil: all. Keys without events
// are not handed out. key and events, and all that they refer to, are valid until fn returns; fn may reorder events.
// An error of fn ends the scan and is returned as it is.
func (h *History) Scan(ctx context.Context, partition int32, keys Keys, fn func(key []byte, events []Event) error) error {
	if partition < 0 || partition >= h.stream.Partitions {
		return fmt.Errorf("scan history of %s: partition %d of %d", h.cfg.Stream, partition, h.stream.Partitions)
	}
	if err := keys.Check(); err != nil {
		return fmt.Errorf("scan history of %s: %w", h.cfg.Stream, err)
	}
	cursors, err := h.cursors(partition, keys)
	defer func() {
		for _, c := range cursors {
			c.Close()
		}
	}()
	if err == nil {
		var m *table.Merge
		if m, err = table.NewMerge(cursors); err == nil {
			s := &scan{h: h, partition: partition, merge: m}
			if err = s.all(ctx, fn); s.theirs {
				return err
			}
		}
	}
	if err != nil {
		return fmt.Errorf("scan history of %s, partition %d: %w", h.cfg.Stream, partition, err)
	}
	return nil
}

// cursors opens what holds rows of the partition below the cut; the tag is the origin's place.
func (h *History) cursors(partition int32, keys Keys) (list []*table.Cursor, err error) {
	if keys != nil && len(keys) == 0 {
		return nil, nil
	}
	for tag, o := range h.origins {
		for _, f := range o.files {
			iv, ok := f.Interval(partition)
			if !ok || iv.Rows == 0 || iv.Lo >= o.cut[partition] {
				continue
			}
			file, err := f.open()
			if err != nil {
				return list, err
			}
			c, err := h.layout.OfFile(file, partition, keys, tag)
			if err != nil {
				return list, err
			}
			list = append(list, c)
		}
		if o.tail == nil {
			continue
		}
		more, err := o.tail.cursors(partition, keys, tag)
		list = append(list, more...)
		if err != nil {
			return list, err
		}
	}
	return list, nil
}

// scan collects the rows of one key at a time.
type scan struct {
	h         *History
	partition int32
	merge     *table.Merge
	key       []byte
	events    []Event
	arena     arena
	theirs    bool // the error came from fn
}

// look is how many rows pass between looks at the context.
const look = 4096

func (s *scan) all(ctx context.Context, fn func([]byte, []Event) error) error {
	for rows := 0; s.merge.Top() != nil; {
		s.key = append(s.key[:0], s.merge.Top().Key()...)
		s.events = s.events[:0]
		s.arena.reset()
		for c := s.merge.Top(); c != nil && bytes.Equal(c.Key(), s.key); c = s.merge.Top() {
			if rows++; rows%look == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := s.take(c); err != nil {
				return err
			}
			if err := s.merge.Step(); err != nil {
				return err
			}
		}
		if len(s.events) == 0 {
			continue
		}
		s.sort()
		s.h.rows.Add(int64(len(s.events)))
		if err := fn(s.key, s.events); err != nil {
			s.theirs = true
			return err
		}
	}
	return nil
}

// take copies the row at a cursor, if it is below the cut.
func (s *scan) take(c *table.Cursor) error {
	o := s.h.origins[c.Tag()]
	if p := c.Partition(); p != s.partition {
		return fmt.Errorf("a row of partition %d, offset %d, from %s lies in a row group of partition %d", p, c.Offset(), o.src.Origin, s.partition)
	}
	e := Event{
		Source: o.src, Partition: s.partition, Offset: c.Offset(), Stamp: c.Stamp(), Time: c.Time(), Created: c.Created(),
	}
	if e.Offset >= o.cut[s.partition] {
		return nil
	}
	if id, ok := c.ID(); ok {
		e.ID, e.HasID = s.arena.bytes(id), true
	}
	if token, ok := c.Observed(); ok {
		e.Observed = s.arena.bytes(token)
	}
	b, row := c.Row()
	e.Fields = s.arena.values(len(s.h.layout.Fields()))
	for i := range e.Fields {
		e.Fields[i] = s.arena.copyOf(b.Cols[i].At(row))
	}
	s.events = append(s.events, e)
	return nil
}

// sort orders the events by (source, offset). Those of one file or tail come by time, so they are often in order already.
func (s *scan) sort() {
	order := func(a, b Event) int {
		if c := a.Source.Compare(b.Source); c != 0 {
			return c
		}
		return cmp.Compare(a.Offset, b.Offset)
	}
	if !slices.IsSortedFunc(s.events, order) {
		slices.SortFunc(s.events, order)
	}
}

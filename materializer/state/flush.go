package state

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Flush writes the changed rows, the ids that counted, and the frontier in one
// batch. A crash before it loses only what the log still has.
func (s *Shard) Flush() error {
	if s.failed != nil {
		return s.failed
	}
	b := s.view.store.db.NewBatch()
	defer b.Close()
	slices.SortFunc(s.dirty, func(x, y *entry) int { return strings.Compare(x.key, y.key) })
	var buf []byte
	for _, e := range s.dirty {
		buf = s.view.Prog.Append(buf[:0], e.row)
		if err := b.Set(s.space.key(tagRow, []byte(e.key)), buf, nil); err != nil {
			return s.flushError(err)
		}
	}
	if err := s.writeIDs(b); err != nil {
		return s.flushError(err)
	}
	if err := b.Set(s.space.key(tagMeta, nil), s.meta.append(buf[:0]), nil); err != nil {
		return s.flushError(err)
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return s.flushError(err)
	}
	s.flushed()
	s.evict()
	return nil
}

// writeIDs puts what is known of ids into the batch, and takes out what is too
// old to matter.
func (s *Shard) writeIDs(b *pebble.Batch) error {
	for h, st := range s.ids {
		if err := b.Set(s.space.key(tagID, h[:]), binary.BigEndian.AppendUint64(nil, uint64(st)), nil); err != nil {
			return err
		}
	}
	for offset := range s.taken {
		if err := b.Set(s.space.key(tagTaken, binary.BigEndian.AppendUint64(nil, uint64(offset))), nil, nil); err != nil {
			return err
		}
	}
	if s.copies != nil {
		return s.copies.write(b)
	}
	return s.sweepIDs(b)
}

func (s *Shard) flushError(err error) error {
	return fmt.Errorf("flush view %s partition %d: %w", s.view.Name, s.partition, err)
}

func (s *Shard) flushed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.dirty {
		e.dirty = false
		size := e.row.Size() + len(e.key)
		s.bytes += size - e.size
		e.size = size
	}
	s.dirty = s.dirty[:0]
	clear(s.ids)
	clear(s.taken)
	if s.copies != nil {
		s.copies.flushed()
	}
}

// Unflushed is how many rows wait for the next flush.
func (s *Shard) Unflushed() int {
	n := len(s.dirty) + len(s.ids) + len(s.taken)
	if s.copies != nil {
		n += len(s.copies.ids) + len(s.copies.changed)
	}
	return n
}

// sweeper walks what is stored of ids, a stretch per flush, and drops what is
// beyond the horizon, once per sixteenth of it.
type sweeper struct {
	cursor []byte
	last   stamp.Micros // when the last walk began, by the log's stamps
}

const sweepStretch = 2000

func (s *Shard) sweepIDs(b *pebble.Batch) error {
	stream := s.view.Prog.Stream
	if stream.EventID.None() {
		return nil
	}
	now, horizon := s.meta.Frontier[s.Log(position.Source{Origin: s.view.Region, Incarnation: 1})].Stamp.Micros(), stream.EventIDHorizon
	return s.sweep.walk(s, tagID, now, horizon, func(rest, v []byte) (bool, error) {
		_, pending := s.ids[idHash(rest)]
		return !pending && len(v) == 8 && now-stamp.Stamp(binary.BigEndian.Uint64(v)).Micros() > horizon, nil
	}, b)
}

// walk looks at the next stretch of the keys under a tag, if one is due, and
// has those deleted that are old.
func (w *sweeper) walk(s *Shard, tag byte, now, horizon stamp.Micros, old func(rest, v []byte) (bool, error), b *pebble.Batch) error {
	if w.cursor == nil && now-w.last < horizon/16 {
		return nil
	}
	if w.cursor == nil {
		w.cursor, w.last = []byte{}, now
	}
	seen, next := 0, []byte(nil)
	err := s.each(tag, w.cursor, func(rest, v []byte) (bool, error) {
		if seen++; seen > sweepStretch {
			next = slices.Clone(rest)
			return false, nil
		}
		drop, err := old(rest, v)
		if drop && err == nil {
			err = b.Delete(s.space.key(tag, rest), nil)
		}
		return true, err
	})
	w.cursor = next
	return err
}

// each walks what is stored under a tag, from a place on, until fn returns
// false.
func (s *Shard) each(tag byte, from []byte, fn func(rest, v []byte) (bool, error)) error {
	prefix := s.space.prefix(tag)
	it, err := s.view.store.db.NewIter(&pebble.IterOptions{LowerBound: s.space.key(tag, from), UpperBound: end(prefix)})
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if more, err := fn(it.Key()[len(prefix):], it.Value()); err != nil || !more {
			return err
		}
	}
	return it.Error()
}

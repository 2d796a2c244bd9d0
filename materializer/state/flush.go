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
	for h, st := range s.ids {
		if err := b.Set(s.space.key(tagID, h[:]), binary.BigEndian.AppendUint64(nil, uint64(st)), nil); err != nil {
			return s.flushError(err)
		}
	}
	if err := s.sweepIDs(b); err != nil {
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
}

// Unflushed is how many rows wait for the next flush.
func (s *Shard) Unflushed() int { return len(s.dirty) + len(s.ids) }

// sweeper walks the stored ids a stretch per flush and drops those beyond the
// horizon, once per sixteenth of it.
type sweeper struct {
	cursor []byte
	last   stamp.Stamp // the own log's stamp when the last walk began
}

const sweepStretch = 2000

func (s *Shard) sweepIDs(b *pebble.Batch) error {
	stream := s.view.Prog.Stream
	now := s.meta.Frontier[s.Log(position.Source{Origin: s.view.Region, Incarnation: 1})].Stamp
	horizon := stream.EventIDHorizon
	if stream.EventID.None() || s.sweep.cursor == nil && now.Micros()-s.sweep.last.Micros() < horizon/16 {
		return nil
	}
	prefix := s.space.prefix(tagID)
	if s.sweep.cursor == nil {
		s.sweep.cursor, s.sweep.last = prefix, now
	}
	it, err := s.view.store.db.NewIter(&pebble.IterOptions{LowerBound: s.sweep.cursor, UpperBound: end(prefix)})
	if err != nil {
		return err
	}
	defer it.Close()
	seen := 0
	for ok := it.First(); ok; ok = it.Next() {
		if seen++; seen > sweepStretch {
			s.sweep.cursor = slices.Clone(it.Key())
			return it.Error()
		}
		v := it.Value()
		h := idHash(it.Key()[len(prefix):])
		if _, pending := s.ids[h]; pending || len(v) != 8 {
			continue
		}
		if now.Micros()-stamp.Stamp(binary.BigEndian.Uint64(v)).Micros() > horizon {
			if err := b.Delete(it.Key(), nil); err != nil {
				return err
			}
		}
	}
	s.sweep.cursor = nil
	return it.Error()
}

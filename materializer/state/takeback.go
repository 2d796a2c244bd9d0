package state

import (
	"encoding/binary"

	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// TakeBack folds one record of the own log of retractions: ev is the event that
// is taken back, at the place of the retraction in that log, whose stamp is st.
// The own log is folded beyond the record that is taken back. One that was taken
// back before, or that never counted here, changes nothing.
func (tx Tx) TakeBack(src position.Source, of wire.Retraction, ev *wire.Event, st stamp.Stamp) error {
	s := tx.s
	if s.copies != nil {
		return s.copies.takenBack(of.Offset)
	}
	if again, err := s.takenBack(of.Offset); err != nil || again {
		return err
	}
	s.taken[of.Offset] = struct{}{}
	counted, err := s.counted(ev, of.Stamp)
	if err != nil || !counted || !s.mach.Prepare(ev).OK() {
		return err
	}
	e, err := s.load(ev.Key)
	if err != nil {
		return err
	}
	if s.mach.Step(e.row, src, ev, st) {
		s.meta.Counts.Retracted++
		s.touch(e)
		for _, l := range s.links {
			if l.source == src {
				l.changed[e.key] = struct{}{}
			}
		}
	}
	return nil
}

// Hear takes the ids that a round brought: what counts in another region's log.
func (tx Tx) Hear(src position.Source, ids []round.ID) error {
	for i := range ids {
		if err := tx.s.copies.hear(src, ids[i]); err != nil {
			return err
		}
	}
	return nil
}

// IDs reports whether the shard is of a stream's ids, and has no rows.
func (s *Shard) IDs() bool { return s.copies != nil }

// Due is how many own copies may have to be taken back. Readers may call it: a
// frontier comes with all that became due by it.
func (s *Shard) Due() int {
	if s.copies == nil {
		return 0
	}
	return int(s.copies.waiting.Load())
}

// takenBack reports whether the own record at offset was taken back before.
func (s *Shard) takenBack(offset int64) (bool, error) {
	if _, ok := s.taken[offset]; ok {
		return true, nil
	}
	v, err := s.view.store.get(s.space.key(tagTaken, binary.BigEndian.AppendUint64(nil, uint64(offset))))
	return v != nil, err
}

// counted reports whether the own record of the event, at a stamp, counted in
// this view. It did not if the last one of its id that did is an earlier one:
// the view could not take a first copy and took another. Of an id that is
// forgotten, or counted again later, it is taken for granted.
func (s *Shard) counted(ev *wire.Event, at stamp.Stamp) (bool, error) {
	if !ev.HasID {
		return true, nil
	}
	last, known, err := s.lastOf(hashID(ev.Key, ev.ID))
	return !known || last >= at, err
}

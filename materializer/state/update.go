package state

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// Tx changes a shard while readers wait.
type Tx struct{ s *Shard }

// Begin closes the shard to readers until Commit, so that they see the changes
// to rows and frontier together. In between nothing may block on anything but
// the local disk. After an error of the Tx comes Abort.
func (s *Shard) Begin() Tx {
	s.mu.Lock()
	s.lookups = 0
	return Tx{s}
}

// Lookups is how often the disk was asked since Begin: who has much to fold
// commits in between, so that readers do not wait for all of it.
func (tx Tx) Lookups() int { return tx.s.lookups }

// Commit opens the shard to readers again.
func (tx Tx) Commit() {
	tx.s.mu.Unlock()
	tx.s.view.publish()
}

// Abort ends a change that failed. The rows may be ahead of the frontier now,
// so nothing of the shard is read, flushed or shipped any more: what is on disk
// is whole, and a View that is opened anew goes on from there.
func (tx Tx) Abort(cause error) {
	if tx.s.failed == nil {
		tx.s.failed = fmt.Errorf("view %s partition %d stopped: %w", tx.s.view.Name, tx.s.partition, cause)
	}
	tx.Commit()
}

// Event folds one accepted event of the own log. A verdict other than accepted
// means that the view cannot take the event; nothing was changed.
func (tx Tx) Event(src position.Source, ev *wire.Event, st stamp.Stamp) (wire.Verdict, error) {
	s := tx.s
	if s.copies != nil {
		return wire.Verdict{}, s.copies.count(ev, st)
	}
	if v := s.mach.Prepare(ev); v.Reason != "" {
		return v, nil
	}
	if ev.HasID && !s.view.Prog.Stream.EventID.None() {
		counts, err := s.first(ev, st)
		if err != nil || !counts {
			return wire.Verdict{}, err
		}
	}
	e, err := s.load(ev.Key)
	if err != nil {
		return wire.Verdict{}, err
	}
	if !s.mach.Step(e.row, src, ev, st) {
		s.meta.Counts.Filtered++
		return wire.Verdict{}, nil
	}
	s.meta.Counts.Events++
	s.touch(e)
	s.mark(e)
	return wire.Verdict{}, nil
}

// Absorb takes what a round says of one key.
func (tx Tx) Absorb(key []byte, part *fold.Part) error {
	e, err := tx.s.load(key)
	if err != nil {
		return err
	}
	if tx.s.mach.Absorb(e.row, part) {
		tx.s.touch(e)
	}
	return nil
}

// Advance moves the frontier of a source's log. It never moves back.
func (tx Tx) Advance(src position.Source, m position.Mark) {
	log := tx.s.Log(src)
	if m.Next > tx.s.meta.Frontier[log].Next {
		tx.s.meta.Frontier[log] = m
	}
	tx.s.meta.Counts.Failed += tx.s.mach.Errors
	tx.s.mach.Errors = 0
}

// idHash stands for (key, event id): 128 bits of SHA-256, so that no two ids
// are ever confused.
type idHash [16]byte

func hashID(key, id []byte) idHash {
	h := sha256.New()
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(key)))
	h.Write(n[:])
	h.Write(key)
	h.Write(id)
	return idHash(h.Sum(nil)[:16])
}

// first reports whether the event is the first of its id within the horizon,
// and remembers it if so.
func (s *Shard) first(ev *wire.Event, st stamp.Stamp) (bool, error) {
	h := hashID(ev.Key, ev.ID)
	prev, known, err := s.lastOf(h)
	if err != nil {
		return false, err
	}
	if known && !fold.Counts(prev, st, s.view.Prog.Stream.EventIDHorizon) {
		s.meta.Counts.Repeated++
		return false, nil
	}
	s.ids[h] = st
	return true, nil
}

// lastOf is the stamp of the last record of an id that counted, if it is known.
func (s *Shard) lastOf(h idHash) (last stamp.Stamp, known bool, err error) {
	if last, known = s.ids[h]; known {
		return last, true, nil
	}
	s.lookups++
	b, err := s.view.store.get(s.space.key(tagID, h[:]))
	if known = len(b) == 8; known {
		last = stamp.Stamp(binary.BigEndian.Uint64(b))
	}
	return last, known, err
}

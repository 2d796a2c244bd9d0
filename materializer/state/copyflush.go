package state

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// appendCopies appends the copies of an id as they are stored (FORMAT.md §6.2).
func appendCopies(dst []byte, list []heldCopy, own position.Source) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		c := &list[i]
		if c.Source == own {
			dst = append(dst, 0)
		} else {
			dst = appendText(dst, c.Source.Origin)
			dst = binary.AppendUvarint(dst, uint64(c.Source.Incarnation))
		}
		dst = binary.BigEndian.AppendUint64(dst, uint64(c.Stamp))
		dst = binary.AppendUvarint(dst, uint64(c.Offset))
		if c.Source != own {
			continue
		}
		dst = append(dst, c.rest[:]...)
		if c.back {
			dst = append(dst, 1)
		} else {
			dst = append(dst, 0)
		}
	}
	return dst
}

// decodeCopies reads what appendCopies wrote.
func decodeCopies(b []byte, own position.Source) ([]heldCopy, error) {
	r := value.NewCursor(b, 0)
	list := make([]heldCopy, r.Count(1<<20))
	for i := range list {
		c := &list[i]
		if c.Source = own; r.Err() == nil {
			if origin := r.Text(); origin != "" {
				c.Source = position.Source{Origin: origin, Incarnation: uint32(r.Limited(1 << 31))}
			}
		}
		c.Stamp = stamp.Stamp(fixed64(r))
		c.Offset = int64(r.Limited(1 << 62))
		if c.Source == own {
			binary.BigEndian.PutUint64(c.rest[:], fixed64(r))
			back := r.Byte()
			if c.back = back == 1; back > 1 {
				r.Fail("a copy is taken back or not")
			}
		}
		if i > 0 && r.Err() == nil && list[i-1].Compare(c.Copy) >= 0 {
			r.Fail("copies out of order")
		}
	}
	if r.End(); r.Err() != nil {
		return nil, fmt.Errorf("stored copies: %w", r.Err())
	}
	return list, nil
}

// fixed64 reads eight bytes, big-endian.
func fixed64(r *value.Cursor) uint64 {
	rest := r.Rest()
	if len(rest) < 8 {
		r.Fail("torn number")
		return 0
	}
	r.Skip(8)
	return binary.BigEndian.Uint64(rest)
}

// write puts everything that changed since the last flush into the batch, and
// takes out what is too old to matter.
func (b *copyBook) write(batch *pebble.Batch) error {
	sp := b.shard.space
	for hash, id := range b.ids {
		if !id.dirty {
			continue
		}
		key := sp.key(tagCopies, binary.BigEndian.AppendUint64(nil, hash))
		if err := batch.Set(key, appendCopies(nil, id.list, b.own()), nil); err != nil {
			return err
		}
	}
	for _, id := range b.fresh {
		key := sp.key(tagOffset, binary.BigEndian.AppendUint64(nil, uint64(id.Offset)))
		v := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, id.Hash), uint64(id.Stamp))
		if err := batch.Set(key, v, nil); err != nil {
			return err
		}
	}
	for offset := range b.changed {
		key := sp.key(tagDue, binary.BigEndian.AppendUint64(nil, uint64(offset)))
		var err error
		if hash, is := b.due[offset]; is {
			err = batch.Set(key, binary.BigEndian.AppendUint64(nil, hash), nil)
		} else {
			err = batch.Delete(key, nil)
		}
		if err != nil {
			return err
		}
	}
	return b.expire(batch)
}

func (b *copyBook) flushed() {
	clear(b.ids)
	clear(b.changed)
	b.fresh = b.fresh[:0]
}

// oldest is the stamp, in time, before which copies are forgotten: two horizons
// behind the newest of all logs, so that a region may be late by one.
func (b *copyBook) oldest() stamp.Micros {
	newest := stamp.Stamp(0)
	for _, m := range b.shard.meta.Frontier {
		newest = max(newest, m.Stamp)
	}
	return newest.Micros() - 2*b.horizon
}

// expire forgets a stretch of what is too old.
func (b *copyBook) expire(batch *pebble.Batch) error {
	oldest, seen := b.oldest(), 0
	err := b.shard.each(tagOffset, nil, func(rest, v []byte) (bool, error) {
		if seen++; seen > sweepStretch || len(v) != 16 || stamp.Stamp(binary.BigEndian.Uint64(v[8:])).Micros() >= oldest {
			return false, nil
		}
		return true, batch.Delete(b.shard.space.key(tagOffset, rest), nil)
	})
	if err != nil {
		return err
	}
	return b.shard.sweep.walk(b.shard, tagCopies, oldest+2*b.horizon, b.horizon, func(rest, v []byte) (bool, error) {
		if _, held := b.ids[binary.BigEndian.Uint64(rest)]; held {
			return false, nil
		}
		list, err := decodeCopies(v, b.own())
		if err != nil || len(list) == 0 {
			return false, err
		}
		return list[len(list)-1].Stamp.Micros() < oldest && !b.waits(list), nil
	}, batch)
}

// waits reports whether one of the copies is due.
func (b *copyBook) waits(list []heldCopy) bool {
	for i := range list {
		if _, is := b.due[list[i].Offset]; is && list[i].Source == b.own() {
			return true
		}
	}
	return false
}

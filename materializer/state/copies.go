package state

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"anabranch.dev/anabranch/pipelines/copies"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// copyBook is what a shard of a stream's ids keeps instead of rows: for each id
// the records that count within the log of any region, and which of the own ones
// may have to be taken back. It belongs to the shard's owner.
type copyBook struct {
	shard   *Shard
	horizon stamp.Micros
	ids     map[uint64]*heldID // looked at since the last flush
	fresh   []round.ID         // own ids that counted since the last flush
	due     map[int64]uint64   // offsets of own copies that may have to be taken back, and their ids
	changed map[int64]struct{} // offsets that came into due or left it since the last flush
	waiting atomic.Int64       // how many are due
	flags   []bool             // scratch
}

// heldID is the copies of one id, ascending.
type heldID struct {
	hash  uint64
	list  []heldCopy
	dirty bool
}

// heldCopy is one of them. Of an own one it is known which id it is of, beyond
// the hash, and whether it was taken back.
type heldCopy struct {
	copies.Copy
	rest [8]byte
	back bool
}

// maxHeldIDs bounds the ids in memory between two flushes.
const maxHeldIDs = 1 << 16

func openCopies(s *Shard) (*copyBook, error) {
	b := &copyBook{
		shard: s, horizon: s.view.Prog.Stream.EventIDHorizon,
		ids: map[uint64]*heldID{}, due: map[int64]uint64{}, changed: map[int64]struct{}{},
	}
	err := s.each(tagDue, nil, func(rest, v []byte) (bool, error) {
		if len(rest) != 8 || len(v) != 8 {
			return false, fmt.Errorf("ids of %s: what is stored as due does not decode", s.view.Name)
		}
		b.due[int64(binary.BigEndian.Uint64(rest))] = binary.BigEndian.Uint64(v)
		return true, nil
	})
	b.waiting.Store(int64(len(b.due)))
	return b, err
}

func (b *copyBook) own() position.Source {
	return position.Source{Origin: b.shard.view.Region, Incarnation: 1}
}

// find looks an id up, in memory or on disk; one that is not known is empty.
func (b *copyBook) find(hash uint64) (*heldID, error) {
	if id := b.ids[hash]; id != nil {
		return id, nil
	}
	b.shard.lookups++
	v, err := b.shard.view.store.get(b.shard.space.key(tagCopies, binary.BigEndian.AppendUint64(nil, hash)))
	if err != nil {
		return nil, err
	}
	id := &heldID{hash: hash}
	if v != nil {
		if id.list, err = decodeCopies(v, b.own()); err != nil {
			return nil, fmt.Errorf("ids of %s: %w", b.shard.view.Name, err)
		}
	}
	b.ids[hash] = id
	return id, nil
}

// count takes an event of the own log: its id counts unless it counted before,
// within the horizon.
func (b *copyBook) count(ev *wire.Event, st stamp.Stamp) error {
	if !ev.HasID {
		return nil
	}
	h := hashID(ev.Key, ev.ID)
	in := heldCopy{Copy: copies.Copy{Source: b.own(), Stamp: st, Offset: ev.Offset}, rest: [8]byte(h[8:])}
	id, err := b.find(binary.BigEndian.Uint64(h[:]))
	if err != nil {
		return err
	}
	for i := range id.list {
		c := &id.list[i]
		if c.Source == in.Source && c.rest == in.rest && !fold.Counts(c.Stamp, st, b.horizon) {
			b.shard.meta.Counts.Repeated++
			return nil
		}
	}
	b.shard.meta.Counts.Events++
	b.fresh = append(b.fresh, round.ID{Hash: id.hash, Stamp: st, Offset: ev.Offset})
	b.add(id, in)
	return nil
}

// hear takes a copy that counts in another region's log.
func (b *copyBook) hear(src position.Source, in round.ID) error {
	id, err := b.find(in.Hash)
	if err == nil {
		b.add(id, heldCopy{Copy: copies.Copy{Source: src, Stamp: in.Stamp, Offset: in.Offset}})
	}
	return err
}

// add puts a copy in its place and looks whether an own one is out now.
func (b *copyBook) add(id *heldID, in heldCopy) {
	at, known := slices.BinarySearchFunc(id.list, in, func(x, y heldCopy) int { return x.Compare(y.Copy) })
	if known {
		return
	}
	id.list = slices.Insert(id.list, at, in)
	id.dirty = true
	if len(id.list) == 1 {
		return
	}
	b.forgetOld(id)
	for i, counts := range b.counting(id) {
		c := &id.list[i]
		if _, is := b.due[c.Offset]; !counts && c.Source == b.own() && !c.back && !is {
			b.due[c.Offset] = id.hash
			b.changed[c.Offset] = struct{}{}
			b.waiting.Store(int64(len(b.due)))
		}
	}
}

// counting tells which copies of an id count, until it is called again.
func (b *copyBook) counting(id *heldID) []bool {
	b.flags = copies.Counting(b.flags[:0], len(id.list), func(i int) stamp.Stamp { return id.list[i].Stamp }, b.horizon)
	return b.flags
}

// fewCopies is how many copies of an id are kept whatever their age.
const fewCopies = 16

// forgetOld drops copies of an id that comes again and again: those over three
// horizons behind its newest, but for the last of them that counts, from where
// the rule goes on.
func (b *copyBook) forgetOld(id *heldID) {
	if len(id.list) <= fewCopies {
		return
	}
	newest, keep := id.list[len(id.list)-1].Stamp.Micros(), 0
	for i, counts := range b.counting(id) {
		c := &id.list[i]
		if _, is := b.due[c.Offset]; is && c.Source == b.own() || newest-c.Stamp.Micros() <= 3*b.horizon {
			break
		}
		if counts {
			keep = i
		}
	}
	id.list = slices.Delete(id.list, 0, keep)
}

// takenBack notes that the log of retractions has an own copy.
func (b *copyBook) takenBack(offset int64) error {
	hash, ok, err := b.hashOf(offset)
	if err != nil || !ok {
		return err
	}
	id, err := b.find(hash)
	if err != nil {
		return err
	}
	for i := range id.list {
		if c := &id.list[i]; c.Source == b.own() && c.Offset == offset && !c.back {
			c.back, id.dirty = true, true
			b.shard.meta.Counts.Retracted++
		}
	}
	b.settle(offset)
	return nil
}

// settle says that a copy is not due any more.
func (b *copyBook) settle(offset int64) {
	if _, is := b.due[offset]; is {
		delete(b.due, offset)
		b.changed[offset] = struct{}{}
		b.waiting.Store(int64(len(b.due)))
	}
}

// hashOf finds the id of an own copy by its offset.
func (b *copyBook) hashOf(offset int64) (uint64, bool, error) {
	if hash, is := b.due[offset]; is {
		return hash, true, nil
	}
	at, ok := slices.BinarySearchFunc(b.fresh, offset, func(id round.ID, o int64) int { return int(id.Offset - o) })
	if ok {
		return b.fresh[at].Hash, true, nil
	}
	v, err := b.shard.view.store.get(b.shard.space.key(tagOffset, binary.BigEndian.AppendUint64(nil, uint64(offset))))
	if err != nil || len(v) != 16 {
		return 0, false, err
	}
	return binary.BigEndian.Uint64(v), true, nil
}

// Due is an own record that is to be taken back.
type Due struct {
	Offset int64
	Stamp  stamp.Stamp
}

// DueNow lists, at most limit, the own copies that are out for good: whatever
// the regions' logs still bring, a copy before them counts. What every region's
// log holds is known from its mark and from what it said by a closing.
func (s *Shard) DueNow(table *Closings, sources []position.Source, limit int) ([]Due, error) {
	var list []Due
	b := s.copies
	for _, offset := range slices.Sorted(maps.Keys(b.due)) {
		if len(list) == limit {
			break
		}
		id, err := b.find(b.due[offset])
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(id.list, func(c heldCopy) bool { return c.Source == b.own() && c.Offset == offset })
		if at < 0 || id.list[at].back || b.counting(id)[at] {
			b.settle(offset)
			continue
		}
		st := id.list[at].Stamp
		if b.known(table, sources) >= copies.Settled(st, b.horizon) {
			list = append(list, Due{offset, st})
		}
	}
	return list, nil
}

// known is the time before which all copies of all regions are known: nothing
// with an earlier stamp is still to come.
func (b *copyBook) known(table *Closings, sources []position.Source) stamp.Micros {
	least := stamp.MaxMicros
	for _, src := range sources {
		log := b.shard.Log(src)
		m := b.shard.meta.Frontier[log]
		until := m.Stamp.Micros()
		// Brokers stamp by clocks of their own, and acknowledge later than they
		// stamp: what a closing says of time holds to within a minute.
		if c := table.reached(log, m); c != stamp.NoTime {
			until = max(until, c-min(b.horizon, stamp.Minute))
		}
		least = min(least, until)
	}
	return least
}

// round makes the pieces of the own ids between head.Lo and head.Hi.
func (b *copyBook) round(head round.Header, limit int) ([][]byte, error) {
	w := round.NewIDWriter(head, limit)
	from := binary.BigEndian.AppendUint64(nil, uint64(head.Lo.Next))
	err := b.shard.each(tagOffset, from, func(rest, v []byte) (bool, error) {
		if len(rest) != 8 || len(v) != 16 {
			return false, fmt.Errorf("ids of %s: a stored place does not decode", b.shard.view.Name)
		}
		id := round.ID{Hash: binary.BigEndian.Uint64(v), Stamp: stamp.Stamp(binary.BigEndian.Uint64(v[8:])), Offset: int64(binary.BigEndian.Uint64(rest))}
		w.Add(id)
		return true, nil
	})
	for _, id := range b.fresh {
		if id.Offset >= head.Lo.Next {
			w.Add(id)
		}
	}
	return w.Finish(), err
}

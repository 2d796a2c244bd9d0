package mergetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Digest hashes what Night's histories of c, from a seed on, come to: events is
// of the histories themselves, results of every state's bytes and values. On
// any machine, for any target of the compiler, both are the same.
func Digest(c Case, seed uint64, histories int) (events, results [sha256.Size]byte, err error) {
	d := digest{night: newNight(&c), events: sha256.New(), results: sha256.New()}
	for i := range histories {
		if err := d.history(seed + uint64(i)); err != nil {
			return events, results, &Failure{Case: c.Name, Seed: seed + uint64(i), Err: err}
		}
	}
	d.events.Sum(events[:0])
	d.results.Sum(results[:0])
	return events, results, nil
}

type digest struct {
	night           *night
	events, results hash.Hash
	buf             []byte
}

func (d *digest) history(seed uint64) error {
	n := d.night
	n.begin(seed)
	n.references()
	all := n.get()
	for i, log := range n.h.Logs {
		for _, in := range log {
			d.event(in)
		}
		d.bytes(n.want[i])
		s := n.fold(log)
		if inc, ok := s.(merge.Incremental); ok {
			d.buf = inc.AppendSince(d.buf[:0], n.bases[i], seqAt(log, len(log)/2))
			d.bytes(d.buf)
		}
		if err := d.reads(s); err != nil {
			return err
		}
		all.Combine(s)
		n.put(s)
	}
	if err := d.reads(all); err != nil {
		return err
	}
	if g, ok := all.(merge.Group); ok {
		g.Subtract(n.fold(n.h.Logs[0]))
		return d.reads(g)
	}
	return nil
}

// event hashes what an event carries, each part behind its length.
func (d *digest) event(in merge.Input) {
	d.buf = value.Append(d.buf[:0], in.X)
	d.buf = value.Append(d.buf, in.W)
	d.buf = fmt.Appendf(d.buf, " %v %t %v %v", in.Order, in.Remove, in.Source, in.Seen)
	d.write(d.events)
}

func (d *digest) bytes(b []byte) {
	d.buf = append(d.buf[:0], b...)
	d.write(d.results)
}

// reads hashes a state's value, what a moment and the error say.
func (d *digest) reads(s merge.State) error {
	v, err := d.night.c.value(s)
	if err != nil {
		return err
	}
	d.buf = value.Append(d.buf[:0], v)
	if timed, ok := s.(merge.Timed); ok {
		at := stamp.MaxMicros - stamp.Day
		d.buf = value.Append(d.buf, timed.ValueAt(merge.Moment{At: at, From: stamp.NoTime, Newest: at}))
		at = stamp.FromMillis(start) + stamp.Hour
		d.buf = value.Append(d.buf, timed.ValueAt(merge.Moment{At: at, From: at - stamp.Hour/2, Newest: at}))
	}
	if inexact, ok := s.(merge.Approximate); ok {
		d.buf = binary.LittleEndian.AppendUint64(d.buf, math.Float64bits(inexact.Err()))
	}
	d.write(d.results)
	return nil
}

func (d *digest) write(to hash.Hash) {
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(d.buf)))
	to.Write(size[:])
	to.Write(d.buf)
}

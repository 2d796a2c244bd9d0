package mergetest

import (
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
)

// seqAt is the offset of the n-th event, or -1 before the first.
func seqAt(log []merge.Input, n int) int64 {
	if n == 0 {
		return -1
	}
	return log[n-1].Order.Offset
}

// increments checks that a receiver anywhere between lo and hi comes to hi.
func increments(c *Case, h History) error {
	if _, ok := c.fresh().(merge.Incremental); !ok {
		return nil
	}
	d := dice{h.Seed}
	for i, log := range h.Logs {
		for range 4 {
			hi := d.roll(len(log) + 1)
			f := d.roll(hi + 1)
			lo := d.roll(f + 1)
			if err := c.increment(log, lo, f, hi, h.Base(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Case) increment(log []merge.Input, lo, f, hi int, base merge.Order) error {
	sender := c.fold(log[:hi]).(merge.Incremental)
	b := sender.AppendSince(nil, base, seqAt(log, lo))
	part := c.fresh()
	if n, err := part.Decode(b, base); err != nil || n != len(b) {
		return fmt.Errorf("increment %x: %d of %d bytes, %w", b, n, len(b), err)
	}
	receiver := c.fold(log[:f])
	receiver.Combine(part)
	return c.same(fmt.Sprintf("s(%d) with increment (%d, %d]", f, lo, hi), receiver, sender, base)
}

// replica is one region's view of all sources: the seq and state of each.
type replica struct {
	seq    []int64
	states []merge.State
}

// message carries one source's state at hi, or only its parts beyond lo.
type message struct {
	source, to int
	lo, hi     int64
	part       bool // an increment
	bytes      []byte
}

// network is replicas, one a source, that exchange messages.
type network struct {
	c        *Case
	h        History
	d        dice
	replicas []replica
	folded   []int // events of its own log that each replica has folded
	inFlight []message
}

// replicasConverge runs a random schedule of folding, sending, delivering,
// duplicating, losing and crashing, then delivers the rest.
func replicasConverge(c *Case, h History) error {
	w := network{c: c, h: h, d: dice{h.Seed}, folded: make([]int, len(h.Logs))}
	for range h.Logs {
		w.replicas = append(w.replicas, c.newReplica(len(h.Logs)))
	}
	for range 12 * len(h.Logs) {
		if err := w.step(); err != nil {
			return err
		}
	}
	return w.settle()
}

func (c *Case) newReplica(sources int) replica {
	r := replica{seq: make([]int64, sources), states: make([]merge.State, sources)}
	for i := range r.seq {
		r.seq[i], r.states[i] = -1, c.fresh()
	}
	return r
}

func (w *network) step() error {
	i := w.d.roll(len(w.replicas))
	switch w.d.roll(8) {
	case 0, 1, 2:
		w.fold(i)
	case 3, 4:
		w.send(i, w.d.roll(len(w.replicas)))
	case 5, 6:
		return w.deliverAny()
	case 7:
		return w.crash(i)
	}
	return nil
}

// fold folds the next event of a replica's own log.
func (w *network) fold(i int) {
	if log := w.h.Logs[i]; w.folded[i] < len(log) {
		r := &w.replicas[i]
		w.c.add(r.states[i], log[w.folded[i]:w.folded[i]+1])
		r.seq[i] = log[w.folded[i]].Order.Offset
		w.folded[i]++
	}
}

// send puts a message of i's own source on the wire: its whole state, or what
// came after an older place that a careful sender knows the receiver to have.
func (w *network) send(i, to int) {
	r := &w.replicas[i]
	m := message{source: i, to: to, lo: -1, hi: r.seq[i]}
	base := w.base(i, m.hi)
	if inc, ok := r.states[i].(merge.Incremental); ok && w.d.roll(2) == 0 {
		m.part = true
		m.lo = seqAt(w.h.Logs[i], w.d.roll(w.folded[i]+1))
		m.bytes = inc.AppendSince(nil, base, m.lo)
	} else {
		m.bytes = r.states[i].Append(nil, base)
	}
	w.inFlight = append(w.inFlight, m)
}

// base is what both ends know of a source at seq.
func (w *network) base(source int, seq int64) merge.Order {
	return merge.Order{Time: w.h.Base(source).Time, Stamp: w.h.Base(source).Stamp, Rank: uint32(source), Offset: max(seq, 0)}
}

// deliverAny delivers some message; it may stay on the wire to come again, and
// is lost instead once in a while.
func (w *network) deliverAny() error {
	if len(w.inFlight) == 0 {
		return nil
	}
	j := w.d.roll(len(w.inFlight))
	m := w.inFlight[j]
	if w.d.roll(3) != 0 {
		w.inFlight = append(w.inFlight[:j], w.inFlight[j+1:]...)
	}
	if w.d.roll(6) == 0 {
		return nil
	}
	return w.deliver(m)
}

// deliver applies the receiver's rule: drop what is not newer, refuse a gap,
// replace by a whole state, combine with an increment.
func (w *network) deliver(m message) error {
	r := &w.replicas[m.to]
	if m.hi <= r.seq[m.source] || m.lo > r.seq[m.source] || m.to == m.source {
		return nil
	}
	in := w.c.fresh()
	if n, err := in.Decode(m.bytes, w.base(m.source, m.hi)); err != nil || n != len(m.bytes) {
		return fmt.Errorf("message %x: %d of %d bytes, %w", m.bytes, n, len(m.bytes), err)
	}
	if m.part {
		r.states[m.source].Combine(in)
	} else {
		r.states[m.source] = in
	}
	r.seq[m.source] = m.hi
	return nil
}

// crash loses a replica's memory: other sources are forgotten, its own is
// restored from an older checkpoint and replayed from the log.
func (w *network) crash(i int) error {
	log, kept := w.h.Logs[i], w.d.roll(w.folded[i]+1)
	checkpoint := w.c.fold(log[:kept]).Append(nil, w.base(i, seqAt(log, kept)))
	w.replicas[i] = w.c.newReplica(len(w.h.Logs))
	r := &w.replicas[i]
	if _, err := r.states[i].Decode(checkpoint, w.base(i, seqAt(log, kept))); err != nil {
		return fmt.Errorf("checkpoint %x: %w", checkpoint, err)
	}
	r.seq[i] = seqAt(log, kept)
	w.folded[i] = kept
	return nil
}

// settle folds and delivers all that is left and compares the replicas.
func (w *network) settle() error {
	for i := range w.replicas {
		for w.folded[i] < len(w.h.Logs[i]) {
			w.fold(i)
		}
	}
	for i := range w.replicas {
		for to := range w.replicas {
			w.send(i, to)
			last := &w.inFlight[len(w.inFlight)-1]
			if last.lo > w.replicas[to].seq[i] { // pull repair
				*last = message{source: i, to: to, lo: -1, hi: last.hi, bytes: w.replicas[i].states[i].Append(nil, w.base(i, last.hi))}
			}
		}
	}
	for len(w.inFlight) > 0 {
		j := w.d.roll(len(w.inFlight))
		if err := w.deliver(w.inFlight[j]); err != nil {
			return err
		}
		w.inFlight = append(w.inFlight[:j], w.inFlight[j+1:]...)
	}
	return w.converged()
}

func (w *network) converged() error {
	for to := range w.replicas {
		all := w.c.fresh()
		for i, s := range w.replicas[to].states {
			if err := w.c.same(fmt.Sprintf("replica %d of source %d", to, i), s, w.c.fold(w.h.Logs[i]), w.h.Base(i)); err != nil {
				return err
			}
			all.Combine(s)
		}
		if err := w.c.reads(all, w.h.All()); err != nil {
			return fmt.Errorf("replica %d: %w", to, err)
		}
	}
	return nil
}

package mergetest

import (
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
)

const (
	nightReplicas = 5
	maxInFlight   = 24
)

// nightNet is five replicas, of which the first own the sources, and what is
// between them.
type nightNet struct {
	held     [nightReplicas][maxNightSources]copyOf
	saved    [maxNightSources]nightMessage // each owner's checkpoint
	inFlight []nightMessage
	arena    []byte // the messages' bytes
}

// copyOf is a replica's state of a source up to its first events; nil: of none.
type copyOf struct {
	events int
	s      merge.State
}

// nightMessage carries a source's state after its first hi events, or only what
// came after the first lo of them.
type nightMessage struct {
	source, to, lo, hi int
	part               bool
	base               merge.Order
	bytes              []byte
}

// converge runs a random schedule and then delivers what is missing.
func (n *night) converge() error {
	n.net = nightNet{inFlight: n.net.inFlight[:0], arena: n.net.arena[:0]}
	events := 0
	for _, log := range n.h.Logs {
		events += len(log)
	}
	for range 4 + 2*events + n.d.roll(8) {
		if err := n.step(); err != nil {
			return err
		}
	}
	if err := n.settle(); err != nil {
		return err
	}
	return n.agree()
}

func (n *night) step() error {
	source, from := n.d.roll(len(n.h.Logs)), n.d.roll(nightReplicas)
	switch n.d.roll(12) {
	case 0, 1, 2:
		n.advance(source, 1+n.d.roll(3))
	case 3, 4:
		n.send(source, source, n.d.roll(nightReplicas))
	case 5:
		n.send(from, source, n.d.roll(nightReplicas)) // a relay
	case 6, 7, 8:
		return n.deliverAny()
	case 9:
		return n.coalesce()
	case 10:
		n.net.saved[source] = n.message(source, source, source, false)
	case 11:
		return n.crash(from)
	}
	return nil
}

// advance folds some next events of a source at its owner.
func (n *night) advance(source, events int) {
	own := &n.net.held[source][source]
	if own.s == nil {
		own.s = n.get()
	}
	to := min(own.events+events, len(n.h.Logs[source]))
	n.add(own.s, n.h.Logs[source][own.events:to])
	own.events = to
}

// message is what a replica holds of a source: all of it, or only what came
// after some place.
func (n *night) message(from, source, to int, part bool) nightMessage {
	held := n.net.held[from][source]
	m := nightMessage{source: source, to: to, hi: held.events, base: n.anyBase(source, held.events)}
	if held.s == nil {
		return m
	}
	before := len(n.net.arena)
	if part {
		m.part, m.lo = true, n.d.roll(held.events+1)
		n.net.arena = held.s.(merge.Incremental).AppendSince(n.net.arena, m.base, seqAt(n.h.Logs[source], m.lo))
	} else {
		n.net.arena = held.s.Append(n.net.arena, m.base)
	}
	m.bytes = n.net.arena[before:]
	return m
}

// anyBase is one of the bases that two containers could agree on.
func (n *night) anyBase(source, events int) merge.Order {
	switch n.d.roll(4) {
	case 0:
		return merge.Order{Rank: uint32(source)}
	case 1:
		if events > 0 {
			return n.h.Logs[source][events-1].Order
		}
	}
	return n.bases[source]
}

func (n *night) send(from, source, to int) {
	if n.net.held[from][source].s != nil && to != source && len(n.net.inFlight) < maxInFlight {
		n.net.inFlight = append(n.net.inFlight, n.message(from, source, to, n.parts && n.d.roll(2) == 0))
	}
}

// deliverAny delivers some message, which may stay to come again or be lost.
func (n *night) deliverAny() error {
	if len(n.net.inFlight) == 0 {
		return nil
	}
	i := n.d.roll(len(n.net.inFlight))
	m := n.net.inFlight[i]
	fate := n.d.roll(6)
	if fate > 1 {
		n.remove(i)
	}
	if fate == 5 {
		return nil
	}
	return n.deliver(m)
}

func (n *night) remove(i int) {
	last := len(n.net.inFlight) - 1
	n.net.inFlight[i] = n.net.inFlight[last]
	n.net.inFlight = n.net.inFlight[:last]
}

// deliver applies the receiver's rule: drop what is not newer, refuse a gap,
// replace by a whole state, combine with an increment.
func (n *night) deliver(m nightMessage) error {
	held := &n.net.held[m.to][m.source]
	if m.hi <= held.events || m.lo > held.events {
		return nil
	}
	in := n.get()
	if err := n.take(in, m.bytes, m.base); err != nil {
		return err
	}
	switch {
	case m.part && held.s != nil:
		held.s.Combine(in)
		n.put(in)
	case held.s != nil:
		n.put(held.s)
		held.s = in
	default:
		held.s = in
	}
	held.events = m.hi
	return nil
}

// coalesce makes one increment of two that meet.
func (n *night) coalesce() error {
	if len(n.net.inFlight) < 2 {
		return nil
	}
	i, j := n.d.roll(len(n.net.inFlight)), n.d.roll(len(n.net.inFlight))
	a, b := n.net.inFlight[i], n.net.inFlight[j]
	if i == j || !a.part || !b.part || a.source != b.source || a.to != b.to || b.lo < a.lo || b.lo > a.hi || b.hi < a.hi {
		return nil
	}
	s, t := n.get(), n.get()
	if err := n.take(s, a.bytes, a.base); err != nil {
		return err
	}
	if err := n.take(t, b.bytes, b.base); err != nil {
		return err
	}
	s.Combine(t)
	before := len(n.net.arena)
	n.net.arena = s.Append(n.net.arena, b.base)
	a.hi, a.base, a.bytes = b.hi, b.base, n.net.arena[before:]
	n.net.inFlight[i] = a
	n.put(s, t)
	return nil
}

// crash loses a replica's memory. An owner goes on from its checkpoint.
func (n *night) crash(replica int) error {
	for i := range n.h.Logs {
		held := &n.net.held[replica][i]
		if held.s != nil {
			n.put(held.s)
		}
		*held = copyOf{}
	}
	if replica >= len(n.h.Logs) || n.net.saved[replica].bytes == nil {
		return nil
	}
	m, s := n.net.saved[replica], n.get()
	n.net.held[replica][replica] = copyOf{m.hi, s}
	return n.take(s, m.bytes, m.base)
}

// settle folds all that is left and delivers, beside what is in flight, what
// each replica lacks.
func (n *night) settle() error {
	for i, log := range n.h.Logs {
		n.advance(i, len(log))
		for to := range nightReplicas {
			if to != i {
				n.net.inFlight = append(n.net.inFlight, n.repair(i, to))
			}
		}
	}
	for len(n.net.inFlight) > 0 {
		i := n.d.roll(len(n.net.inFlight))
		m := n.net.inFlight[i]
		n.remove(i)
		if err := n.deliver(m); err != nil {
			return err
		}
	}
	return nil
}

// repair is a message that brings a replica to the end of a source's log,
// whatever comes before it.
func (n *night) repair(source, to int) nightMessage {
	m := n.message(source, source, to, n.parts && n.d.roll(2) == 0)
	if m.lo > n.net.held[to][source].events {
		return n.message(source, source, to, false)
	}
	return m
}

// agree compares the replicas' bytes, and two of their values with the oracle's.
func (n *night) agree() error {
	for r := range nightReplicas {
		for i, log := range n.h.Logs {
			held := n.net.held[r][i]
			if held.events != len(log) {
				panic("BUG: mergetest: a replica is not at the end")
			}
			if held.s == nil {
				held.s = n.get()
				n.net.held[r][i].s = held.s
			}
			if err := n.is(fmt.Sprint("replica ", r), held.s, i); err != nil {
				return err
			}
		}
	}
	n.mixed = n.mixed[:0]
	for _, log := range n.h.Logs {
		n.mixed = append(n.mixed, log...)
	}
	return n.readAt(n.d.roll(nightReplicas), n.d.roll(nightReplicas))
}

// readAt combines the sources at two replicas in two orders.
func (n *night) readAt(a, b int) error {
	there, back, last := n.get(), n.get(), len(n.h.Logs)-1
	for i := range n.h.Logs {
		there.Combine(n.net.held[a][i].s)
		back.Combine(n.net.held[b][last-i].s)
	}
	if err := n.reads(there, n.mixed); err != nil {
		return fmt.Errorf("replica %d: %w", a, err)
	}
	if err := n.sameValue(valueOf(there), back, n.mixed); err != nil {
		return fmt.Errorf("replicas %d and %d: %w", a, b, err)
	}
	n.put(there, back)
	return nil
}

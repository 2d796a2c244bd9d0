package mergetest

import (
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Worlds runs every sequence of up to n operations on three replicas, each the
// owner of one source, up to renaming of the replicas. An operation is an Add of
// one of xs, at one of two times, at an owner; or the delivery of what one
// replica holds of a source to another one that knows less of it, as a whole
// state or as an increment from any place that the other knows. It checks
//
//	what each replica reads      is the oracle's value over what it holds
//	replicas at equal frontiers  hold equal bytes
//
// in every world on the way, and returns how many there are. Sequences that meet
// in a world are followed once from there. Where events name their sources
// (Spec.Observed), replicas are not renamed, every event is at the same time, and
// what a remove of xs had seen is the first two events of each source.
func Worlds(c Case, n int, xs []merge.Input) (int, error) {
	w := &worlds{c: &c, seen: map[world]struct{}{}, read: map[[owners]part]bool{}, sent: map[[2]part]bool{}}
	for _, in := range xs {
		for time := range 2 {
			if time > 0 && c.Spec.Observed {
				continue
			}
			in.Order.Time = stamp.Micros(time) * max(1, c.Spec.HalfLife)
			w.options = append(w.options, in)
		}
	}
	first, err := w.nothing()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.Name, err)
	}
	w.next = []world{first}
	w.seen[first] = struct{}{}
	for ; n > 0; n-- {
		if err := w.round(); err != nil {
			return len(w.seen), fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return len(w.seen), nil
}

const owners = 3

// part is what the first events of a log of one source come to, as an index.
type part uint32

// world is which part of each source each replica holds: world[s][r]. The owner
// of source s is replica s.
type world [owners][owners]part

// folded is a part.
type folded struct {
	owner int // if events name their sources
	log   []merge.Input
	bytes []byte
	more  []part // the part after one more event, by option; 0: not tried
}

type worlds struct {
	c       *Case
	options []merge.Input
	parts   []folded
	seen    map[world]struct{}
	next    []world // not followed yet
	read    map[[owners]part]bool
	sent    map[[2]part]bool
}

var worldBase = merge.Order{Time: 1, Stamp: 9, Offset: 9}

// fold makes a log a part. Its state reads as the oracle says.
func (w *worlds) fold(log []merge.Input) (part, error) {
	s := w.c.fold(log)
	if err := w.c.reads(s, log); err != nil {
		return 0, fmt.Errorf("%s: %w", describe(log), err)
	}
	w.parts = append(w.parts, folded{log: log, bytes: s.Append(nil, worldBase), more: make([]part, len(w.options))})
	return part(len(w.parts) - 1), nil
}

// nothing is the world in which everybody holds nothing of each source: one part
// for all sources, or one for each if their events name them.
func (w *worlds) nothing() (at world, err error) {
	for s := range owners {
		if s == 0 || w.c.Spec.Observed {
			if at[s][0], err = w.fold(nil); err != nil {
				return at, err
			}
			w.parts[at[s][0]].owner = s
		}
		at[s][1], at[s][2] = at[s][0], at[s][0]
	}
	return at, nil
}

// round makes one more operation in each world that was new.
func (w *worlds) round() error {
	from := w.next
	w.next = nil
	for _, at := range from {
		for s := range owners {
			if err := w.adds(at, s); err != nil {
				return err
			}
			if err := w.deliveries(at, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *worlds) adds(at world, source int) error {
	for option := range w.options {
		after, err := w.add(at[source][source], option)
		if err != nil {
			return err
		}
		to := at
		to[source][source] = after
		if err := w.visit(to); err != nil {
			return err
		}
	}
	return nil
}

// add is the part after one more event: folded in one go, and added to a state
// that was decoded.
func (w *worlds) add(p part, option int) (part, error) {
	if after := w.parts[p].more[option]; after != 0 {
		return after, nil
	}
	in, log := w.options[option], w.parts[p].log
	in.Order.Stamp, in.Order.Offset = stamp.Stamp(len(log)+1), int64(len(log)+1)
	if w.c.Spec.Observed {
		in = observedBy(in, w.parts[p].owner)
	}
	longer := append(log[:len(log):len(log)], in)
	after, err := w.fold(longer)
	if err != nil {
		return 0, err
	}
	w.parts[after].owner = w.parts[p].owner
	decoded, err := w.decode(p, worldBase)
	if err != nil {
		return 0, err
	}
	w.c.add(decoded, longer[len(log):])
	if err := w.is("the last event added after decoding", decoded, after); err != nil {
		return 0, err
	}
	w.parts[p].more[option] = after
	return after, nil
}

func (w *worlds) decode(p part, base merge.Order) (merge.State, error) {
	s := w.c.fresh()
	if _, err := s.Decode(w.parts[p].bytes, base); err != nil {
		return nil, fmt.Errorf("%s: %x: %w", describe(w.parts[p].log), w.parts[p].bytes, err)
	}
	return s, nil
}

// is checks that a state has the bytes of a part.
func (w *worlds) is(what string, s merge.State, p part) error {
	if b := s.Append(nil, worldBase); string(b) != string(w.parts[p].bytes) {
		return fmt.Errorf("%s: bytes %x, folded %x: %s", what, b, w.parts[p].bytes, describe(w.parts[p].log))
	}
	return nil
}

// deliveries sends what anybody holds of a source to the others but its owner.
func (w *worlds) deliveries(at world, source int) error {
	for from := range owners {
		for to := range owners {
			sender, receiver := at[source][from], at[source][to]
			if to == from || to == source || len(w.parts[sender].log) <= len(w.parts[receiver].log) {
				continue
			}
			if err := w.send(sender, receiver); err != nil {
				return err
			}
			after := at
			after[source][to] = sender
			if err := w.visit(after); err != nil {
				return err
			}
		}
	}
	return nil
}

// send delivers a whole state and every increment that fits: the receiver comes
// to the sender's bytes.
func (w *worlds) send(sender, receiver part) error {
	edge := [2]part{sender, receiver}
	if w.sent[edge] {
		return nil
	}
	w.sent[edge] = true
	whole, err := w.decode(sender, worldBase)
	if err != nil {
		return err
	}
	if err := w.is("delivered", whole, sender); err != nil {
		return err
	}
	s, ok := w.c.fold(w.parts[sender].log).(merge.Incremental)
	for lo := 0; ok && lo <= len(w.parts[receiver].log); lo++ {
		into, err := w.decode(receiver, worldBase)
		if err != nil {
			return err
		}
		increment, b := w.c.fresh(), s.AppendSince(nil, worldBase, int64(lo))
		if _, err := increment.Decode(b, worldBase); err != nil {
			return fmt.Errorf("increment %x: %w", b, err)
		}
		into.Combine(increment)
		if err := w.is(fmt.Sprintf("increment from %d", lo), into, sender); err != nil {
			return err
		}
	}
	return nil
}

// visit checks a world that is new.
func (w *worlds) visit(at world) error {
	if !w.c.Spec.Observed {
		at = at.named()
	}
	if _, ok := w.seen[at]; ok {
		return nil
	}
	w.seen[at] = struct{}{}
	w.next = append(w.next, at)
	for r := range owners {
		if err := w.reads([owners]part{at[0][r], at[1][r], at[2][r]}); err != nil {
			return err
		}
	}
	return nil
}

// renamings are the permutations of the replicas.
var renamings = [][owners]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}

// named is the least world that differs from at only by the replicas' names.
func (at world) named() world {
	least := at
	for _, p := range renamings[1:] {
		var other world
		for s := range owners {
			for r := range owners {
				other[p[s]][p[r]] = at[s][r]
			}
		}
		if other.less(least) {
			least = other
		}
	}
	return least
}

func (at world) less(o world) bool {
	for s := range owners {
		for r := range owners {
			if at[s][r] != o[s][r] {
				return at[s][r] < o[s][r]
			}
		}
	}
	return false
}

// reads combines three parts as a reader does, under every name that the
// sources could have.
func (w *worlds) reads(parts [owners]part) error {
	key, names := sorted(parts), renamings
	if w.c.Spec.Observed {
		key, names = parts, renamings[:1]
	}
	if w.read[key] {
		return nil
	}
	w.read[key] = true
	for _, p := range names {
		all, inputs := w.c.fresh(), []merge.Input(nil)
		for i, part := range parts {
			base := worldBase
			base.Rank = uint32(p[i])
			s, err := w.decode(part, base)
			if err != nil {
				return err
			}
			all.Combine(s)
			for _, in := range w.parts[part].log {
				in.Order.Rank = base.Rank
				inputs = append(inputs, in)
			}
		}
		if err := w.c.reads(all, inputs); err != nil {
			return fmt.Errorf("read of %s: %w", describe(inputs), err)
		}
	}
	return nil
}

// observedBy is an operation of an owner's log, which acts for a reader that had
// seen the first two events of every source, or none.
func observedBy(in merge.Input, owner int) merge.Input {
	in.Source = sourceOf(uint32(owner))
	if len(in.Seen) > 0 {
		in.Seen = nil
		for s := range owners {
			in.Seen = append(in.Seen, merge.Covered{Source: sourceOf(uint32(s)), Next: 3})
		}
	}
	return in
}

func sorted(p [owners]part) [owners]part {
	if p[0] > p[1] {
		p[0], p[1] = p[1], p[0]
	}
	if p[1] > p[2] {
		p[1], p[2] = p[2], p[1]
	}
	if p[0] > p[1] {
		p[0], p[1] = p[1], p[0]
	}
	return p
}

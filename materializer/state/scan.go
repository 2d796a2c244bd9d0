package state

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/position"
)

// Scan flushes and then calls fn with each row of the shard, in order of keys,
// and its canonical bytes. Neither may be kept.
func (s *Shard) Scan(fn func(key, bytes []byte) error) error {
	if err := s.Flush(); err != nil {
		return err
	}
	prefix := s.space.prefix(tagRow)
	it, err := s.view.store.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: end(prefix)})
	if err != nil {
		return fmt.Errorf("scan view %s: %w", s.view.Name, err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if err := fn(it.Key()[len(prefix):], it.Value()); err != nil {
			return err
		}
	}
	return it.Error()
}

// Digest adds the shard's rows to h and returns how many there are. Shards at
// equal frontiers add the same bytes, in whatever region and however they came
// by them.
func (s *Shard) Digest(h hash.Hash) (int, error) {
	n := 0
	err := s.Scan(func(key, bytes []byte) error {
		n++
		sum := sha256.Sum256(bytes)
		fmt.Fprintf(h, "%d %d:", s.partition, len(key))
		h.Write(key)
		h.Write(sum[:])
		return nil
	})
	return n, err
}

// Link begins to remember, for a link by name, which keys change, and marks
// all rows that changed at or beyond lo as changed for it.
func (s *Shard) Link(name string, src position.Source, lo position.Mark) error {
	if s.copies != nil {
		return nil // ids are found by their offsets
	}
	keys := map[string]struct{}{}
	err := s.Scan(func(key, bytes []byte) error {
		row, err := s.view.Prog.Decode(bytes)
		if err != nil {
			return fmt.Errorf("view %s: stored row: %w", s.view.Name, err)
		}
		if part := row.Part(src); part != nil && part.Life.Seq >= lo.Next {
			keys[string(key)] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.links[name] = &link{source: src, changed: keys}
	s.generation++
	return nil
}

// Unlink forgets a link.
func (s *Shard) Unlink(name string) { delete(s.links, name) }

// link is what one receiver has yet to hear of.
type link struct {
	source  position.Source
	changed map[string]struct{} // keys whose own part changed since the last round was taken
	sent    map[string]struct{} // keys of the last round
	hi      int64               // where the last round ended
}

// mark notes that the own part of a row changed.
func (s *Shard) mark(e *entry) {
	if e.marked == s.generation {
		return
	}
	e.marked = s.generation
	for _, l := range s.links {
		if _, ok := l.source.Retracts(); !ok {
			l.changed[e.key] = struct{}{}
		}
	}
}

// Round takes a link's changed keys into a round from head.Lo to the shard's
// mark of head.Source, which it fills in as Hi, in pieces of about limit bytes.
// It returns no pieces if there is nothing beyond Lo. The keys are remembered
// until a round begins where this one ended: one that was not delivered is
// taken again by the same Lo. To begin even further back, Link again.
func (s *Shard) Round(name string, head round.Header, limit int) (round.Header, [][]byte, error) {
	if s.failed != nil {
		return head, nil, s.failed
	}
	head.Hi = s.meta.Frontier[s.Log(head.Source)]
	if head.Hi.Next <= head.Lo.Next {
		return head, nil, nil
	}
	if s.copies != nil {
		pieces, err := s.copies.round(head, limit)
		return head, pieces, err
	}
	if of, ok := head.Source.Retracts(); ok {
		head.After = s.meta.Frontier[s.Log(of)].Next
	}
	l := s.links[name]
	if l == nil {
		return head, nil, fmt.Errorf("BUG: a round for %s, which was not linked", name)
	}
	if head.Lo.Next < l.hi {
		maps.Copy(l.changed, l.sent)
	}
	keys := slices.Sorted(maps.Keys(l.changed))
	w := round.NewWriter(s.view.Prog, head, limit)
	for _, k := range keys {
		row, err := s.peek(k)
		if err != nil {
			return head, nil, err
		}
		if part := row.Part(head.Source); part != nil {
			w.Add([]byte(k), part)
		}
	}
	l.sent, l.changed, l.hi = l.changed, map[string]struct{}{}, head.Hi.Next
	s.generation++
	return head, w.Finish(), nil
}

// peek finds a row without taking it into the memory tier.
func (s *Shard) peek(key string) (*fold.Row, error) {
	if e, ok := s.rows[key]; ok {
		return e.row, nil
	}
	row, err := s.stored([]byte(key))
	if row == nil {
		row = &fold.Row{}
	}
	return row, err
}

package state

import (
	"fmt"
	"slices"
	"sync"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Shard is one partition of one view: its rows and the frontier they stand at.
// One goroutine, the owner, calls everything that is not said to be a reader's.
type Shard struct {
	view      *View
	partition int32
	space     space
	mach      *fold.Machine

	mu    sync.RWMutex // guards rows, their content and meta.Frontier, against readers
	rows  map[string]*entry
	whole bool // rows has every row of the shard: what is not there is nowhere
	bytes int
	meta  Meta

	closedMu sync.Mutex
	closed   map[position.Source]stamp.Micros // the latest closed time reached, by source

	lookups int   // on disk, since Begin
	failed  error // why the shard must not be used any more: guarded by mu against readers

	dirty      []*entry               // to be written by the next flush
	ids        map[idHash]stamp.Stamp // ids that counted since the last flush
	taken      map[int64]struct{}     // own records that were taken back since the last flush
	copies     *copyBook              // of a stream's ids: what there is instead of rows
	links      map[string]*link       // by name
	wanted     chan string            // keys of rows that readers fetched from disk
	generation uint64                 // of entries' marks; grows when a link's changed keys are taken
	sweep      sweeper
}

// entry is one row in memory.
type entry struct {
	key   string
	row   *fold.Row
	size  int
	dirty bool
	used  bool // since the eviction hand last passed

	leaving bool // being evicted

	marked uint64 // the generation in which all links were told that it changed
}

func openShard(v *View, partition int32) (*Shard, error) {
	sp, err := spaceOf(v.Instance, partition)
	if err != nil {
		return nil, err
	}
	s := &Shard{
		view: v, partition: partition, space: sp, mach: v.Prog.New(),
		rows: map[string]*entry{}, ids: map[idHash]stamp.Stamp{}, taken: map[int64]struct{}{},
		closed: map[position.Source]stamp.Micros{}, links: map[string]*link{}, generation: 1, wanted: make(chan string, maxWanted),
		meta: Meta{Frontier: position.Frontier{}, Deltas: map[string]int64{}, Identity: Identity{LeaderEpoch: -1}},
	}
	if v.ids {
		if s.copies, err = openCopies(s); err != nil {
			return nil, err
		}
	}
	b, err := v.store.get(sp.key(tagMeta, nil))
	if err != nil || b == nil {
		s.whole = err == nil
		return s, err
	}
	if s.meta, err = decodeMeta(b); err != nil {
		return nil, fmt.Errorf("view %s partition %d: %w", v.Name, partition, err)
	}
	return s, nil
}

// Partition is the shard's partition.
func (s *Shard) Partition() int32 { return s.partition }

// View is the view that the shard is a part of.
func (s *Shard) View() *View { return s.view }

// Log names the shard's partition of a source's log.
func (s *Shard) Log(src position.Source) position.Log {
	return position.Log{Stream: s.view.Prog.Stream.Name, Source: src, Partition: s.partition}
}

// Mark is how far the source's log is folded. Readers may call it.
func (s *Shard) Mark(src position.Source) position.Mark {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Frontier[s.Log(src)]
}

// Delta is the next offset to read of an origin's delta topic.
func (s *Shard) Delta(origin string) int64 { return s.meta.Deltas[origin] }

// SetDelta moves the next offset of an origin's delta topic; it is stored with
// the next flush.
func (s *Shard) SetDelta(origin string, next int64) { s.meta.Deltas[origin] = next }

// Identity is the identity of the own log as last folded.
func (s *Shard) Identity() Identity { return s.meta.Identity }

// SetIdentity replaces the identity of the own log; it is stored with the next
// flush.
func (s *Shard) SetIdentity(id Identity) { s.meta.Identity = id }

// Retractions is the identity of the own log of retractions as last folded.
func (s *Shard) Retractions() Identity { return s.meta.Retractions }

// SetRetractions replaces the identity of the own log of retractions; it is
// stored with the next flush.
func (s *Shard) SetRetractions(id Identity) { s.meta.Retractions = id }

// Counts is what the shard has done. Readers may call it.
func (s *Shard) Counts() Counts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Counts
}

// Crowded reports whether the rows in memory have outgrown their share, so that
// a flush is due for some to leave.
func (s *Shard) Crowded() bool {
	if s.copies != nil {
		return len(s.copies.ids) > maxHeldIDs
	}
	return s.bytes > s.view.store.rowLimit() && len(s.dirty) > 0
}

// load finds a row in memory or on disk, or makes an empty one.
func (s *Shard) load(key []byte) (*entry, error) {
	if e, ok := s.rows[string(key)]; ok {
		e.used = true
		return e, nil
	}
	if !s.whole {
		s.lookups++
	}
	row, err := s.stored(key)
	if err != nil {
		return nil, err
	}
	if row == nil {
		row = &fold.Row{}
	}
	s.view.Prog.Tile(row) // here, since readers may not
	e := &entry{key: string(key), row: row, size: row.Size() + len(key), used: true}
	s.rows[e.key] = e
	s.bytes += e.size
	return e, nil
}

// stored reads a row from disk; nil if there is none.
func (s *Shard) stored(key []byte) (*fold.Row, error) {
	if s.whole {
		return nil, nil
	}
	b, err := s.view.store.get(s.space.key(tagRow, key))
	if err != nil || b == nil {
		return nil, err
	}
	row, err := s.view.Prog.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("view %s: stored row: %w", s.view.Name, err)
	}
	return row, nil
}

// touch notes that a row changed.
func (s *Shard) touch(e *entry) {
	if !e.dirty {
		e.dirty = true
		s.dirty = append(s.dirty, e)
	}
}

// evict drops clean rows that were not used lately until the tier is within
// its bound. Only flushed rows go: what is dirty is not on disk yet. It looks
// without the lock, which readers need, and takes it for what goes.
func (s *Shard) evict() {
	limit := s.view.store.rowLimit()
	var victims []*entry
	for pass := 0; pass < 2 && s.bytes > limit; pass++ {
		for _, e := range s.rows {
			if s.bytes <= limit*7/8 {
				break
			}
			if e.used {
				e.used = false
			} else if !e.dirty && !e.leaving {
				e.leaving = true
				s.bytes -= e.size
				victims = append(victims, e)
			}
		}
	}
	for part := range slices.Chunk(victims, 256) {
		s.mu.Lock()
		s.whole = false
		for _, e := range part {
			delete(s.rows, e.key)
		}
		s.mu.Unlock()
	}
}

package state

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// View is one instance of a feature view in one region's store.
type View struct {
	Name     string
	Instance string // hash of its meaning, 16 hex digits
	Version  int
	Region   string // the region that this store is in
	Prog     *fold.Program
	Shards   []*Shard // by partition

	ids      bool // the ids of a stream: there are no rows
	store    *Store
	machines sync.Pool
	ready    atomic.Bool
	progress atomic.Pointer[Progress]
	halted   atomic.Pointer[error]

	waiting atomic.Int32
	mu      sync.Mutex // guards change
	change  chan struct{}
}

// OpenView opens what the store holds of an instance, or begins it empty.
func (s *Store) OpenView(name, instance string, version int, region string, prog *fold.Program) (*View, error) {
	return s.open(&View{Name: name, Instance: instance, Version: version, Region: region, Prog: prog})
}

// OpenIDs opens what the store holds of the ids of a stream, or begins it
// empty. prog is a program of the stream without features.
func (s *Store) OpenIDs(name, instance, region string, prog *fold.Program) (*View, error) {
	return s.open(&View{Name: name, Instance: instance, Region: region, Prog: prog, ids: true})
}

func (s *Store) open(v *View) (*View, error) {
	prog := v.Prog
	v.store, v.change = s, make(chan struct{})
	v.machines.New = func() any { return prog.New() }
	for p := range prog.Stream.Partitions {
		shard, err := openShard(v, p)
		if err != nil {
			return nil, fmt.Errorf("open view %s: %w", v.Name, err)
		}
		v.Shards = append(v.Shards, shard)
	}
	s.shards.Add(int64(len(v.Shards)))
	return v, nil
}

// ErrRetired is in the error of a read of a view that was retired: ask again,
// of the view that took its place.
var ErrRetired = errors.New("the view was replaced")

// Retire ends a view: every later read of it fails with ErrRetired, so that the
// instance may be dropped or opened anew beneath those who still hold it. The
// owners of its shards have ended. It is called once.
func (v *View) Retire() {
	for _, s := range v.Shards {
		s.mu.Lock()
		s.failed = fmt.Errorf("view %s: %w", v.Name, ErrRetired)
		s.rows, s.bytes, s.whole = map[string]*entry{}, 0, false
		s.mu.Unlock()
	}
	v.store.shards.Add(-int64(len(v.Shards)))
	v.publish()
}

// IDs reports whether the view is the ids of a stream, and has no rows.
func (v *View) IDs() bool { return v.ids }

// Ready reports whether the view has folded all that was in the logs when it
// was opened for the first time, so that it may serve.
func (v *View) Ready() bool { return v.ready.Load() }

// SetReady lets the view serve.
func (v *View) SetReady() { v.ready.Store(true); v.publish() }

// SetProgress tells how far a building view has come.
func (v *View) SetProgress(p Progress) { v.progress.Store(&p) }

// Progress is how far a building view has come.
func (v *View) Progress() Progress {
	if p := v.progress.Load(); p != nil {
		return *p
	}
	return Progress{}
}

// Halt records why a shard of the view was stopped; the first reason stays.
func (v *View) Halt(err error) { v.halted.CompareAndSwap(nil, &err); v.publish() }

// Halted is why a shard of the view was stopped, or nil.
func (v *View) Halted() error {
	if p := v.halted.Load(); p != nil {
		return *p
	}
	return nil
}

// Frontier is how far the whole view is folded.
func (v *View) Frontier() position.Frontier {
	f := position.Frontier{}
	for _, s := range v.Shards {
		s.mu.RLock()
		f.Join(s.meta.Frontier)
		s.mu.RUnlock()
	}
	return f
}

// publish wakes those who wait for a change.
func (v *View) publish() {
	if v.waiting.Load() == 0 {
		return
	}
	v.mu.Lock()
	close(v.change)
	v.change = make(chan struct{})
	v.mu.Unlock()
}

// Wait blocks until ok holds, looking again after each change, or until done is
// closed; it reports whether ok held.
func (v *View) Wait(done <-chan struct{}, ok func() bool) bool {
	v.waiting.Add(1)
	defer v.waiting.Add(-1)
	for {
		v.mu.Lock()
		change := v.change
		v.mu.Unlock()
		if ok() {
			return true
		}
		select {
		case <-change:
		case <-done:
			return ok()
		}
	}
}

// Ask is one key to be read.
type Ask struct {
	Key       []byte
	Partition int32
	At        stamp.Micros // NoTime: now, or the key's newest event if that is later
}

// Answer is what was read of one key.
type Answer struct {
	Results  []fold.Result
	Time     stamp.Micros // the read time t
	Newest   stamp.Micros // the key's newest event in the view, or NoTime
	TooEarly bool         // At lies before Newest: there are no results
}

// Read reads features, by index, of keys, at time now where an ask names no
// time. The frontier has the logs of the touched partitions; each partition is
// read at one instant of it.
func (v *View) Read(asks []Ask, which []int, now stamp.Micros) ([]Answer, position.Frontier, error) {
	mach := v.machines.Get().(*fold.Machine)
	defer v.machines.Put(mach)
	answers := make([]Answer, len(asks))
	results := make([]fold.Result, len(asks)*len(which))
	for i := range answers {
		answers[i].Results = results[i*len(which) : (i+1)*len(which) : (i+1)*len(which)]
	}
	frontier := position.Frontier{}
	done := make([]bool, len(v.Shards))
	for i := range asks {
		p := asks[i].Partition
		if done[p] {
			continue
		}
		done[p] = true
		if err := v.Shards[p].read(mach, asks[i:], answers[i:], which, now, frontier); err != nil {
			return nil, nil, err
		}
	}
	return answers, frontier, nil
}

// read answers the asks of the shard's partition.
func (s *Shard) read(mach *fold.Machine, asks []Ask, answers []Answer, which []int, now stamp.Micros, f position.Frontier) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.failed != nil {
		return s.failed
	}
	f.Join(s.meta.Frontier)
	for i := range asks {
		if asks[i].Partition != s.partition {
			continue
		}
		var row *fold.Row
		if e, ok := s.rows[string(asks[i].Key)]; ok {
			row = e.row
		} else {
			var err error
			if row, err = s.stored(asks[i].Key); err != nil {
				return err
			}
			if row != nil {
				s.want(asks[i].Key)
			}
		}
		answers[i].fill(mach, row, asks[i].At, which, now)
	}
	return nil
}

func (a *Answer) fill(mach *fold.Machine, row *fold.Row, at stamp.Micros, which []int, now stamp.Micros) {
	a.Newest = stamp.NoTime
	if row != nil {
		a.Newest = row.Newest()
	}
	switch {
	case at == stamp.NoTime:
		a.Time = max(now, a.Newest)
	case at < a.Newest:
		a.Time, a.TooEarly = at, true
		return
	default:
		a.Time = at
	}
	mach.Read(row, a.Time, which, a.Results)
}

package state

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

func TestNoWakeUpIsLost(t *testing.T) {
	store := openMem(t, vfs.NewMem(), 1<<20)
	defer store.Close()
	view := openView(t, store, program(t))
	shard, never := view.Shards[0], make(chan struct{})
	const steps, waiters = 300, 4
	var all sync.WaitGroup
	for range waiters {
		all.Go(func() {
			for n := int64(1); n <= steps; n++ {
				view.Wait(never, func() bool { return shard.Mark(eu).Next >= n })
			}
		})
	}
	for n := int64(1); n <= steps; n++ {
		tx := shard.Begin()
		tx.Advance(eu, position.Mark{Next: n})
		tx.Commit()
	}
	arrived := make(chan struct{})
	go func() { all.Wait(); close(arrived) }()
	select {
	case <-arrived:
	case <-time.After(30 * time.Second):
		t.Fatal("a waiter sleeps though what it waits for has come")
	}
}

func TestWaitEndsWithItsCaller(t *testing.T) {
	store := openMem(t, vfs.NewMem(), 1<<20)
	defer store.Close()
	view, done := openView(t, store, program(t)), make(chan struct{})
	close(done)
	if view.Wait(done, func() bool { return false }) {
		t.Error("held")
	}
	if !view.Wait(done, func() bool { return true }) {
		t.Error("did not hold")
	}
}

func TestReadTimes(t *testing.T) {
	store := openMem(t, vfs.NewMem(), 1<<20)
	defer store.Close()
	view := openView(t, store, program(t))
	feed(t, view.Shards[0], eu, []event{{user: 1, at: 600}}, 0, 1)
	newest := noon + 600*stamp.Second
	for _, c := range []struct {
		user     int
		at, now  stamp.Micros
		want     stamp.Micros
		tooEarly bool
	}{
		{1, stamp.NoTime, noon, newest, false},
		{1, stamp.NoTime, newest + 1, newest + 1, false},
		{1, newest, noon, newest, false},
		{1, newest - 1, noon, newest - 1, true},
		{2, noon - 1, noon, noon - 1, false},
		{2, stamp.NoTime, noon, noon, false},
	} {
		answers, _, err := view.Read([]Ask{{Key: fmt.Append(nil, c.user), At: c.at}}, []int{0}, c.now)
		if err != nil || answers[0].Time != c.want || answers[0].TooEarly != c.tooEarly {
			t.Errorf("user %d at %v, now %v: %+v, %v", c.user, c.at, c.now, answers[0], err)
		}
	}
}

func TestTheFrontierNamesTheTouchedPartitions(t *testing.T) {
	store := openMem(t, vfs.NewMem(), 1<<20)
	defer store.Close()
	view := openView(t, store, program(t))
	for p, s := range view.Shards {
		tx := s.Begin()
		tx.Advance(eu, position.Mark{Next: int64(p) + 1, Stamp: 1})
		tx.Advance(us, position.Mark{Next: 7, Stamp: 1})
		tx.Commit()
	}
	_, f, err := view.Read([]Ask{{Key: []byte("1"), Partition: 1, At: stamp.NoTime}, {Key: []byte("3"), Partition: 1, At: stamp.NoTime}}, []int{0}, noon)
	if err != nil || len(f) != 2 || f[view.Shards[1].Log(eu)].Next != 2 {
		t.Fatalf("%v, %v", f, err)
	}
	if all := view.Frontier(); len(all) != 4 || !all.Covers(f) {
		t.Fatalf("the view's frontier is %v", all)
	}
}

func TestDropRemovesOneInstanceOnly(t *testing.T) {
	store := openMem(t, vfs.NewMem(), 1<<20)
	defer store.Close()
	prog := program(t)
	log := []event{{user: 1, id: 3}}
	for _, name := range []string{"00000000000000aa", "00000000000000ab", "00000000000000ff"} {
		v, err := store.OpenView("spending", name, 1, "eu", prog)
		if err != nil {
			t.Fatal(err)
		}
		feed(t, v.Shards[0], eu, log, 0, 1)
		if err := v.Shards[0].Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Drop("00000000000000aa"); err != nil {
		t.Fatal(err)
	}
	left, err := store.Instances()
	if err != nil || !slices.Equal(left, []string{"00000000000000ab", "00000000000000ff"}) {
		t.Fatal(left, err)
	}
	gone := openView(t, store, prog).Shards[0]
	if gone.Mark(eu).Next != 0 || len(content(t, gone)) != 0 || storedIDs(t, gone) != 0 {
		t.Fatal("something is left of what was dropped")
	}
}

func TestNothingOfAFailedChangeIsReadWrittenOrShipped(t *testing.T) {
	store := openMem(t, vfs.NewMem(), 1<<20)
	defer store.Close()
	prog := program(t)
	view := openView(t, store, prog)
	shard, log := view.Shards[0], []event{{user: 1}, {user: 1}, {user: 2}}
	feed(t, shard, eu, log, 0, 1)
	if err := shard.Link("us", eu, position.Mark{}); err != nil {
		t.Fatal(err)
	}
	damage := errors.New("disk on fire")
	tx := shard.Begin()
	if _, err := tx.Event(eu, log[1].wire(prog, 1), stamps(log)[1]); err != nil {
		t.Fatal(err)
	}
	tx.Abort(damage)
	if _, _, err := view.Read([]Ask{{Key: []byte("1"), At: stamp.NoTime}}, []int{0}, noon); !errors.Is(err, damage) {
		t.Errorf("read: %v", err)
	}
	if err := shard.Flush(); !errors.Is(err, damage) {
		t.Errorf("flush: %v", err)
	}
	if _, _, err := shard.Round("us", round.Header{Source: eu}, 1); !errors.Is(err, damage) {
		t.Errorf("round: %v", err)
	}
	again := openView(t, store, prog)
	if why := differs(content(t, again.Shards[0]), model(prog, eu, log, 1)); why != "" {
		t.Error(why)
	}
}

func TestARetiredViewIsNotRead(t *testing.T) {
	store := openMem(t, vfs.NewMem(), 1<<20)
	defer store.Close()
	view := openView(t, store, program(t))
	feed(t, view.Shards[0], eu, []event{{user: 1}}, 0, 1)
	view.Retire()
	if _, _, err := view.Read([]Ask{{Key: []byte("1"), At: stamp.NoTime}}, []int{0}, noon); !errors.Is(err, ErrRetired) {
		t.Fatalf("read: %v", err)
	}
	if store.rowLimit() != 1<<20 {
		t.Fatalf("a shard's share is %d though none is open", store.rowLimit())
	}
}

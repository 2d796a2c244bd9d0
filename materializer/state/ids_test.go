package state

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/fold"
)

const hour = 3_600_000

// count is the first feature, n, of user 1.
func count(t testing.TB, v *View) int64 {
	answers, _, err := v.Read([]Ask{{Key: []byte("1"), At: noon + 1<<40}}, []int{0}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if answers[0].Results[0].Status != fold.Present {
		return 0
	}
	return answers[0].Results[0].Value.N
}

func TestAnIDCountsAgainOnlyBeyondTheHorizonOfTheOneThatCounted(t *testing.T) {
	for _, c := range []struct {
		name string
		log  []event
		want int64
	}{
		{"without an id every record counts", []event{{user: 1}, {user: 1}}, 2},
		{"a copy does not", []event{{user: 1, id: 9}, {user: 1, id: 9}}, 1},
		{"another user's id is another", []event{{user: 2, id: 9}, {user: 1, id: 9}}, 1},
		{"at the horizon", []event{{user: 1, id: 9}, {user: 1, id: 9, app: hour}}, 1},
		{"beyond it", []event{{user: 1, id: 9}, {user: 1, id: 9, app: hour + 1}}, 2},
		{"a copy does not prolong", []event{{user: 1, id: 9}, {user: 1, id: 9, app: hour}, {user: 1, id: 9, app: hour + 1}}, 2},
		{"the later one that counted does", []event{{user: 1, id: 9}, {user: 1, id: 9, app: hour + 1}, {user: 1, id: 9, app: 2*hour + 1}}, 2},
		{"an id is taken before where", []event{{user: 1, id: 9, total: -9000}, {user: 1, id: 9}}, 0},
	} {
		for _, flush := range []bool{false, true} {
			store := openMem(t, vfs.NewMem(), 1)
			view := openView(t, store, program(t))
			for i := range c.log {
				feed(t, view.Shards[0], eu, c.log, i, i+1)
				if flush {
					if err := view.Shards[0].Flush(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got := count(t, view); got != c.want {
				t.Errorf("%s (flushed %v): %d, want %d", c.name, flush, got, c.want)
			}
			store.Close()
		}
	}
}

// storedIDs is how many ids the store keeps of a shard.
func storedIDs(t testing.TB, s *Shard) int {
	prefix := s.space.prefix(tagID)
	it, err := s.view.store.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: end(prefix)})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	return n
}

func TestIDsBeyondTheHorizonAreSwept(t *testing.T) {
	store := openMem(t, vfs.NewMem(), 1<<20)
	defer store.Close()
	shard := openView(t, store, program(t)).Shards[0]
	const old = 2*sweepStretch + 100
	log := make([]event, old, old+50)
	for i := range log {
		log[i] = event{user: i % 3, id: i + 1}
	}
	for i := range 50 { // more than an hour later, and enough flushes to come round
		log = append(log, event{user: 1, id: 1_000_000 + i, app: 2*hour + int64(i)*hour/16})
	}
	feed(t, shard, eu, log, 0, old)
	if err := shard.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := storedIDs(t, shard); n != old {
		t.Fatalf("%d ids, want %d", n, old)
	}
	for i := old; i < len(log); i++ {
		feed(t, shard, eu, log, i, i+1)
		if err := shard.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	// Of the last fifty, an hour's worth and what one walk leaves must stay.
	if n := storedIDs(t, shard); n < 16 || n > 40 {
		t.Fatalf("%d ids after the sweep, want those of the last hour", n)
	}
}

func TestSweepingForgetsNoIDThatStillCounts(t *testing.T) {
	prog := program(t)
	rapid.Check(t, func(rt *rapid.T) {
		store := openMem(t, vfs.NewMem(), 1)
		defer store.Close()
		shard, app := openView(t, store, prog).Shards[0], int64(0)
		var log []event
		for range rapid.IntRange(1, 60).Draw(rt, "events") {
			app += rapid.SampledFrom([]int64{0, hour / 20, hour / 3, hour, hour + 1}).Draw(rt, "gap")
			log = append(log, event{user: 1, id: rapid.IntRange(1, 5).Draw(rt, "id"), total: 1, app: app})
		}
		for i := range log {
			feed(t, shard, eu, log, i, i+1)
			if err := shard.Flush(); err != nil {
				rt.Fatal(err)
			}
		}
		if why := differs(content(t, shard), model(prog, eu, log, len(log))); why != "" {
			rt.Fatal(why)
		}
	})
}

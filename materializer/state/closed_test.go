package state

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// closingsOf are an origin's words about a log that grew as ends say: at time
// i seconds it ended at ends[i].
func closingsOf(src position.Source, ends []int64) []Closing {
	var list []Closing
	for i, e := range ends {
		list = append(list, Closing{Stream: "orders", Source: src, Closed: noon + stamp.Micros(i)*stamp.Second, Ends: []int64{e, 0}})
	}
	return list
}

func TestClosedNeverClaimsMoreThanIsFolded(t *testing.T) {
	prog := program(t)
	store := openMem(t, vfs.NewMem(), 1<<20)
	defer store.Close()
	rapid.Check(t, func(rt *rapid.T) {
		shard := openView(t, store, prog).Shards[0]
		table, ends := NewClosings(), []int64{0}
		for range rapid.IntRange(1, 300).Draw(rt, "seconds") {
			ends = append(ends, ends[len(ends)-1]+rapid.Int64Range(0, 3).Draw(rt, "more"))
		}
		list, heard, last := closingsOf(eu, ends), 0, stamp.NoTime
		mark := int64(0)
		for range 20 {
			for n := rapid.IntRange(0, 40).Draw(rt, "hear"); n > 0 && heard < len(list); n-- {
				table.Add(list[heard])
				heard++
			}
			mark = min(ends[len(ends)-1], mark+rapid.Int64Range(0, 60).Draw(rt, "fold"))
			tx := shard.Begin()
			tx.Advance(eu, position.Mark{Next: mark})
			tx.Commit()
			closed := shard.Closed(table, []position.Source{eu})
			if closed < last {
				rt.Fatalf("closed went back from %v to %v", last, closed)
			}
			if last = closed; closed == stamp.NoTime {
				continue
			}
			if at := int((closed - noon) / stamp.Second); ends[at] > mark {
				rt.Fatalf("folded up to %d, and says closed at second %d, when the log ended at %d", mark, at, ends[at])
			}
		}
	})
}

func TestClosedComesNearOnceAllIsFolded(t *testing.T) {
	store := openMem(t, vfs.NewMem(), 1<<20)
	defer store.Close()
	shard, table := openView(t, store, program(t)).Shards[0], NewClosings()
	ends := make([]int64, 100*maxClosings)
	for i := range ends {
		ends[i] = int64(i)
	}
	for _, c := range closingsOf(eu, ends) {
		table.Add(c)
	}
	if n := len(table.logs[closingKey{"orders", eu}]); n > maxClosings {
		t.Fatalf("%d closings wait, want at most %d", n, maxClosings)
	}
	last := int64(len(ends)) - 1
	for _, mark := range []int64{last / 2, last * 9 / 10, last - 40, last - 1, last} {
		tx := shard.Begin()
		tx.Advance(eu, position.Mark{Next: mark})
		tx.Commit()
		at := int64((shard.Closed(table, []position.Source{eu}) - noon) / stamp.Second)
		// What was forgotten while too many waited costs accuracy, not truth.
		if behind := last - mark; at > mark || mark-at > behind/3 {
			t.Errorf("folded up to %d of %d, closed at %d", mark, last, at)
		}
	}
	if shard.Closed(table, []position.Source{eu, us}) != stamp.NoTime {
		t.Error("closed without a word from us")
	}
}

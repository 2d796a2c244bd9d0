package state

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/fold"
)

func anyLog(t *rapid.T, n int) []event {
	log := make([]event, n)
	app := int64(0)
	for i := range log {
		app += rapid.SampledFrom([]int64{0, 1, 1000, 600_000}).Draw(t, "gap")
		log[i] = event{
			user: rapid.IntRange(0, 4).Draw(t, "user"), at: rapid.IntRange(0, 3000).Draw(t, "at"),
			total: rapid.SampledFrom([]int{-9000, 1, 2, 3, 40}).Draw(t, "total"), id: rapid.IntRange(0, 6).Draw(t, "id"), app: app,
		}
	}
	return log
}

// crashes folds a log in batches, flushes with flush, and crashes after some of
// the writes, keeping a part of what was not synced. It tells what is wrong
// with the states found after the crashes: each must be the model's at the
// frontier that was found with it.
func crashes(t *rapid.T, tb testing.TB, prog *fold.Program, flush func(s *Shard, crash func()) error) string {
	log := anyLog(t, rapid.IntRange(1, 60).Draw(t, "events"))
	keep := rapid.SampledFrom([]int{0, 30, 90, 100}).Draw(t, "kept percent")
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	fs := vfs.NewCrashableMem()
	store := openMem(tb, fs, 1<<10)
	shard := openView(tb, store, prog).Shards[0]
	var after []*vfs.MemFS
	crash := func() {
		after = append(after, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rng}))
	}
	for at := 0; at < len(log); {
		to := min(len(log), at+rapid.IntRange(1, 15).Draw(t, "batch"))
		feed(tb, shard, eu, log, at, to)
		at = to
		if rapid.Bool().Draw(t, "flush") {
			if err := flush(shard, crash); err != nil {
				t.Fatal(err)
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "crash") == 0 {
			crash()
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	crash()
	for _, image := range after {
		if why := recovered(tb, image, prog, log); why != "" {
			return why
		}
	}
	return ""
}

// recovered opens what a crash left, compares it with the model, then folds the
// rest of the log and compares again.
func recovered(tb testing.TB, image vfs.FS, prog *fold.Program, log []event) string {
	store := openMem(tb, image, 1<<10)
	defer store.Close()
	shard := openView(tb, store, prog).Shards[0]
	next := int(shard.Mark(eu).Next)
	if why := differs(content(tb, shard), model(prog, eu, log, next)); why != "" {
		return why
	}
	feed(tb, shard, eu, log, next, len(log))
	return differs(content(tb, shard), model(prog, eu, log, len(log)))
}

func TestAfterACrashTheRowsAreThoseOfTheFrontier(t *testing.T) {
	prog := program(t)
	rapid.Check(t, func(rt *rapid.T) {
		flush := func(s *Shard, _ func()) error { return s.Flush() }
		if why := crashes(rt, t, prog, flush); why != "" {
			rt.Fatal(why)
		}
	})
}

// flushTwice is what Flush must not be: rows in one batch, the frontier in the
// next.
func flushTwice(s *Shard, crash func()) error {
	rows := s.view.store.db.NewBatch()
	for _, e := range s.dirty {
		if err := rows.Set(s.space.key(tagRow, []byte(e.key)), s.view.Prog.Append(nil, e.row), nil); err != nil {
			return err
		}
	}
	for h, st := range s.ids {
		if err := rows.Set(s.space.key(tagID, h[:]), binary.BigEndian.AppendUint64(nil, uint64(st)), nil); err != nil {
			return err
		}
	}
	if err := rows.Commit(pebble.Sync); err != nil {
		return err
	}
	crash()
	if err := s.view.store.db.Set(s.space.key(tagMeta, nil), s.meta.append(nil), pebble.Sync); err != nil {
		return err
	}
	s.flushed()
	return nil
}

func TestACrashBetweenRowsAndFrontierWouldBeSeen(t *testing.T) {
	prog, seen := program(t), false
	rapid.Check(t, func(rt *rapid.T) {
		seen = seen || crashes(rt, t, prog, flushTwice) != ""
	})
	if !seen {
		t.Fatal("rows and frontier were written in two batches, and nothing was wrong")
	}
}

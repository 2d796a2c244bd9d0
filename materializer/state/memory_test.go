package state

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
)

// uniform is a log whose every event adds a quarter to one of some users.
func uniform(n, users int) []event {
	log := make([]event, n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range log {
		log[i] = event{user: rng.IntN(users), at: i / 50, total: 1, app: int64(i)}
	}
	return log
}

func TestReadersSeeRowsAndFrontierTogetherWhileRowsAreEvicted(t *testing.T) {
	prog, store := program(t), openMem(t, vfs.NewMem(), 1<<11)
	defer store.Close()
	view := openView(t, store, prog)
	shard, log := view.Shards[0], uniform(2000, 40)
	counts := make([][]int64, len(log)+1) // by frontier, by user
	counts[0] = make([]int64, 40)
	for i, e := range log {
		counts[i+1] = append([]int64(nil), counts[i]...)
		counts[i+1][e.user]++
	}
	var readers sync.WaitGroup
	folded := make(chan struct{})
	for r := range 3 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-folded:
					return
				default:
				}
				readOne(t, view, counts, (i*7+r)%40)
			}
		})
	}
	for at := 0; at < len(log); at += 10 {
		feed(t, shard, eu, log, at, at+10)
		if err := shard.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := shard.Warm(); err != nil {
			t.Fatal(err)
		}
		if shard.bytes > 1<<10 { // half of it: there are two shards
			t.Errorf("%d bytes of rows in memory after a flush, want at most %d", shard.bytes, 1<<10)
		}
	}
	close(folded)
	readers.Wait()
	if why := differs(content(t, shard), model(prog, eu, log, len(log))); why != "" {
		t.Fatal(why)
	}
}

// readOne checks that what is read of two users is what the frontier says.
func readOne(t *testing.T, view *View, counts [][]int64, user int) {
	other := (user + 1) % 40
	asks := []Ask{{Key: fmt.Append(nil, user), At: stamp.NoTime}, {Key: fmt.Append(nil, other), At: stamp.NoTime}}
	answers, f, err := view.Read(asks, []int{0}, noon)
	if err != nil {
		t.Error(err)
		return
	}
	at := counts[f[view.Shards[0].Log(eu)].Next]
	for i, u := range []int{user, other} {
		got := int64(0)
		if answers[i].Results[0].Status == fold.Present {
			got = answers[i].Results[0].Value.N
		}
		if got != at[u] {
			t.Errorf("user %d: %d events at frontier %v, want %d", u, got, f, at[u])
		}
	}
}

func TestTheTierCountsWhatItHolds(t *testing.T) {
	prog := program(t)
	rapid.Check(t, func(rt *rapid.T) {
		store := openMem(t, vfs.NewMem(), rapid.IntRange(1, 4000).Draw(rt, "bytes"))
		defer store.Close()
		shard := openView(t, store, prog).Shards[0]
		log := anyLog(rt, 60)
		for at := 0; at < len(log); at += 12 {
			feed(t, shard, eu, log, at, at+12)
			if err := shard.Flush(); err != nil {
				rt.Fatal(err)
			}
			held := 0
			for _, e := range shard.rows {
				held += e.row.Size() + len(e.key)
			}
			if held != shard.bytes || shard.Unflushed() != 0 {
				rt.Fatalf("counts %d bytes and %d unflushed, holds %d", shard.bytes, shard.Unflushed(), held)
			}
		}
	})
}

func TestBatchesDoNotChangeTheDigest(t *testing.T) {
	prog := program(t)
	rapid.Check(t, func(rt *rapid.T) {
		log := anyLog(rt, rapid.IntRange(1, 50).Draw(rt, "events"))
		var digests []string
		for range 2 {
			store := openMem(t, vfs.NewMem(), rapid.SampledFrom([]int{1, 1 << 20}).Draw(rt, "bytes"))
			shard := openView(t, store, prog).Shards[0]
			for at := 0; at < len(log); {
				to := min(len(log), at+rapid.IntRange(1, 20).Draw(rt, "batch"))
				feed(t, shard, eu, log, at, to)
				if at = to; rapid.Bool().Draw(rt, "flush") {
					if err := shard.Flush(); err != nil {
						rt.Fatal(err)
					}
				}
			}
			digests = append(digests, digest(t, shard))
			store.Close()
		}
		if digests[0] != digests[1] {
			rt.Fatal("other batches, other digest")
		}
	})
}

func TestADamagedRowIsAnErrorAndNoPanic(t *testing.T) {
	prog, store := program(t), openMem(t, vfs.NewMem(), 1)
	defer store.Close()
	shard, log := openView(t, store, prog).Shards[0], []event{{user: 1, total: 3}, {user: 1, total: 5, at: 70}}
	feed(t, shard, eu, log, 0, 2)
	good := content(t, shard)["1"]
	for _, bad := range damaged(good) {
		if err := store.db.Set(shard.space.key(tagRow, []byte("1")), bad, nil); err != nil {
			t.Fatal(err)
		}
		view := openView(t, store, prog)
		if _, _, err := view.Read([]Ask{{Key: []byte("1"), At: stamp.NoTime}}, []int{0}, noon); err == nil {
			t.Errorf("read %x", bad)
		}
	}
}

// damaged cuts a row's bytes at every place and adds one.
func damaged(b string) [][]byte {
	list := [][]byte{append([]byte(b), 0), append([]byte{99}, b[1:]...)}
	for n := range len(b) {
		list = append(list, []byte(b[:n]))
	}
	return list
}

func TestRowsThatAreOnlyReadComeIntoMemory(t *testing.T) {
	fs, prog, log := vfs.NewMem(), program(t), uniform(200, 40)
	store := openMem(t, fs, 1<<20)
	shard := openView(t, store, prog).Shards[0]
	feed(t, shard, eu, log, 0, len(log))
	if err := shard.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = openMem(t, fs, 1<<20)
	defer store.Close()
	view := openView(t, store, prog)
	shard = view.Shards[0]
	read := func() string {
		var all []string
		for user := range 41 { // the last is of nobody
			key := fmt.Append(nil, user)
			answers, _, err := view.Read([]Ask{{Key: key, At: stamp.NoTime}}, []int{0}, 0)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprint(answers[0].Results[0], answers[0].Newest))
		}
		return strings.Join(all, "\n")
	}
	cold := read()
	if len(shard.rows) != 0 {
		t.Fatalf("%d rows in memory before they were asked for", len(shard.rows))
	}
	if err := shard.Warm(); err != nil {
		t.Fatal(err)
	}
	if len(shard.rows) == 0 || len(shard.rows) > 40 || len(shard.dirty) != 0 {
		t.Errorf("%d rows in memory, %d of them to be written", len(shard.rows), len(shard.dirty))
	}
	if warm := read(); warm != cold {
		t.Errorf("from memory:\n%s\nfrom disk:\n%s", warm, cold)
	}
}

package state

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/position"
)

func digest(t testing.TB, s *Shard) string {
	h := sha256.New()
	if _, err := s.Digest(h); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// apply takes a whole round into a shard.
func apply(t testing.TB, s *Shard, pieces [][]byte) {
	t.Helper()
	tx := s.Begin()
	defer tx.Commit()
	for _, b := range pieces {
		head, at, err := round.DecodeHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := round.Decode(s.view.Prog, head, b, at)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if err := tx.Absorb(rows[i].Key, &rows[i].Part); err != nil {
				t.Fatal(err)
			}
		}
		tx.Advance(head.Source, head.Hi)
	}
}

func keysOf(t testing.TB, s *Shard, pieces [][]byte) []string {
	var keys []string
	for _, b := range pieces {
		head, at, err := round.DecodeHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := round.Decode(s.view.Prog, head, b, at)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			keys = append(keys, string(rows[i].Key))
		}
	}
	return keys
}

func TestARoundHoldsTheKeysThatChangedSinceTheLast(t *testing.T) {
	store := openMem(t, vfs.NewMem(), 1)
	defer store.Close()
	shard := openView(t, store, program(t)).Shards[0]
	log := []event{{user: 1}, {user: 2}, {user: 1}, {user: 3, total: -9000}, {user: 2}, {user: 4}}
	feed(t, shard, eu, log, 0, 2)
	if err := shard.Link("us", eu, position.Mark{}); err != nil {
		t.Fatal(err)
	}
	take := func(lo position.Mark, want ...string) position.Mark {
		t.Helper()
		head, pieces, err := shard.Round("us", round.Header{View: "spending", Instance: instance, Source: eu, Lo: lo}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := keysOf(t, shard, pieces); !slices.Equal(got, want) {
			t.Fatalf("round from %d has keys %v, want %v", lo.Next, got, want)
		}
		return head.Hi
	}
	lo := take(position.Mark{}, "1", "2")
	if _, pieces, err := shard.Round("us", round.Header{Source: eu, Lo: lo}, 1); err != nil || pieces != nil {
		t.Fatalf("nothing moved: %d pieces, %v", len(pieces), err)
	}
	feed(t, shard, eu, log, 2, 3)
	if err := shard.Flush(); err != nil {
		t.Fatal(err)
	}
	lo = take(lo, "1")
	feed(t, shard, eu, log, 3, 4) // left out by where: the frontier moves all the same
	lo = take(lo)
	feed(t, shard, eu, log, 4, 5)
	lost := take(lo, "2")
	feed(t, shard, eu, log, 5, 6)
	if lost.Next != 5 {
		t.Fatalf("round up to %d, want 5", lost.Next)
	}
	lo = take(lo, "2", "4") // the one before was not delivered
	if err := shard.Link("us", eu, position.Mark{Next: 2}); err != nil {
		t.Fatal(err)
	}
	take(position.Mark{Next: 2}, "1", "2", "4")
	shard.Unlink("us")
	if len(shard.links) != 0 {
		t.Fatal("an unlinked link is remembered")
	}
	if lo.Next != 6 {
		t.Fatalf("round up to %d, want 6", lo.Next)
	}
}

// Any rounds that leave no gap bring a receiver to the sender's bytes, however
// they overlap, repeat, or are lost on the way.
func TestRoundsConverge(t *testing.T) {
	prog := program(t)
	rapid.Check(t, func(rt *rapid.T) {
		a, b := openMem(t, vfs.NewMem(), 1<<9), openMem(t, vfs.NewMem(), 1<<9)
		defer a.Close()
		defer b.Close()
		from, to := openView(t, a, prog).Shards[0], openView(t, b, prog).Shards[0]
		log := anyLog(rt, rapid.IntRange(1, 60).Draw(rt, "events"))
		if err := from.Link("us", eu, position.Mark{}); err != nil {
			rt.Fatal(err)
		}
		var lo position.Mark
		var sent [][][]byte
		for at := 0; at < len(log); {
			next := min(len(log), at+rapid.IntRange(1, 20).Draw(rt, "batch"))
			feed(t, from, eu, log, at, next)
			at = next
			head, pieces, err := from.Round("us", round.Header{View: "spending", Instance: instance, Source: eu, Lo: lo}, rapid.IntRange(1, 500).Draw(rt, "limit"))
			if err != nil {
				rt.Fatal(err)
			}
			switch rapid.IntRange(0, 4).Draw(rt, "fate") {
			case 0: // not delivered
			case 1: // delivered, but the sender does not know
				sent = append(sent, pieces)
				apply(t, to, pieces)
			case 2: // forgotten by the sender, who begins further back
				lo.Next = rapid.Int64Range(0, lo.Next).Draw(rt, "lo")
				if err := from.Link("us", eu, lo); err != nil {
					rt.Fatal(err)
				}
			default:
				sent, lo = append(sent, pieces), head.Hi
				apply(t, to, pieces)
			}
			if n := len(sent); n > 0 && rapid.Bool().Draw(rt, "repeat") {
				apply(t, to, sent[rapid.IntRange(0, n-1).Draw(rt, "which")])
			}
		}
		_, pieces, err := from.Round("us", round.Header{View: "spending", Instance: instance, Source: eu, Lo: lo}, 1<<20)
		if err != nil {
			rt.Fatal(err)
		}
		apply(t, to, pieces)
		if got, want := digest(t, to), digest(t, from); got != want {
			rt.Fatal(differs(content(t, to), content(t, from)))
		}
	})
}

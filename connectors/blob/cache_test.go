package blob

import (
	"math/rand/v2"
	"testing"
)

func TestBlockCacheKeepsTheMostRecentWithinItsBound(t *testing.T) {
	c := newBlockCache(3 * blockBytes)
	for i := range int64(3) {
		c.put(blockID{1, i}, make([]byte, blockBytes))
	}
	c.get(blockID{1, 0})
	c.put(blockID{1, 3}, make([]byte, blockBytes)) // pushes out block 1, used longest ago
	for i, want := range []bool{true, false, true, true} {
		if got := c.get(blockID{1, int64(i)}) != nil; got != want {
			t.Errorf("block %d is held: %v, want %v", i, got, want)
		}
	}
	if c.get(blockID{2, 0}) != nil {
		t.Error("another object's block was found")
	}
	c.forget(1, 4*blockBytes)
	if c.held != 0 || len(c.entries) != 0 || c.recent.Len() != 0 {
		t.Errorf("after forgetting all: %d bytes, %d entries", c.held, len(c.entries))
	}
}

func TestBlockCacheCountsWhatItHolds(t *testing.T) {
	c, rng := newBlockCache(minCacheBytes), rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		id := blockID{rng.Uint64N(3), rng.Int64N(10)}
		switch rng.IntN(5) {
		case 0:
			c.forget(id.object, 10*blockBytes)
		case 1:
			c.get(id)
		default:
			c.put(id, make([]byte, 1+rng.IntN(blockBytes)))
		}
		held := int64(0)
		for e := c.recent.Front(); e != nil; e = e.Next() {
			held += int64(len(e.Value.(*block).data))
		}
		if held != c.held || held > c.max || len(c.entries) != c.recent.Len() {
			t.Fatalf("%d bytes in the list, %d counted, at most %d; %d entries of %d", held, c.held, c.max, len(c.entries), c.recent.Len())
		}
	}
}

package asof

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
)

// counting runs the rule over the known records of one id.
func counting(stamps []stamp.Stamp, known []bool, horizon stamp.Micros) []int {
	var counted []int
	for p := range stamps {
		if known[p] && (len(counted) == 0 || fold.Counts(stamps[counted[len(counted)-1]], stamps[p], horizon)) {
			counted = append(counted, p)
		}
	}
	return counted
}

func TestChainFollowsWhatBecomesKnownInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "records")
		stamps, ms := make([]stamp.Stamp, n), int64(0)
		for p := range stamps {
			ms += int64(rapid.IntRange(1, 4).Draw(t, "ms"))
			stamps[p] = stamp.Next(0, ms)
		}
		horizon := stamp.Micros(rapid.IntRange(1, 12).Draw(t, "horizon")) * stamp.Millisecond
		c := chain{stamps: stamps, present: make([]bool, n), since: make([]stamp.Micros, n), horizon: horizon}
		open := map[int]bool{}
		c.lost = func(p int, now stamp.Micros) {
			if !open[p] {
				t.Fatalf("record %d lost its place at %d and had none", p, now)
			}
			delete(open, p)
		}
		order := make([]int, n)
		for p := range order {
			order[p] = p
		}
		for now, p := range rapid.Permutation(order).Draw(t, "order") {
			c.learn(p, stamp.Micros(now))
			want := counting(stamps, c.present, horizon)
			if !slices.Equal(c.counted, want) {
				t.Fatalf("after %d: %v count, want %v", p, c.counted, want)
			}
			for _, q := range want {
				if !open[q] && c.since[q] != stamp.Micros(now) {
					t.Fatalf("record %d counts since %d, want %d", q, c.since[q], now)
				}
				open[q] = true
			}
			if len(open) != len(want) {
				t.Fatalf("after %d: records still open: %v, want %v", p, open, want)
			}
		}
	})
}

// A record that does not count in its own log any more makes room for others.
func TestChainFollowsWhatIsForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "records")
		stamps, ms := make([]stamp.Stamp, n), int64(0)
		for p := range stamps {
			ms += int64(rapid.IntRange(0, 4).Draw(t, "ms"))
			stamps[p] = stamp.Next(0, ms)
		}
		horizon := stamp.Micros(rapid.IntRange(0, 12).Draw(t, "horizon")) * stamp.Millisecond
		c := newChain(stamps, horizon)
		open := map[int]bool{}
		c.lost = func(p int, now stamp.Micros) {
			if !open[p] {
				t.Fatalf("record %d lost its place at %d and had none", p, now)
			}
			delete(open, p)
		}
		c.gained = func(p int, _ stamp.Micros) { open[p] = true }
		for now := range rapid.IntRange(1, 60).Draw(t, "steps") {
			p := rapid.IntRange(0, n-1).Draw(t, "record")
			if c.present[p] {
				c.forget(p, stamp.Micros(now))
			} else {
				c.learn(p, stamp.Micros(now))
			}
			want := counting(stamps, c.present, horizon)
			if !slices.Equal(c.counted, want) || len(open) != len(want) {
				t.Fatalf("after %d: %v count, %v open, want %v", p, c.counted, open, want)
			}
		}
	})
}

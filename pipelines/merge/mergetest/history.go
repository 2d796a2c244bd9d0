package mergetest

import (
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
)

// History is what some sources' logs hold for one key, and the seed of the
// orders in which it is delivered.
type History struct {
	// Logs holds one log a source; the source's rank is its index. Offsets and
	// stamps ascend within a log, event times need not.
	Logs [][]merge.Input
	Seed uint64
}

// All is the events of all logs.
func (h History) All() []merge.Input {
	var all []merge.Input
	for _, log := range h.Logs {
		all = append(all, log...)
	}
	return all
}

// Base is a base that a container could keep for the log of a source: its
// newest event time, its last stamp and offset.
func (h History) Base(source int) merge.Order {
	base := merge.Order{Rank: uint32(source)}
	for _, in := range h.Logs[source] {
		base.Time = max(base.Time, in.Order.Time)
		base.Stamp = max(base.Stamp, in.Order.Stamp)
		base.Offset = max(base.Offset, in.Order.Offset)
	}
	return base
}

// start is an append time that all logs begin at, so that stamps of different
// sources tie.
const start = 986_000_000_000

// Histories generates histories of one to five sources and up to 25 events in each log.
func Histories(c *Case) *rapid.Generator[History] {
	return rapid.Custom(func(t *rapid.T) History {
		h := History{Seed: rapid.Uint64().Draw(t, "seed")}
		sources := rapid.IntRange(1, 5).Draw(t, "sources")
		longest := rapid.SampledFrom([]int{1, 3, 8, 8, 25}).Draw(t, "longest")
		for rank := range sources {
			h.Logs = append(h.Logs, drawLog(t, c, uint32(rank), longest))
		}
		if sources > 1 && rapid.Bool().Draw(t, "tied") {
			tie(h.Logs[0], h.Logs[1])
		}
		c.relate(h.Logs)
		return h
	})
}

// relate completes the events of logs.
func (c *Case) relate(logs [][]merge.Input) {
	if c.Relate == nil {
		return
	}
	for _, log := range logs {
		for i := range log {
			c.Relate(&log[i], logs)
		}
	}
}

// tie gives the events of b the orders of those of a, but for the source.
func tie(a, b []merge.Input) {
	for i := range min(len(a), len(b)) {
		rank := b[i].Order.Rank
		b[i].Order = a[i].Order
		b[i].Order.Rank = rank
	}
	for i := len(a); i < len(b) && i > 0; i++ {
		b[i].Order.Stamp += a[len(a)-1].Order.Stamp
		b[i].Order.Offset += a[len(a)-1].Order.Offset
	}
}

func drawLog(t *rapid.T, c *Case, rank uint32, longest int) []merge.Input {
	log := make([]merge.Input, rapid.IntRange(0, longest).Draw(t, "events"))
	offset, append, last := int64(-1), int64(start), stamp.Stamp(0)
	for i := range log {
		offset += rapid.SampledFrom([]int64{1, 1, 2, 1000, 1 << 33}).Draw(t, "gap")
		append += rapid.SampledFrom([]int64{0, 0, 1, 40, 60_000, 1 << 36}).Draw(t, "wait")
		last = stamp.Next(last, append)
		log[i] = c.Draw(t)
		log[i].Order = merge.Order{Time: drawTime(t), Stamp: last, Rank: rank, Offset: offset}
	}
	return log
}

// drawTime draws event times that often tie, are late, and fall on round units.
func drawTime(t *rapid.T) stamp.Micros {
	base := rapid.SampledFrom([]stamp.Micros{
		stamp.FromMillis(start), stamp.FromMillis(start), stamp.FromMillis(start), 0, -1, stamp.MinMicros, stamp.MaxMicros - stamp.Day,
	}).Draw(t, "time")
	unit := rapid.SampledFrom([]stamp.Micros{0, 0, stamp.Microsecond, stamp.Millisecond, stamp.Second, stamp.Minute, stamp.Hour}).Draw(t, "unit")
	return base + unit*stamp.Micros(rapid.IntRange(0, 5).Draw(t, "units"))
}

// dice is a deterministic stream of choices (splitmix64).
type dice struct{ state uint64 }

// roll is a number in [0, n).
func (d *dice) roll(n int) int {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}

// shuffled is a random permutation of inputs, which stay as they are.
func (d *dice) shuffled(inputs []merge.Input) []merge.Input {
	out := append([]merge.Input(nil), inputs...)
	for i := len(out) - 1; i > 0; i-- {
		j := d.roll(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// dealt deals inputs into n hands at random, keeping their order.
func (d *dice) dealt(inputs []merge.Input, n int) [][]merge.Input {
	hands := make([][]merge.Input, n)
	for _, in := range inputs {
		i := d.roll(n)
		hands[i] = append(hands[i], in)
	}
	return hands
}

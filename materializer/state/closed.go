package state

import (
	"slices"
	"sync"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Closing is an origin's word about its log of one stream: everything that it
// acknowledged before Closed lies below Ends.
type Closing struct {
	Stream string
	Source position.Source
	Closed stamp.Micros
	Ends   []int64 // by partition: the first offset that may be later
}

// maxClosings bounds the closings of one log that wait for a frontier to reach
// them.
const maxClosings = 128

// Closings keeps the latest closings of all logs. Safe for concurrent use.
type Closings struct {
	mu   sync.RWMutex
	logs map[closingKey][]Closing // ascending
}

type closingKey struct {
	stream string
	source position.Source
}

// NewClosings makes an empty table.
func NewClosings() *Closings { return &Closings{logs: map[closingKey][]Closing{}} }

// Add takes a closing in; one that is not later than the last is ignored. When
// too many wait, some are forgotten: the older the closer together they stand.
func (c *Closings) Add(in Closing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := closingKey{in.Stream, in.Source}
	list := c.logs[key]
	if n := len(list); n > 0 && list[n-1].Closed >= in.Closed {
		return
	}
	if len(list) >= maxClosings {
		list = thin(list, in.Closed)
	}
	c.logs[key] = append(list, in)
}

// thin forgets closings whose neighbours say almost the same: those that lie d
// before now stay no further than d/4 apart, so that a frontier that far behind
// still knows its age to within a quarter. At most three of four stay.
func thin(list []Closing, now stamp.Micros) []Closing {
	kept := make([]Closing, 0, maxClosings)
	last := stamp.Micros(-1) // how far before now the last one kept lies
	for i := len(list) - 1; i >= 0 && len(kept) < maxClosings*3/4; i-- {
		if last < 0 || i == 0 || now-list[i-1].Closed-last > last/4 {
			kept, last = append(kept, list[i]), now-list[i].Closed
		}
	}
	slices.Reverse(kept)
	return kept
}

// Latest is the latest closing of a log, and whether there is one.
func (c *Closings) Latest(stream string, src position.Source) (Closing, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := c.logs[closingKey{stream, src}]
	if len(list) == 0 {
		return Closing{}, false
	}
	return list[len(list)-1], true
}

// reached is the latest closed time of a log whose end a mark has reached, or
// NoTime.
func (c *Closings) reached(log position.Log, m position.Mark) stamp.Micros {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := c.logs[closingKey{log.Stream, log.Source}]
	for i := len(list) - 1; i >= 0; i-- {
		if int(log.Partition) < len(list[i].Ends) && list[i].Ends[log.Partition] <= m.Next {
			return list[i].Closed
		}
	}
	return stamp.NoTime
}

// Closed is the time before which everything that any of the sources
// acknowledged in the shard's partition is folded in, or NoTime if one of them
// has never said so. Readers may call it.
func (s *Shard) Closed(table *Closings, sources []position.Source) stamp.Micros {
	s.mu.RLock()
	frontier := s.meta.Frontier.Clone()
	s.mu.RUnlock()
	s.closedMu.Lock()
	defer s.closedMu.Unlock()
	worst := stamp.MaxMicros
	for _, src := range sources {
		log := s.Log(src)
		if c := table.reached(log, frontier[log]); c != stamp.NoTime && c > s.closed[src] {
			s.closed[src] = c
		}
		c, ok := s.closed[src]
		if !ok {
			return stamp.NoTime
		}
		worst = min(worst, c)
	}
	return worst
}

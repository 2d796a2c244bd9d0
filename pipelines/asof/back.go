package asof

import (
	"slices"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/wire"
)

// place is where an event lies.
type place struct {
	source    position.Source
	partition int32
	offset    int64
}

// takeBack folds each retraction wherever the event counts that it takes back,
// once: what does not count, or was taken back before, is not taken back.
func (s *Sweeper) takeBack() {
	slices.SortFunc(s.back, func(i, j int32) int {
		return copyOf(&s.events[i]).Compare(copyOf(&s.events[j]))
	})
	by := map[place]int32{}
	for _, i := range s.back {
		e := &s.events[i]
		source, _ := e.Source.Retracts()
		offset, ok := wire.Retracted(e.ID)
		at := place{source, e.Partition, offset}
		if _, again := by[at]; ok && !again {
			by[at] = i
		}
	}
	for _, k := range []*track{&s.asked, &s.off} {
		for _, p := range k.spans {
			e := &s.events[p.event]
			if i, ok := by[place{e.Source, e.Partition, e.Offset}]; ok {
				k.add(p.from, p.until, i)
			}
		}
	}
}

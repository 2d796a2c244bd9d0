package asof

import (
	"cmp"
	"math"
	"slices"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
)

// never is later than every point in time.
const never stamp.Micros = math.MaxInt64

// span is a stretch of time during which an event is in E: from <= t < until.
type span struct {
	from, until stamp.Micros
	event       int32
}

// track is one row that is moved through time: at t it is the fold of the
// events of all spans that hold t.
type track struct {
	spans   []span // sorted by from
	next    int    // spans[:next] began at or before the last t
	expires stamp.Micros
	row     fold.Row
}

func (k *track) reset() {
	k.spans, k.next, k.expires, k.row = k.spans[:0], 0, never, fold.Row{}
}

func (k *track) add(from, until stamp.Micros, event int32) {
	if from < until {
		k.spans = append(k.spans, span{from, until, event})
	}
}

func (k *track) sort() {
	slices.SortFunc(k.spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.event, b.event))
	})
}

// moveTo brings the row to t, which never goes back.
func (k *track) moveTo(s *Sweeper, t stamp.Micros) {
	from := k.next
	if t >= k.expires {
		k.row, k.expires, from = fold.Row{}, never, 0
	}
	for k.next < len(k.spans) && k.spans[k.next].from <= t {
		k.next++
	}
	for _, p := range k.spans[from:k.next] {
		if p.until > t {
			k.expires = min(k.expires, p.until)
			s.step(&k.row, p.event)
		}
	}
	if from < k.next {
		s.mach.Advance(&k.row, t)
	}
}

package state

import (
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Live is what a region serves right now: one immutable snapshot, replaced as
// a whole when definitions change.
type Live struct {
	Region  string
	Project *definition.Project
	// Catalogue is the version of the definitions: how many commands the
	// registry log has accepted.
	Catalogue uint64
	// Secret signs tokens; it is the same in all regions of the project.
	Secret []byte
	// Views are the view instances that this region holds, by name. A view
	// whose residency excludes the region is in Project and not here.
	Views map[string]*View
	// Sources are all logs that a view's rows may come from, in order.
	Sources  []position.Source
	Closings *Closings
}

// With is l with another project and nothing else changed: what holds while
// new definitions are being put to work.
func (l *Live) With(p *definition.Project) *Live {
	next := *l
	next.Project = p
	return &next
}

// Age bounds the age of what the view's partition answers at the instant now:
// every event that any region acknowledged at least that long ago is in. It is
// now + 2ε - closed, never below 0; ok is false while a region has not yet said
// anything of its log.
func (l *Live) Age(v *View, partition int32, now, epsilon stamp.Micros) (age stamp.Micros, ok bool) {
	closed := v.Shards[partition].Closed(l.Closings, l.Sources)
	if closed == stamp.NoTime {
		return 0, false
	}
	return max(0, now+2*epsilon-closed), true
}

// Progress is how much of the logs a building view has folded, in events.
type Progress struct {
	Folded, Total int64
}

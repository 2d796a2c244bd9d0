package fold

import (
	"math"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Status says what kind of answer a value is; the names are Feast's.
type Status uint8

// The statuses. The value is null for all but Present.
const (
	Present       Status = iota // a value
	NullValue                   // seen, but nothing that the feature could be made of
	NotFound                    // no event of the key was seen
	OutsideMaxAge               // the newest event is older than the view's ttl
	Invalid                     // the key itself was null or wrong
)

var statusNames = [...]string{"PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE", "INVALID"}

// String is the status as it stands in answers.
func (s Status) String() string { return statusNames[s] }

// Result is the value of one feature for one key. Its slices belong to the
// machine until its next call.
type Result struct {
	Value  value.Value
	Status Status
	// Err is the relative error of an inexact value (merge.Approximate), 0 of an
	// exact one.
	Err float64
}

// Read computes the value at time t of each feature in which, in that order,
// into out, which has the same length. t is not before row.Newest(), and row
// holds only events at or before t. A nil row has seen nothing.
func (m *Machine) Read(r *Row, t stamp.Micros, which []int, out []Result) {
	status := m.status(r, t)
	at := merge.Moment{At: t}
	if status == Present {
		at.Newest = r.Newest()
	}
	for i, f := range which {
		if status != Present {
			out[i] = Result{Status: status}
			continue
		}
		v := m.value(r, &m.prog.features[f], at)
		out[i] = Result{Value: v, Status: Present, Err: m.inexact(&m.prog.features[f])}
		if v.IsNull() {
			out[i].Status = NullValue
		}
	}
}

func (m *Machine) status(r *Row, t stamp.Micros) Status {
	if r == nil {
		return NotFound
	}
	newest, ttl := r.Newest(), m.prog.View.TTL
	switch {
	case newest == stamp.NoTime:
		return NotFound
	case ttl > 0 && newest < t-ttl:
		return OutsideMaxAge
	}
	return Present
}

// value combines what the sources know of the feature, takes out what was
// taken back, and reads the whole.
func (m *Machine) value(r *Row, f *feature, at merge.Moment) value.Value {
	acc := m.read[f.slot]
	acc.Reset()
	for i := range r.Parts {
		if !r.Parts[i].retracts() {
			m.gather(&r.Parts[i], f, at.At, acc.Combine)
		}
	}
	if group, ok := acc.(merge.Group); ok {
		for i := range r.Parts {
			if r.Parts[i].retracts() {
				m.gather(&r.Parts[i], f, at.At, group.Subtract)
			}
		}
	}
	timed, ok := acc.(merge.Timed)
	if !ok {
		return acc.Value().Clone()
	}
	if at.From = stamp.NoTime; f.exact {
		at.From = at.At - f.window
	}
	return timed.ValueAt(at).Clone()
}

// gather hands over a part's states of the feature within its window at t.
func (m *Machine) gather(part *Part, f *feature, t stamp.Micros, take func(merge.State)) {
	if f.window == 0 {
		take(part.Life.States[f.index])
		return
	}
	start := stamp.WindowStart(t, f.window, f.pane)
	for g := m.prog.groups[f.group].finest; g <= f.group; g++ {
		first := int64(start / m.prog.groups[g].width)
		if part.tilingOf(g) == nil {
			panes := part.Groups[g-1]
			for i := seek(panes, first); i < len(panes); i++ {
				take(panes[i].States[f.index])
			}
			continue
		}
		w := part.walk(g, first, math.MaxInt64, levels)
		for states := w.next(); states != nil; states = w.next() {
			take(states[f.index])
		}
	}
}

// inexact is the error of what the feature's scratch state says now.
func (m *Machine) inexact(f *feature) float64 {
	if s, ok := m.read[f.slot].(merge.Approximate); ok {
		return s.Err()
	}
	return 0
}

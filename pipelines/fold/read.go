package fold

import (
	"sort"

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
}

// Read computes the value at time t of each feature in which, in that order,
// into out, which has the same length. t is not before row.Newest(), and row
// holds only events at or before t. A nil row has seen nothing.
func (m *Machine) Read(r *Row, t stamp.Micros, which []int, out []Result) {
	status := m.status(r, t)
	for i, f := range which {
		if status != Present {
			out[i] = Result{Status: status}
			continue
		}
		v := m.value(r, &m.prog.features[f], t)
		out[i] = Result{Value: v, Status: Present}
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

func (m *Machine) value(r *Row, f *feature, t stamp.Micros) value.Value {
	acc := m.read[f.slot]
	acc.Reset()
	if f.window == 0 {
		for i := range r.Parts {
			acc.Combine(r.Parts[i].Life.States[f.index])
		}
		return acc.Value().Clone()
	}
	width := m.prog.groups[f.group].width
	first := stamp.Epoch(t-f.window, width)
	for i := range r.Parts {
		panes := r.Parts[i].Groups[f.group-1]
		from := sort.Search(len(panes), func(j int) bool { return panes[j].Epoch >= first })
		for j := from; j < len(panes); j++ {
			acc.Combine(panes[j].States[f.index])
		}
	}
	return acc.Value().Clone()
}

package serve

import (
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/stamp"
)

// maxSettle bounds how often a reading is repeated because a row's newest event
// moved its read time; from patience on, the time is taken ahead of the events.
const (
	maxSettle = 16
	patience  = 4
)

// settle reads until every row has one read time in all its views: the
// request's, or the server's clock, or the newest event of any of its keys if
// that is later.
func (r *reading) settle() *Problem {
	r.times = make([]stamp.Micros, r.cells.rows)
	for row := range r.times {
		r.times[row] = r.at()
	}
	for try := range maxSettle {
		if problem := r.readViews(); problem != nil {
			return problem
		}
		ahead := stamp.Micros(0)
		if try >= patience {
			ahead = stamp.Millisecond << (try - patience)
		}
		settled, problem := r.align(ahead)
		if settled || problem != nil {
			return problem
		}
	}
	return &Problem{Name: "busy", Status: 503, Title: "Keys change too fast", RetryAfter: 1,
		Detail: "events later than the server's clock arrive faster than they can be read; give at, or check the producers' clocks"}
}

func (r *reading) readViews() *Problem {
	for i := range r.views {
		v := &r.views[i]
		if v.invalid {
			continue
		}
		var err error
		if v.answers, v.frontier, err = v.read.view.Read(v.asks.list, v.read.which, r.now); err != nil {
			return internal(err)
		}
	}
	return nil
}

// align moves the rows' read times to their newest events, and beyond them by
// ahead. It reports whether all answers were read at these times; if not, it
// asks for them.
func (r *reading) align(ahead stamp.Micros) (bool, *Problem) {
	for row := range r.times {
		newest := r.times[row]
		for i := range r.views {
			v := &r.views[i]
			for _, a := range v.row(row) {
				if a.TooEarly && r.query.at != stamp.NoTime {
					return false, atTooEarly(row, v.read.def.Name, r.query.at, a.Newest)
				}
				newest = max(newest, a.Newest)
			}
		}
		if newest > r.times[row] {
			r.times[row] = newest + ahead
		}
	}
	settled := true
	for i := range r.views {
		if !r.views[i].askAt(r.times) {
			settled = false
		}
	}
	return settled, nil
}

// row lists the answers of a row, one for each lookup whose key was not null.
func (v *viewReading) row(row int) []state.Answer {
	if v.invalid {
		return nil
	}
	n := len(v.read.lookups)
	slots := v.asks.slot[row*n : (row+1)*n]
	from, count := int32(-1), int32(0)
	for _, s := range slots {
		if s >= 0 && from < 0 {
			from = s
		}
		if s >= 0 {
			count++
		}
	}
	if from < 0 {
		return nil
	}
	return v.answers[from : from+count] // asks are in order of rows
}

// askAt asks for each row's time where its answer is of another.
func (v *viewReading) askAt(times []stamp.Micros) bool {
	same, n := true, len(v.read.lookups)
	for i, s := range v.asks.slot {
		if v.invalid || s < 0 {
			continue
		}
		if a := &v.answers[s]; a.TooEarly || a.Time != times[i/n] {
			same = false
		}
		if !same {
			v.asks.list[s].At = times[i/n]
		}
	}
	return same
}

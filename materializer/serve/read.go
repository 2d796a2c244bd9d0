package serve

import (
	"context"
	"time"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// reading is one request on its way to an answer. One goroutine owns it.
type reading struct {
	srv   *Server
	plan  *plan
	query *query
	cells cells
	want  position.Frontier // of the request's tokens
	views []viewReading     // by plan.reads
	now   stamp.Micros
	begun time.Time
	flags flags

	times []stamp.Micros // by row: its read time
}

// viewReading is one view's part of a reading.
type viewReading struct {
	read    *viewRead
	terms   terms
	asks    asks
	touched []int32
	marks   []markWanted
	ages    []age // by index in touched
	invalid bool  // cannot be read now, and partial answers are allowed

	answers  []state.Answer
	frontier position.Frontier
}

// age is the bound of one partition's age at serve.
type age struct {
	micros stamp.Micros
	known  bool
}

// millis is the age rounded up, or -1.
func (a age) millis() int64 {
	if !a.known {
		return -1
	}
	return int64((a.micros + stamp.Millisecond - 1) / stamp.Millisecond)
}

// read answers a query: it waits until every budget is kept or the deadline is
// past, then reads.
func (s *Server) read(ctx context.Context, live *state.Live, q *query) (*reading, *Problem) {
	begun := time.Now()
	p, problem := s.plans.find(live, s.metrics, q, s.cfg.Limits.Features)
	if problem != nil {
		return nil, problem
	}
	c, problem := decodeRows(p, q.entities, s.cfg.Limits.Rows)
	if problem != nil {
		return nil, problem
	}
	return s.readCells(ctx, p, q, c, begun)
}

func (s *Server) readCells(ctx context.Context, p *plan, q *query, c cells, begun time.Time) (*reading, *Problem) {
	r := &reading{srv: s, plan: p, query: q, cells: c, begun: begun, views: make([]viewReading, len(p.reads))}
	if problem := r.prepare(); problem != nil {
		return nil, problem
	}
	if problem := r.wait(ctx); problem != nil {
		return nil, problem
	}
	if problem := r.settle(); problem != nil {
		return nil, problem
	}
	if problem := r.late(); problem != nil {
		return nil, problem
	}
	r.clockFlag()
	s.metrics.read(r)
	return r, nil
}

// prepare finds everything that can be wrong with the request itself, and then
// whether the views can be read at all.
func (r *reading) prepare() *Problem {
	var problem *Problem
	if r.want, problem = parseAfter(r.plan.live, r.query.after); problem != nil {
		return problem
	}
	for i := range r.views {
		v := &r.views[i]
		v.read = &r.plan.reads[i]
		if v.terms, problem = r.plan.terms(r.query, v.read.policy); problem != nil {
			return problem
		}
		if v.asks, problem = newAsks(r.plan, v.read, r.cells, r.query.at); problem != nil {
			return problem
		}
		v.touched = v.asks.touched()
		v.ages = make([]age, len(v.touched))
		v.marks = marksFor(r.want, v.read.stream.Name, v.touched)
	}
	for i := range r.views {
		if problem := r.available(&r.views[i]); problem != nil {
			return problem
		}
	}
	return nil
}

// available reports why a view cannot be read, or marks it invalid if the
// request may do without it.
func (r *reading) available(v *viewReading) *Problem {
	live, problem := r.plan.live, (*Problem)(nil)
	view, flag := v.read.view, flagBuilding
	switch {
	case !live.Project.View(v.read.def.Name).MayHold(live.Region):
		return residency(v.read.def.Name, live.Region, v.read.policy.Residency)
	case view == nil:
		problem = building(v.read.def.Name, 0, 0)
	case view.Halted() != nil:
		problem, flag = halted(view.Name, view.Halted()), flagHalted
	case !view.Ready():
		progress := view.Progress()
		problem = building(view.Name, progress.Folded, progress.Total)
	}
	if problem == nil || !v.terms.partial {
		return problem
	}
	v.invalid = true
	r.flags |= flag
	return nil
}

// cell is what was read for a column of a row, and how old it may be.
func (r *reading) cell(row int, c *column) (fold.Result, *state.Answer, age) {
	v := &r.views[c.read]
	slot := v.asks.slot[row*len(v.read.lookups)+c.lookup]
	if v.invalid || slot < 0 {
		return fold.Result{Status: fold.Invalid}, nil, age{}
	}
	a := &v.answers[slot]
	return a.Results[c.pos], a, v.age(v.asks.list[slot].Partition)
}

func (v *viewReading) age(partition int32) age {
	for i, p := range v.touched {
		if p == partition {
			return v.ages[i]
		}
	}
	return age{}
}

// late reports a deadline that passed before the answer was there.
func (r *reading) late() *Problem {
	limit := duration(r.plan.deadline(r.query))
	if r.flags&(flagStale|flagToken|flagSkew) != 0 || time.Since(r.begun) <= limit {
		return nil // a flag says already that the deadline was used up
	}
	for i := range r.views {
		if !r.views[i].terms.partial {
			return deadlinePassed(limit)
		}
	}
	r.flags |= flagDeadline
	return nil
}

// clockFlag raises the flag clock if a log's append time lies beyond what the
// regions' clocks may differ by.
func (r *reading) clockFlag() {
	limit := r.now + 2*r.srv.cfg.Epsilon
	for i := range r.views {
		for _, m := range r.views[i].frontier {
			if m.Stamp.Micros() > limit {
				r.flags |= flagClock
			}
		}
	}
}

// at is the read time that the answer as a whole names.
func (r *reading) at() stamp.Micros {
	if r.query.at != stamp.NoTime {
		return r.query.at
	}
	return r.now
}

// token names what the answer was made of.
func (r *reading) token() position.Token {
	t := position.Token{Time: r.at()}
	for i := range r.views {
		v := &r.views[i]
		if !v.invalid {
			t.Parts = append(t.Parts, position.Part{View: v.read.def.Name, Version: v.read.view.Version, Frontier: v.frontier})
		}
	}
	return t
}

package serve

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"anabranch.dev/anabranch/schemas/stamp"
)

// poll is how often ages are looked at while a request waits: a closing of
// another region arrives without a change of the view.
const poll = 10 * time.Millisecond

// wait blocks until the tokens are covered and the ages within their bounds, or
// the deadline is past; what is then missing is a problem, or a flag where
// partial answers are allowed.
func (r *reading) wait(ctx context.Context) *Problem {
	r.look()
	if len(r.want) == 0 && r.withinBudget() {
		return nil
	}
	ctx, cancel := context.WithDeadline(ctx, r.begun.Add(duration(r.plan.deadline(r.query))))
	defer cancel()
	r.waitTokens(ctx)
	for tick := (*time.Ticker)(nil); ; {
		r.look()
		if r.withinBudget() || r.anyHalted() || ctx.Err() != nil {
			break
		}
		if tick == nil {
			tick = time.NewTicker(poll)
			defer tick.Stop()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return r.verdict()
}

// waitTokens waits for the views' frontiers, which only ever advance, so one
// view after the other.
func (r *reading) waitTokens(ctx context.Context) {
	for i := range r.views {
		v := &r.views[i]
		if v.invalid || len(v.marks) == 0 {
			continue
		}
		v.read.view.Wait(ctx.Done(), func() bool {
			return v.read.view.Halted() != nil || lacking(v.read.view, v.marks) == nil
		})
	}
}

// look takes the time and the ages of all partitions that will be read. It
// comes before the read: a row may be fresher than its age, never older.
func (r *reading) look() {
	r.now = r.srv.cfg.Now()
	for i := range r.views {
		v := &r.views[i]
		if v.invalid {
			continue
		}
		for j, p := range v.touched {
			v.ages[j].micros, v.ages[j].known = r.plan.live.Age(v.read.view, p, r.now, r.srv.cfg.Epsilon)
		}
	}
}

func (r *reading) anyHalted() bool {
	for i := range r.views {
		if v := &r.views[i]; !v.invalid && v.read.view.Halted() != nil {
			return true
		}
	}
	return false
}

// withinBudget reports whether all ages are within their bounds.
func (r *reading) withinBudget() bool {
	for i := range r.views {
		if r.views[i].oldest() != nil {
			return false
		}
	}
	return r.skew() <= r.query.maxSkew || r.query.maxSkew == 0
}

// oldest is the first partition of a view that is too old, or nil.
func (v *viewReading) oldest() *Missing {
	if v.terms.max == 0 || v.invalid {
		return nil
	}
	for i, a := range v.ages {
		if !a.known || a.micros > v.terms.max {
			return &Missing{View: v.read.def.Name, Partition: v.touched[i], AgeMillis: a.millis(), MaxMillis: v.terms.max.Millis()}
		}
	}
	return nil
}

// skew is how far apart the ages of what is read lie; an unknown age is
// infinitely far.
func (r *reading) skew() stamp.Micros {
	least, most := stamp.MaxMicros, stamp.Micros(0)
	for i := range r.views {
		for _, a := range r.views[i].ages {
			if r.views[i].invalid {
				continue
			}
			if !a.known {
				return stamp.MaxMicros
			}
			least, most = min(least, a.micros), max(most, a.micros)
		}
	}
	return max(0, most-least)
}

// verdict looks at what is missing when the wait is over.
func (r *reading) verdict() *Problem {
	var short []Missing
	name, all := "", r.views
	for i := range all {
		v := &all[i]
		if v.invalid {
			continue
		}
		if err := v.read.view.Halted(); err != nil {
			if problem := r.available(v); problem != nil {
				return problem
			}
			continue
		}
		if m := lacking(v.read.view, v.marks); m != nil {
			if v.terms.partial {
				r.flags |= flagToken
			} else {
				name, short = "token-not-reached", append(short, *m)
			}
		}
		if m := v.oldest(); m != nil {
			if v.terms.partial {
				r.flags |= flagStale
				continue
			}
			if short = append(short, *m); name == "" {
				name = "stale"
			}
		}
	}
	if len(short) > 0 {
		return budgetBroken(name, short)
	}
	return r.skewVerdict()
}

func (r *reading) skewVerdict() *Problem {
	skew := r.skew()
	if r.query.maxSkew == 0 || skew <= r.query.maxSkew {
		return nil
	}
	for i := range r.views {
		if !r.views[i].terms.partial {
			return &Problem{Name: "skew", Status: http.StatusConflict, Title: "Views differ too much in age",
				Detail: fmt.Sprintf("the ages of the views in this answer %s, over max_skew %s; ask for less or allow partial answers", apart(skew), stamp.FormatSpan(r.query.maxSkew))}
		}
	}
	r.flags |= flagSkew
	return nil
}

func apart(skew stamp.Micros) string {
	if skew == stamp.MaxMicros {
		return "are not all known"
	}
	return fmt.Sprintf("differ by %d ms", skew.Millis())
}

func budgetBroken(name string, short []Missing) *Problem {
	p := &Problem{Name: name, Status: http.StatusConflict, Title: "Too old", Missing: short}
	if name == "token-not-reached" {
		p.Title = "Token not reached"
	}
	lines := make([]string, len(short))
	for i, m := range short {
		lines[i] = m.String()
	}
	p.Detail = strings.Join(lines, "; ") + "; ask again, give a longer deadline or a looser budget, or allow partial answers"
	return p
}

// String says what is missing.
func (m Missing) String() string {
	if m.Region != "" {
		return fmt.Sprintf("view %s has folded %s of stream %s partition %d up to offset %d, %d was asked for", m.View, m.Region, m.Stream, m.Partition, m.Next, m.Want)
	}
	if m.AgeMillis < 0 {
		return fmt.Sprintf("view %s partition %d: its age is not known yet, at most %d ms was asked for", m.View, m.Partition, m.MaxMillis)
	}
	return fmt.Sprintf("view %s partition %d is up to %d ms old, at most %d ms was asked for", m.View, m.Partition, m.AgeMillis, m.MaxMillis)
}

func deadlinePassed(limit time.Duration) *Problem {
	return &Problem{Name: "deadline", Status: http.StatusGatewayTimeout, Title: "Deadline passed",
		Detail: fmt.Sprintf("the answer took longer than the deadline of %s; ask for less at once or give a longer one", limit)}
}

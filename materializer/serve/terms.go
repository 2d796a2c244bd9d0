package serve

import (
	"slices"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
)

// terms are the budget of one view under a request.
type terms struct {
	mode    string
	max     stamp.Micros // the greatest age allowed; 0: any
	partial bool
}

// terms applies the order of precedence: request, service, view, eventual. The
// first level that says anything decides the mode, max_staleness alone meaning
// bounded; a bounded one without a bound takes it from the next that has one. A
// session may be bounded too, eventual reads may not.
func (p *plan) terms(q *query, view definition.Policy) (terms, *Problem) {
	levels := []budget{q.budget, {p.policy.Mode, p.policy.MaxStaleness}, {view.Mode, view.MaxStaleness}}
	t := terms{mode: "eventual", partial: partial(q.partial, p.policy.Partial, view.Partial)}
	i := slices.IndexFunc(levels, func(l budget) bool { return l != budget{} })
	if i < 0 {
		return t, nil
	}
	if t.mode = levels[i].mode; t.mode == "" {
		t.mode = "bounded"
	}
	switch t.mode {
	case "session":
		t.max = levels[i].max
	case "bounded":
		for _, l := range levels[i:] {
			if t.max == 0 {
				t.max = l.max
			}
		}
	}
	if q.budget.mode == "eventual" && q.budget.max > 0 {
		return t, badRequest("mode eventual keeps no max_staleness; leave one of them out")
	}
	if t.mode == "bounded" && t.max == 0 {
		return t, badRequest("mode bounded needs max_staleness, in the request or in a policy")
	}
	return t, nil
}

func partial(levels ...*bool) bool {
	for _, l := range levels {
		if l != nil {
			return *l
		}
	}
	return false
}

// deadline is how long a request may take: by the request, the service, the
// strictest of the views, or a second.
func (p *plan) deadline(q *query) stamp.Micros {
	if q.deadline > 0 {
		return q.deadline
	}
	if p.policy.Deadline > 0 {
		return min(p.policy.Deadline, maxDeadline)
	}
	least := stamp.Micros(0)
	for i := range p.reads {
		if d := p.reads[i].policy.Deadline; d > 0 && (least == 0 || d < least) {
			least = d
		}
	}
	if least == 0 {
		return stamp.Second
	}
	return min(least, maxDeadline)
}

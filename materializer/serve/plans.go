package serve

import (
	"fmt"
	"sync"
	"sync/atomic"

	"anabranch.dev/anabranch/materializer/state"
)

// maxPlans and maxPlanText bound the cache of plans.
const (
	maxPlans    = 1024
	maxPlanText = 16 << 10
)

// plans remembers what the features and services of one snapshot of the
// definitions stand for, by their text in requests. Safe for concurrent use.
type plans struct {
	now atomic.Pointer[planTable]
}

type planTable struct {
	live     *state.Live
	mu       sync.RWMutex
	services map[string]*plan
	features map[string]*plan
}

// table is the table of a snapshot; another snapshot's is forgotten.
func (c *plans) table(live *state.Live) *planTable {
	if t := c.now.Load(); t != nil && t.live == live {
		return t
	}
	t := &planTable{live: live, services: map[string]*plan{}, features: map[string]*plan{}}
	c.now.Store(t)
	return t
}

// find is the plan of a query.
func (c *plans) find(live *state.Live, m *metrics, q *query, limit int) (*plan, *Problem) {
	t := c.table(live)
	known, key := t.services, q.service
	if q.features != nil {
		known, key = t.features, q.features
	}
	t.mu.RLock()
	p := known[string(key)]
	t.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	var list []string
	if q.features != nil {
		var problem *Problem
		if list, problem = featureList(q.features, limit); problem != nil {
			return nil, problem
		}
	}
	p, problem := newPlan(live, m, string(q.service), list, limit)
	if problem != nil {
		return nil, problem
	}
	t.keep(known, string(key), p)
	return p, nil
}

// keep remembers a plan; a full table begins anew.
func (t *planTable) keep(m map[string]*plan, key string, p *plan) {
	if len(key) > maxPlanText {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(m) >= maxPlans {
		clear(m)
	}
	m[key] = p
}

// featureList reads the features of a request.
func featureList(raw []byte, limit int) ([]string, *Problem) {
	list := []string{}
	s := scanner{b: raw}
	err := s.array(func(raw []byte) error {
		b, err := text(raw)
		if err != nil {
			return fmt.Errorf("features: %w", err)
		}
		list = append(list, string(b))
		return nil
	})
	if err != nil {
		return nil, badRequest("%s", err)
	}
	if len(list) > limit {
		return nil, tooLarge("features has %d entries, the limit is %d; split the request", len(list), limit)
	}
	return list, nil
}

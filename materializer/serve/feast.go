package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"anabranch.dev/anabranch/schemas/stamp"
)

// feastQuery is a decoded POST /get-online-features. Keys that Feast may add
// are ignored.
type feastQuery struct {
	query
	columns []feastColumn
	full    bool // full_feature_names
}

// feastColumn is one entity column of a Feast request.
type feastColumn struct {
	name  string
	cells [][]byte // raw JSON, by row
}

// feastRead answers POST /get-online-features.
func (s *Server) feastRead(c *call) *Problem {
	begun := time.Now()
	q, problem := decodeFeast(c.body, s.cfg.Limits.Rows)
	if problem != nil {
		return problem
	}
	live, problem := s.live()
	if problem != nil {
		return problem
	}
	p, problem := s.plans.find(live, s.metrics, &q.query, s.cfg.Limits.Features)
	if problem == nil {
		problem = q.check(p)
	}
	if problem != nil {
		return problem
	}
	r, problem := s.readCells(c.ctx, p, &q.query, q.cells(p), begun)
	if problem != nil {
		return problem
	}
	c.out = r.appendFeast(c.out, q)
	return nil
}

// decodeFeast reads a request as Feast's servers do: feature_service wins over
// features, entities are columns, unknown keys pass.
func decodeFeast(body []byte, limit int) (*feastQuery, *Problem) {
	q := &feastQuery{query: query{at: stamp.NoTime}}
	s := scanner{b: body}
	var problem *Problem
	err := s.object(func(name, raw []byte) error {
		if string(raw) == "null" {
			return nil
		}
		var err error
		switch string(name) {
		case "features":
			q.features, err = list(raw)
		case "feature_service":
			q.service, err = text(raw)
		case "full_feature_names":
			var full *bool
			if full, err = flag(raw); err == nil {
				q.full = *full
			}
		case "entities":
			if problem = q.entityColumns(raw, limit); problem != nil {
				return problem
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err == nil {
		err = s.end()
	}
	switch {
	case problem != nil:
		return nil, problem
	case err != nil:
		return nil, badRequest("%s", err)
	case q.service == nil && q.features == nil:
		return nil, badRequest("give features or feature_service")
	case q.columns == nil:
		return nil, badRequest(`entities is missing: a list for each join key, like {"user_id": [7, 8]}`)
	case q.service != nil:
		q.features = nil
	}
	return q, nil
}

func (q *feastQuery) entityColumns(raw []byte, limit int) *Problem {
	q.columns = []feastColumn{}
	var problem *Problem
	s := scanner{b: raw}
	err := s.object(func(name, raw []byte) error {
		col := feastColumn{name: string(name), cells: [][]byte{}}
		items := scanner{b: raw}
		err := items.array(func(raw []byte) error {
			if len(col.cells) == limit {
				problem = tooLarge("entities has more than %d rows; split the request", limit)
				return problem
			}
			col.cells = append(col.cells, raw)
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", clip(name), err)
		}
		if n := len(q.columns); n > 0 && len(q.columns[0].cells) != len(col.cells) {
			return fmt.Errorf("%s has %d rows, %s has %d", clip(name), len(col.cells), q.columns[0].name, len(q.columns[0].cells))
		}
		q.columns = append(q.columns, col)
		return nil
	})
	if problem == nil && err != nil {
		problem = badRequest("entities: %s", err)
	}
	return problem
}

func (q *feastQuery) column(name string) int {
	return slices.IndexFunc(q.columns, func(c feastColumn) bool { return c.name == name })
}

// check compares the entity columns with what the plan reads, and the names of
// the answer with each other.
func (q *feastQuery) check(p *plan) *Problem {
	for _, k := range p.keys {
		if q.column(k) < 0 {
			return badRequest("entities: join key %s is missing", k)
		}
	}
	for i := range q.columns {
		name := q.columns[i].name
		if slices.Contains(p.keys, name) || isJoinKey(p, name) {
			continue
		}
		return notFound("entity", "EntityNotFoundException",
			fmt.Sprintf("entity column %q is no join key%s; %s", clip([]byte(name)), hint(name, p.keys), listOf("join keys", p.keys)))
	}
	taken := map[string]bool{}
	for i := range q.columns {
		taken[q.columns[i].name] = true
	}
	for i := range p.columns {
		name := q.nameOf(&p.columns[i])
		if taken[name] {
			problem := badRequest("two columns of the answer are named %s; set full_feature_names to true, or ask for one of them", name)
			problem.class = "FeatureNameCollisionError"
			return problem
		}
		taken[name] = true
	}
	return nil
}

func isJoinKey(p *plan, name string) bool {
	for _, e := range p.live.Project.Entities {
		for _, k := range e.JoinKeys {
			if k.Name == name {
				return true
			}
		}
	}
	return false
}

func (q *feastQuery) nameOf(c *column) string {
	if q.full {
		return c.flat
	}
	return c.feature
}

// rows is how many rows are asked for. A global view without entity columns is
// one row.
func (q *feastQuery) rows() int {
	if len(q.columns) == 0 {
		return 1
	}
	return len(q.columns[0].cells)
}

// cells brings the columns into the rows of a plan.
func (q *feastQuery) cells(p *plan) cells {
	c := cells{rows: q.rows()}
	at := make([]int, len(p.keys))
	for i, k := range p.keys {
		at[i] = q.column(k)
	}
	c.raw = make([][]byte, 0, c.rows*len(p.keys))
	for row := range c.rows {
		for _, column := range at {
			c.raw = append(c.raw, q.columns[column].cells[row])
		}
	}
	return c
}

// feastError is an error as Feast's servers print it and its clients read it:
// JSON within a JSON string. The client raises the class with the message, if it
// is one of Feast's own; others would lose the message.
type feastError struct {
	Module  string `json:"module"`
	Class   string `json:"class"`
	Message string `json:"message"`
}

// writeFeast answers with a problem in Feast's form and returns the status. A
// status that Feast's clients would retry is kept for what may pass by itself,
// and replaced for what the request asks.
func writeFeast(w http.ResponseWriter, p *Problem) int {
	status := p.Status
	switch p.Name {
	case "stale", "token-not-reached", "skew", "deadline", "building", "halted", "residency":
		status = http.StatusUnprocessableEntity
	}
	e := feastError{"feast.errors", "FeastError", clean(p.Detail)}
	if p.class != "" {
		e.Class = p.class
	}
	inner, _ := json.Marshal(e)
	body, _ := json.Marshal(string(inner))
	w.Header().Set("Content-Type", "application/json")
	if p.RetryAfter > 0 && status == p.Status {
		w.Header().Set("Retry-After", fmt.Sprint(p.RetryAfter))
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	send(w, status, body)
	return status
}

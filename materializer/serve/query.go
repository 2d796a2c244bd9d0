package serve

import (
	"fmt"
	"slices"
	"time"

	"anabranch.dev/anabranch/schemas/stamp"
)

// query is a decoded POST /v1/features. Its slices share the body.
type query struct {
	service  []byte // name; nil: features
	features []byte // raw JSON array; nil: service
	entities []byte // raw JSON array of objects

	budget   budget
	deadline stamp.Micros // 0: not asked
	maxSkew  stamp.Micros // 0: not asked
	after    []string
	at       stamp.Micros // NoTime: now
	partial  *bool
}

// budget is a level's word on staleness; the zero budget says nothing.
type budget struct {
	mode string
	max  stamp.Micros // 0: not set
}

var queryFields = []string{"service", "features", "entities", "mode", "max_staleness", "deadline", "max_skew", "after", "at", "partial"}

// maxAfter bounds the tokens of one request, maxDeadline how long it may wait.
const (
	maxAfter    = 100
	maxDeadline = stamp.Minute
)

// decodeQuery reads a request strictly.
func decodeQuery(body []byte) (*query, *Problem) {
	q := &query{at: stamp.NoTime}
	s := scanner{b: body}
	seen := 0
	err := s.object(func(name, raw []byte) error {
		i := slices.Index(queryFields, string(name))
		if i < 0 {
			return fmt.Errorf("unknown key %q%s; allowed are %v", name, hint(string(name), queryFields), queryFields)
		}
		if seen&(1<<i) != 0 {
			return fmt.Errorf("key %q is there twice", name)
		}
		seen |= 1 << i
		if string(raw) == "null" {
			return nil
		}
		if err := q.set(queryFields[i], raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err == nil {
		err = s.end()
	}
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return nil, badRequest("%s", err)
	}
	return q, nil
}

func (q *query) check() error {
	switch {
	case q.service != nil && q.features != nil:
		return fmt.Errorf("service and features: give one of them")
	case q.service == nil && q.features == nil:
		return fmt.Errorf("give service or features")
	case q.entities == nil:
		return fmt.Errorf(`entities is missing: one object of join keys per row, like [{"user_id": 7}]; a global view takes [{}]`)
	}
	return nil
}

func (q *query) set(name string, raw []byte) error {
	var err error
	switch name {
	case "service":
		q.service, err = text(raw)
	case "features":
		q.features, err = list(raw)
	case "entities":
		q.entities, err = list(raw)
	case "mode":
		q.budget.mode, err = mode(raw)
	case "max_staleness":
		q.budget.max, err = span(raw)
	case "deadline":
		if q.deadline, err = span(raw); err == nil && q.deadline > maxDeadline {
			err = fmt.Errorf("%s is over the limit of %s", stamp.FormatSpan(q.deadline), stamp.FormatSpan(maxDeadline))
		}
	case "max_skew":
		q.maxSkew, err = span(raw)
	case "after":
		q.after, err = tokens(raw)
	case "at":
		q.at, err = point(raw)
	case "partial":
		q.partial, err = flag(raw)
	}
	return err
}

func text(raw []byte) ([]byte, error) {
	if !isText(raw) {
		return nil, fmt.Errorf("found %s, want a string", clip(raw))
	}
	b, err := unquoted(raw)
	if err == nil && len(b) == 0 {
		err = fmt.Errorf("is empty")
	}
	return b, err
}

func list(raw []byte) ([]byte, error) {
	if raw[0] != '[' {
		return nil, fmt.Errorf("found %s, want an array", clip(raw))
	}
	return raw, nil
}

func mode(raw []byte) (string, error) {
	b, err := text(raw)
	if err != nil {
		return "", err
	}
	switch m := string(b); m {
	case "eventual", "session", "bounded":
		return m, nil
	case "strong", "hybrid", "quorum":
		return "", fmt.Errorf("%s is not built yet; use eventual, session or bounded", m)
	default:
		modes := []string{"eventual", "session", "bounded"}
		return "", fmt.Errorf("unknown mode %q%s; allowed are eventual, session, bounded", m, hint(m, modes))
	}
}

func span(raw []byte) (stamp.Micros, error) {
	b, err := text(raw)
	if err != nil {
		return 0, fmt.Errorf(`found %s, want a duration like "250ms" or "2s"`, clip(raw))
	}
	return stamp.ParseSpan(string(b))
}

func point(raw []byte) (stamp.Micros, error) {
	b, err := text(raw)
	if err != nil {
		return 0, fmt.Errorf(`found %s, want a time like "2001-03-31T23:00:00Z"`, clip(raw))
	}
	t, err := stamp.ParseTime(string(b))
	if err == nil && !t.Valid() {
		err = fmt.Errorf("time %q is outside the years 0001 to 9999", b)
	}
	return t, err
}

func flag(raw []byte) (*bool, error) {
	b := string(raw) == "true"
	if !b && string(raw) != "false" {
		return nil, fmt.Errorf("found %s, want true or false", clip(raw))
	}
	return &b, nil
}

func tokens(raw []byte) ([]string, error) {
	var out []string
	one := func(raw []byte) error {
		b, err := text(raw)
		if err == nil && len(out) == maxAfter {
			err = fmt.Errorf("more than %d tokens", maxAfter)
		}
		out = append(out, string(b))
		return err
	}
	if raw[0] != '[' {
		err := one(raw)
		return out, err
	}
	s := scanner{b: raw}
	err := s.array(one)
	return out, err
}

// clip shortens text for a message.
func clip(raw []byte) string {
	const limit = 60
	if len(raw) <= limit {
		return clean(string(raw))
	}
	return clean(string(raw[:limit])) + "…"
}

// duration is a span for package time.
func duration(m stamp.Micros) time.Duration { return time.Duration(m) * time.Microsecond }

package registry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// event is one change of the state, one line of the file.
type event struct {
	Op      string `json:"op"` // register, delete, purge, level
	Subject string `json:"subject,omitempty"`
	Version int    `json:"version,omitempty"`
	ID      int    `json:"id,omitempty"`
	Schema  string `json:"schema,omitempty"` // of a new id
	Level   Level  `json:"level,omitempty"`  // empty: back to the default
}

const (
	opRegister = "register" // subject, version, id, and schema if the id is new
	opDelete   = "delete"   // softly: subject, version
	opPurge    = "purge"    // permanently: subject, version
	opLevel    = "level"    // subject (empty: for all), level
)

// state is everything the registry knows. It is changed by apply alone.
type state struct {
	schemas  map[int]schema
	ids      map[string]int // by normal form
	subjects map[string][]version
	levels   map[string]Level // by subject, empty for all
	lastID   int
}

// version is one version of a subject; they are kept in order.
type version struct {
	number  int
	id      int
	deleted bool
}

func newState() *state {
	return &state{
		schemas:  make(map[int]schema),
		ids:      make(map[string]int),
		subjects: make(map[string][]version),
		levels:   make(map[string]Level),
	}
}

// apply makes one change. It fails, leaving the state unchanged, on a change
// that the state could never have led to.
func (s *state) apply(e event) error {
	switch e.Op {
	case opRegister:
		return s.register(e)
	case opDelete, opPurge:
		i := s.index(e.Subject, e.Version)
		if i < 0 {
			return fmt.Errorf("%s: subject %q has no version %d", e.Op, e.Subject, e.Version)
		}
		vs := slices.Clone(s.subjects[e.Subject])
		if e.Op == opDelete {
			vs[i].deleted = true
		} else {
			vs = slices.Delete(vs, i, i+1)
		}
		s.subjects[e.Subject] = vs
		if len(vs) == 0 {
			delete(s.subjects, e.Subject)
		}
		return nil
	case opLevel:
		if e.Level == "" {
			delete(s.levels, e.Subject)
			return nil
		}
		if !e.Level.valid() {
			return fmt.Errorf("level: unknown level %q", e.Level)
		}
		s.levels[e.Subject] = e.Level
		return nil
	}
	return fmt.Errorf("unknown operation %q", e.Op)
}

func (s *state) register(e event) error {
	known, ok := s.schemas[e.ID]
	if !ok {
		var err error
		if known, err = parseSchema(e.Schema); err != nil {
			return fmt.Errorf("register: schema of id %d: %w", e.ID, err)
		}
	}
	if vs := s.subjects[e.Subject]; e.ID < 1 || e.Version < 1 || len(vs) > 0 && vs[len(vs)-1].number >= e.Version {
		return fmt.Errorf("register: subject %q: version %d with id %d cannot follow", e.Subject, e.Version, e.ID)
	}
	s.schemas[e.ID] = known
	s.ids[known.normal] = e.ID
	s.lastID = max(s.lastID, e.ID)
	s.subjects[e.Subject] = append(slices.Clone(s.subjects[e.Subject]), version{number: e.Version, id: e.ID})
	return nil
}

// index is the place of a version in its subject, -1 if there is none.
func (s *state) index(subject string, number int) int {
	return slices.IndexFunc(s.subjects[subject], func(v version) bool { return v.number == number })
}

// versions are those of a subject, with the softly deleted ones if deleted.
func (s *state) versions(subject string, deleted bool) []version {
	var out []version
	for _, v := range s.subjects[subject] {
		if deleted || !v.deleted {
			out = append(out, v)
		}
	}
	return out
}

// names are the subjects with a prefix, sorted.
func (s *state) names(prefix string, deleted bool) []string {
	out := []string{}
	for _, name := range slices.Sorted(maps.Keys(s.subjects)) {
		if strings.HasPrefix(name, prefix) && len(s.versions(name, deleted)) > 0 {
			out = append(out, name)
		}
	}
	return out
}

// find is the newest version of a subject that holds the schema.
func (s *state) find(subject, normal string, deleted bool) (version, bool) {
	id, ok := s.ids[normal]
	if !ok {
		return version{}, false
	}
	for _, v := range slices.Backward(s.versions(subject, deleted)) {
		if v.id == id {
			return v, true
		}
	}
	return version{}, false
}

// level is the level in force for a subject.
func (s *state) level(subject string) Level {
	for _, name := range []string{subject, ""} {
		if l, ok := s.levels[name]; ok {
			return l
		}
	}
	return Backward
}

// breaks says how next breaks the subject's level with the given versions.
func (s *state) breaks(subject string, next schema, with []version) []string {
	old := make([]stored, len(with))
	for i, v := range with {
		old[i] = stored{version: v.number, schema: s.schemas[v.id].parsed}
	}
	return incompatibilities(s.level(subject), next.parsed, old)
}

// compared are the versions that a new one is compared with.
func (s *state) compared(subject string) []version {
	live := s.versions(subject, false)
	if !s.level(subject).transitive() && len(live) > 1 {
		return live[len(live)-1:]
	}
	return live
}

// registration is the event that adds next to a subject.
func (s *state) registration(subject string, next schema) event {
	e := event{Op: opRegister, Subject: subject, Version: 1, ID: s.ids[next.normal]}
	if vs := s.subjects[subject]; len(vs) > 0 {
		e.Version = vs[len(vs)-1].number + 1
	}
	if e.ID == 0 {
		e.ID, e.Schema = s.lastID+1, next.text
	}
	return e
}

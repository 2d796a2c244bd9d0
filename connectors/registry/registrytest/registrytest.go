package registrytest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/registry"
)

// Run runs the suite against the registry that cfg names.
func Run(t *testing.T, cfg registry.Config) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *suite){
		"ids":           ids,
		"lookup":        lookup,
		"not found":     notFound,
		"invalid":       invalid,
		"compatibility": compatibility,
		"transitive":    transitive,
		"odd subjects":  oddSubjects,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := registry.NewClient(cfg)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			t.Cleanup(cancel)
			test(t, &suite{cfg: cfg, c: c, ctx: ctx, subject: "registrytest-" + rand.Text() + "-value"})
		})
	}
}

type suite struct {
	cfg     registry.Config
	c       *registry.Client
	ctx     context.Context
	subject string
}

func (s *suite) register(t *testing.T, schema string) int {
	t.Helper()
	id, err := s.c.Register(s.ctx, s.subject, schema)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *suite) level(t *testing.T, l registry.Level) {
	t.Helper()
	if err := s.c.SetLevel(s.ctx, s.subject, l); err != nil {
		t.Fatal(err)
	}
	if got, err := s.c.Level(s.ctx, s.subject); err != nil || got != l {
		t.Fatalf("level %s, %v, want %s", got, err, l)
	}
}

// record is a schema named after the subject, so that runs do not meet.
func (s *suite) record(fields ...string) string {
	name := "R" + strings.ReplaceAll(s.subject[len("registrytest-"):len(s.subject)-len("-value")], "-", "")
	return `{"type":"record","name":"` + name + `","namespace":"test","fields":[` + strings.Join(fields, ",") + `]}`
}

const (
	fieldA      = `{"name":"a","type":"string"}`
	fieldB      = `{"name":"b","type":"long","default":0}`
	fieldBStern = `{"name":"b","type":"long"}`
	fieldBText  = `{"name":"b","type":"string"}`
)

func ids(t *testing.T, s *suite) {
	one, two := s.record(fieldA), s.record(fieldA, fieldB)
	id := s.register(t, one)
	if again := s.register(t, one); again != id {
		t.Errorf("registered again: id %d, was %d", again, id)
	}
	id2 := s.register(t, two)
	if id2 == id {
		t.Error("two schemas have one id")
	}
	spaced := strings.ReplaceAll(one, ",", " ,\n  ")
	if got := s.register(t, spaced); got != id {
		t.Errorf("with other white space: id %d, was %d", got, id)
	}
	latest, err := s.c.Latest(s.ctx, s.subject)
	if err != nil || latest.ID != id2 || latest.Version != 2 || latest.Subject != s.subject || !strings.Contains(latest.Schema, `"b"`) {
		t.Errorf("latest %+v, %v", latest, err)
	}
	for range 2 { // asked, then remembered
		text, err := s.c.Schema(s.ctx, id)
		if err != nil || !strings.Contains(text, `"a"`) || strings.Contains(text, `"b"`) {
			t.Errorf("schema %d is %s, %v", id, text, err)
		}
	}
	other := *s
	other.subject = "other-" + s.subject
	if got := other.register(t, one); got != id {
		t.Errorf("the same schema under another subject: id %d, was %d", got, id)
	}
	names, err := s.c.Subjects(s.ctx)
	if err != nil || !slices.Contains(names, s.subject) || !slices.Contains(names, other.subject) {
		t.Errorf("subjects %v, %v", names, err)
	}
}

func lookup(t *testing.T, s *suite) {
	one, two := s.record(fieldA), s.record(fieldA, fieldB)
	id := s.register(t, one)
	got, err := s.c.Lookup(s.ctx, s.subject, one)
	if err != nil || got.ID != id || got.Version != 1 || got.Subject != s.subject {
		t.Errorf("lookup %+v, %v", got, err)
	}
	if _, err := s.c.Lookup(s.ctx, s.subject, two); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("lookup of an unknown schema: %v", err)
	}
}

func notFound(t *testing.T, s *suite) {
	if _, err := s.c.Schema(s.ctx, 1<<30); !errors.Is(err, registry.ErrNotFound) || registry.IsRetriable(err) {
		t.Errorf("unknown id: %v", err)
	}
	if _, err := s.c.Latest(s.ctx, s.subject); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("latest of an unknown subject: %v", err)
	}
	if _, err := s.c.Lookup(s.ctx, s.subject, s.record(fieldA)); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("lookup in an unknown subject: %v", err)
	}
	if ok, messages, err := s.c.CheckCompatible(s.ctx, s.subject, s.record(fieldA)); err != nil || !ok {
		t.Errorf("compatibility with an unknown subject: %v %v %v", ok, messages, err)
	}
	cfg := s.cfg
	cfg.URL += "/no/such/path"
	wrong, err := registry.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Schema(s.ctx, 1); err == nil || errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a wrong path must not look like an unknown id: %v", err)
	}
}

func invalid(t *testing.T, s *suite) {
	for _, text := range []string{`{"type":"record"`, `{"type":"record","name":"x"}`, `{"type":"nonsense"}`} {
		if _, err := s.c.Register(s.ctx, s.subject, text); !errors.Is(err, registry.ErrInvalidSchema) || registry.IsRetriable(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func compatibility(t *testing.T, s *suite) {
	base, added, stern, changed := s.record(fieldA), s.record(fieldA, fieldB), s.record(fieldA, fieldBStern), s.record(`{"name":"a","type":"long"}`)
	for _, c := range []struct {
		level registry.Level
		first string
		next  string
		ok    bool
	}{
		{registry.None, base, changed, true},
		{registry.Backward, base, added, true},
		{registry.Backward, base, stern, false},
		{registry.Backward, stern, base, true},
		{registry.Backward, base, changed, false},
		{registry.Forward, base, stern, true},
		{registry.Forward, stern, base, false},
		{registry.Forward, base, changed, false},
		{registry.Full, base, added, true},
		{registry.Full, base, stern, false},
		{registry.Full, stern, base, false},
	} {
		one := *s
		one.subject = s.subject + "-" + rand.Text()
		first := one.register(t, c.first)
		one.level(t, c.level)
		ok, messages, err := one.c.CheckCompatible(one.ctx, one.subject, c.next)
		if err != nil || ok != c.ok || !ok && len(messages) == 0 {
			t.Errorf("%s, %s after %s: compatible %v %v, %v", c.level, c.next, c.first, ok, messages, err)
		}
		id, err := one.c.Register(one.ctx, one.subject, c.next)
		if c.ok && (err != nil || id == first) || !c.ok && !errors.Is(err, registry.ErrIncompatible) {
			t.Errorf("%s, %s after %s: registered as %d, %v", c.level, c.next, c.first, id, err)
		}
	}
}

func transitive(t *testing.T, s *suite) {
	// b is a long, then gone, then a string: each step can read the one before,
	// the last cannot read the first.
	first, second := s.record(fieldA, fieldBStern), s.record(fieldA)
	third := s.record(fieldA, strings.Replace(fieldBText, "}", `,"default":""}`, 1))
	s.register(t, first)
	s.level(t, registry.Backward)
	s.register(t, second)
	s.level(t, registry.BackwardTransitive)
	if _, err := s.c.Register(s.ctx, s.subject, third); !errors.Is(err, registry.ErrIncompatible) {
		t.Errorf("transitive: %v", err)
	}
	s.level(t, registry.Backward)
	if _, err := s.c.Register(s.ctx, s.subject, third); err != nil {
		t.Errorf("not transitive: %v", err)
	}
}

func oddSubjects(t *testing.T, s *suite) {
	for _, name := range []string{"a b", "ü.ö", "per%cent", "plus+and&amp"} {
		one := *s
		one.subject = s.subject + name
		one.register(t, s.record(fieldA))
		if got, err := one.c.Latest(s.ctx, one.subject); err != nil || got.Subject != one.subject {
			t.Errorf("subject %q: %+v, %v", one.subject, got, err)
		}
	}
}

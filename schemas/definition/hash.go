package definition

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"anabranch.dev/anabranch/schemas/stamp"
)

// What a hash covers: everything that decides a value, by name and in plain
// units, and nothing that people read or that only budgets reads. The order of
// features is part of it, since it is the order of a row's parts.
type (
	streamMeaning struct {
		Name       string        `json:"name"`
		Topic      string        `json:"topic"`
		Partitions int32         `json:"partitions"`
		JoinKeys   []joinKeyJSON `json:"join_keys"`
		Key        []string      `json:"key"`
		Schema     string        `json:"schema"`
		EventTime  string        `json:"event_timestamp"`
		Created    string        `json:"created_timestamp"`
		EventID    string        `json:"event_id"`
		Horizon    stamp.Micros  `json:"event_id_horizon_us"`
		MaxFuture  stamp.Micros  `json:"max_future_us"`
	}
	viewMeaning struct {
		Name     string           `json:"name"`
		Stream   streamMeaning    `json:"stream"`
		TTL      stamp.Micros     `json:"ttl_us"`
		Where    string           `json:"where"`
		Features []featureMeaning `json:"features"`
		Bases    []basisMeaning   `json:"bases,omitempty"` // of its features, each once
		// Nested is set if windows may share panes: such rows mean something else
		// than those of releases in which none did.
		Nested bool `json:"nested,omitempty"`
	}
	basisMeaning struct {
		Name   string `json:"name"`
		SHA256 string `json:"sha256"`
	}
	featureMeaning struct {
		Name        string       `json:"name"`
		Kind        string       `json:"kind"`
		Of          string       `json:"of"`
		By          string       `json:"by"`
		Where       string       `json:"where"`
		Window      stamp.Micros `json:"window_us"`
		Pane        stamp.Micros `json:"pane_us"`
		Scale       int32        `json:"scale"`
		As          string       `json:"as"`
		K           int          `json:"k"`
		Max         int          `json:"max"`
		RemoveWhere string       `json:"remove_where"`
		Precision   int          `json:"precision"`
		// What came later is left out where it says nothing, so that hashes stay.
		Weight        string       `json:"weight,omitempty"`
		Exact         bool         `json:"exact,omitempty"`
		Removes       string       `json:"removes,omitempty"`
		Error         float64      `json:"error,omitempty"`
		Q             []float64    `json:"q,omitempty"`
		RelativeError float64      `json:"relative_error,omitempty"`
		HalfLife      stamp.Micros `json:"half_life_us,omitempty"`
		Dim           int          `json:"dim,omitempty"`
		Bits          int          `json:"bits,omitempty"`
		Basis         string       `json:"basis,omitempty"`
	}
)

// ViewHash is 16 hexadecimal digits that stand for all that decides the values
// of the view's features: the features in order, what their bases hold, the
// view's ttl and where, and its stream with its keys and schema. Owner,
// description, tags, policy, max_bytes_per_key, error_budget, sensitivity and
// discrepancy of features, and the schema's docs are not in it.
func ViewHash(p *Project, v *View) string {
	m := viewMeaning{Name: v.Name, TTL: v.TTL, Where: v.Where, Nested: nests(v)}
	if s := p.Stream(v.Stream); s != nil {
		m.Stream = meaningOf(p, s)
	}
	for i := range v.Features {
		m.Features = append(m.Features, v.Features[i].meaning())
		m.uses(p, v.Features[i].Basis)
	}
	return hashOf(m)
}

// nests reports whether two features of one kind have panes of which one width
// is a multiple of the other.
func nests(v *View) bool {
	for i := range v.Features {
		for j := range v.Features {
			fine, coarse := &v.Features[i], &v.Features[j]
			if fine.Kind == coarse.Kind && 0 < fine.Pane && fine.Pane < coarse.Pane && coarse.Pane%fine.Pane == 0 {
				return true
			}
		}
	}
	return false
}

// uses adds what a basis holds.
func (m *viewMeaning) uses(p *Project, ref string) {
	seen := func(other basisMeaning) bool { return other.Name == ref }
	if basis := p.Basis(ref); basis != nil && !slices.ContainsFunc(m.Bases, seen) {
		sum := sha256.Sum256(basis.Data)
		m.Bases = append(m.Bases, basisMeaning{ref, hex.EncodeToString(sum[:])})
	}
}

// StreamHash is 16 hexadecimal digits that stand for all that decides which
// events a stream has and what they say.
func StreamHash(p *Project, s *Stream) string { return hashOf(meaningOf(p, s)) }

// FeatureHash is 16 hexadecimal digits that stand for what the feature says
// itself: its kind, parameters and expressions, not its view or stream.
func FeatureHash(f *Feature) string { return hashOf(f.meaning()) }

// SchemaHash is 16 hexadecimal digits that stand for an Avro schema without
// its docs and however its keys are ordered.
func SchemaHash(schema string) string { return hashOf(meaningOfSchema(schema)) }

func hashOf(meaning any) string {
	sum := sha256.Sum256(mustJSON(meaning))
	return hex.EncodeToString(sum[:8])
}

func meaningOfSchema(schema string) string {
	meaning, err := schemaMeaning(schema)
	if err != nil {
		return schema // not from Parse: it means itself
	}
	return meaning
}

func meaningOf(p *Project, s *Stream) streamMeaning {
	m := streamMeaning{
		Name: s.Name, Topic: s.Topic, Partitions: s.Partitions, Schema: meaningOfSchema(s.Schema),
		EventTime: s.fieldName(s.EventTime), Created: s.fieldName(s.Created), EventID: s.eventIDText(),
		Horizon: s.EventIDHorizon, MaxFuture: s.MaxFuture,
	}
	if s.EventID.None() {
		m.Horizon = 0 // nothing to remember
	}
	if e := p.Entity(s.Entity); e != nil {
		m.JoinKeys = entityToJSON(e).JoinKeys
	}
	for _, i := range s.Key {
		m.Key = append(m.Key, s.fieldName(i))
	}
	return m
}

func (f *Feature) meaning() featureMeaning {
	return featureMeaning{f.Name, f.Kind, f.Of, f.By, f.Where, f.Window, f.Pane, f.Scale, f.As, f.K, f.Max, f.RemoveWhere, f.Precision,
		f.Weight, f.Exact, f.removes(), f.Error, f.Q, f.RelativeError, f.HalfLife, f.Dim, f.Bits, f.Basis}
}

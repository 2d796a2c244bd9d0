package definition

import (
	"crypto/sha256"
	"encoding/hex"

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
	}
)

// ViewHash is 16 hexadecimal digits that stand for all that decides the values
// of the view's features: the features in order, the view's ttl and where, and
// its stream with its keys and schema. Owner, description, tags, policy,
// max_bytes_per_key and the schema's docs are not in it.
func ViewHash(p *Project, v *View) string {
	m := viewMeaning{Name: v.Name, TTL: v.TTL, Where: v.Where}
	if s := p.Stream(v.Stream); s != nil {
		m.Stream = meaningOf(p, s)
	}
	for i := range v.Features {
		m.Features = append(m.Features, v.Features[i].meaning())
	}
	return hashOf(m)
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
	return featureMeaning{f.Name, f.Kind, f.Of, f.By, f.Where, f.Window, f.Pane, f.Scale, f.As, f.K, f.Max, f.RemoveWhere, f.Precision}
}

package evolve

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/twmb/avro"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
)

func (d *differ) stream(old, new *definition.Stream) {
	switch {
	case old == nil:
		d.add(Change{"stream", new.Name, Added, "", "its topic is created in every region, or checked if it is there", Additive})
		return
	case new == nil:
		d.add(Change{"stream", old.Name, Removed, "", "no longer read; its topic stays in Kafka", Semantic})
		return
	}
	d.bound(old, new)
	d.schema(old, new)
	compare(d, "stream", new.Name, old, new, streamAttributes)
}

const newStream = "refused: its views' state is bound to it; define a new stream"

// bound compares what cannot change under a view.
func (d *differ) bound(old, new *definition.Stream) {
	compare(d, "stream", new.Name, old, new, []attribute[definition.Stream]{
		{"entity", func(s *definition.Stream) string { return s.Entity }, Metadata, noted},
	})
	severity, consequence := Refused, newStream
	if !d.folded(new.Name) {
		severity, consequence = Metadata, "no view folds it yet: "+noted
	}
	for _, a := range []struct{ name, before, after string }{
		{"topic", old.Topic, new.Topic},
		{"partitions", strconv.Itoa(int(old.Partitions)), strconv.Itoa(int(new.Partitions))},
		{"key", keyFields(d.old, old), keyFields(d.new, new)},
	} {
		if a.before != a.after {
			d.add(Change{"stream", new.Name, Changed, fromTo(a.name, a.before, a.after), consequence, severity})
		}
	}
}

// keyFields prints which field holds each join key.
func keyFields(p *definition.Project, s *definition.Stream) string {
	e := p.Entity(s.Entity)
	if e == nil {
		return ""
	}
	var parts []string
	for i, k := range s.Key {
		parts = append(parts, e.JoinKeys[i].Name+" "+e.JoinKeys[i].Type.String()+" from "+fieldName(s, k))
	}
	return strings.Join(parts, ", ")
}

func fieldName(s *definition.Stream, i int) string {
	if i < 0 || i >= len(s.Fields) {
		return ""
	}
	return s.Fields[i].Name
}

const viewsVersioned = "each view on it gets a new version, folded from the log's start"

var streamAttributes = []attribute[definition.Stream]{
	{"event_timestamp", func(s *definition.Stream) string { return fieldName(s, s.EventTime) }, Semantic, viewsVersioned},
	{"created_timestamp", func(s *definition.Stream) string {
		if s.Created < 0 {
			return "append"
		}
		return fieldName(s, s.Created)
	}, Semantic, viewsVersioned},
	{"event_id", eventID, Semantic, viewsVersioned},
	{"event_id_horizon", func(s *definition.Stream) string {
		if s.EventID.None() {
			return "" // nothing is remembered
		}
		return stamp.FormatSpan(s.EventIDHorizon)
	}, Semantic, viewsVersioned},
	{"max_future", func(s *definition.Stream) string { return stamp.FormatSpan(s.MaxFuture) }, Semantic, viewsVersioned},
	{"owner", func(s *definition.Stream) string { return s.Owner }, Metadata, noted},
	{"description", func(s *definition.Stream) string { return s.Description }, Metadata, noted},
	{"tags", func(s *definition.Stream) string { return tags(s.Tags) }, Metadata, noted},
}

func eventID(s *definition.Stream) string {
	if s.EventID.Header != "" {
		return "header:" + s.EventID.Header
	}
	return fieldName(s, s.EventID.Field)
}

// tags prints tags in order.
func tags(t map[string]string) string {
	if len(t) == 0 {
		return ""
	}
	b, _ := json.Marshal(t) // a map of text always encodes, sorted
	return string(b)
}

func (d *differ) schema(old, new *definition.Stream) {
	severity, why := ofSchema(old.Schema, new.Schema)
	c := Change{Kind: "stream", Name: new.Name, Action: Changed, Detail: "schema" + why, Severity: severity}
	switch severity {
	case Unchanged:
		return
	case Metadata:
		c.Consequence = noted
	case Additive:
		c.Consequence = readerNew + "; each view on it is folded again, same version"
	case Semantic:
		c.Consequence = readerNew + "; " + viewsVersioned
	default:
		c.Consequence = "refused: events written with the old schema could not be read; add fields with defaults, or define a new stream"
	}
	d.add(c)
}

// ofSchema judges a change of the reader schema: whether it reads what the old
// one wrote, and whether the old fields still are what they were.
func ofSchema(old, new string) (Severity, string) {
	switch {
	case old == new:
		return Unchanged, ""
	case definition.SchemaHash(old) == definition.SchemaHash(new):
		return Metadata, ": docs"
	}
	writer, err := avro.Parse(old)
	if err != nil {
		return Semantic, ""
	}
	reader, err := avro.Parse(new)
	if err != nil {
		return Refused, ": " + err.Error()
	}
	if err := avro.CheckCompatibility(writer, reader); err != nil {
		return Refused, ": " + err.Error()
	}
	added, kept := schemaGrew(old, new)
	if kept {
		return Additive, ": " + added
	}
	return Semantic, ""
}

// schemaGrew reports whether new is old with nothing but further fields.
func schemaGrew(old, new string) (added string, kept bool) {
	before, after := schemaParts(old), schemaParts(new)
	for name, part := range before {
		if after[name] != part {
			return "", false
		}
	}
	fields, err := definition.SchemaFields(new)
	var names []string
	for _, f := range fields {
		if _, was := before["field "+f.Name]; !was {
			names = append(names, f.Name)
		}
	}
	return "fields added: " + strings.Join(names, ", "), err == nil && len(after)-len(before) == len(names)
}

// schemaParts are the meanings of a record schema's top-level fields and of its
// other attributes.
func schemaParts(schema string) map[string]string {
	var record map[string]json.RawMessage
	var fields []json.RawMessage
	parts := map[string]string{}
	if json.Unmarshal([]byte(schema), &record) != nil || json.Unmarshal(record["fields"], &fields) != nil {
		return parts
	}
	for name, raw := range record {
		if name != "fields" && name != "doc" {
			parts[name] = definition.SchemaHash(string(raw))
		}
	}
	for _, raw := range fields {
		var field struct{ Name string }
		if json.Unmarshal(raw, &field) == nil {
			parts["field "+field.Name] = definition.SchemaHash(string(raw))
		}
	}
	return parts
}

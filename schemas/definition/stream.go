package definition

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

var joinKeyTypes = map[string]value.Kind{"string": value.String, "int64": value.Int64, "bytes": value.Bytes}

// reservedColumns are names that a request or a spine uses itself.
var reservedColumns = []string{"event_timestamp"}

func (b *builder) entity(n *node, name string) {
	e := Entity{Pos: n.pos(), Name: name, Description: n.string("description")}
	for _, k := range n.items("join_keys") {
		key := k.string("name")
		switch {
		case key == "":
		case slices.ContainsFunc(e.JoinKeys, func(j JoinKey) bool { return j.Name == key }):
			b.report(k, fmt.Sprintf("join key %s of entity %s is there twice", quote(key), quote(name)), "each name once", "")
		case slices.Contains(reservedColumns, key):
			b.report(k, fmt.Sprintf("join key %s of entity %s has the name of a column of every spine", quote(key), quote(name)), "another name", "")
		default:
			e.JoinKeys = append(e.JoinKeys, JoinKey{Name: key, Type: joinKeyTypes[k.string("type")]})
		}
	}
	if len(e.JoinKeys) > maxJoinKeys {
		b.report(n, fmt.Sprintf("entity %s has %d join keys", quote(name), len(e.JoinKeys)), fmt.Sprintf("at most %d", maxJoinKeys), "")
	}
	b.project.Entities = append(b.project.Entities, e)
}

func (b *builder) stream(n *node, name string) {
	s := Stream{
		Pos: n.pos(), Name: name, Entity: n.string("entity"), Topic: n.string("topic"),
		EventTime: -1, Created: -1, EventID: EventID{Field: -1},
		EventIDHorizon: spanOf(n, "event_id_horizon", defaultHorizon),
		MaxFuture:      spanOf(n, "max_future", defaultFuture),
		Partitions:     int32(n.integer("partitions", 0)),
		Owner:          n.string("owner"), Description: n.string("description"), Tags: n.table("tags"),
	}
	if s.Topic == "" {
		s.Topic = b.project.Name + "." + name
	}
	entity := b.entityOf(n, &s)
	if s.Partitions == 0 {
		s.Partitions = defaultParts
		if entity != nil && len(entity.JoinKeys) == 0 {
			s.Partitions = 1
		}
	}
	if b.schema(n, &s) {
		b.eventTime(n, &s)
		b.created(n, &s)
		b.eventID(n, &s)
		if entity != nil {
			b.key(n, &s, entity)
		}
	}
	b.project.Streams = append(b.project.Streams, s)
}

// spanOf is a key's duration, or a default's. A bad one is reported already.
func spanOf(n *node, key, absent string) stamp.Micros {
	text := n.string(key)
	if text == "" {
		text = absent
	}
	m, _ := stamp.ParseSpan(text)
	return m
}

func (b *builder) entityOf(n *node, s *Stream) *Entity {
	if s.Entity == "" {
		return nil
	}
	e := b.project.Entity(s.Entity)
	if e == nil && b.named["entity "+s.Entity] == nil {
		b.unknown(n.get("entity"), "entity", s.Entity, names(b.project.Entities, func(e *Entity) string { return e.Name }))
	}
	return e
}

// unknown reports a reference to something that is not defined.
func (b *builder) unknown(at *node, title, name string, defined []string) {
	allowed := strings.Join(defined, ", ")
	if allowed == "" {
		allowed = "none is defined"
	}
	b.report(at, fmt.Sprintf("unknown %s %s", title, quote(name)), allowed, Nearest(name, defined))
}

func names[T any](list []T, of func(*T) string) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = of(&list[i])
	}
	return out
}

func (s *Stream) fieldNames() []string {
	return names(s.Fields, func(f *Field) string { return f.Name })
}

// schema reads the stream's schema and reports whether it has one.
func (b *builder) schema(n *node, s *Stream) bool {
	at := n.get("schema")
	text := n.string("schema")
	if text == "" {
		return false
	}
	data, where := []byte(text), Problem{File: at.file, Line: at.line}
	if !isInline(text) {
		name := schemaPath(at.file, text)
		found, ok := b.files[name]
		if !ok {
			known := b.filesLike(func(name string) bool { return path.Ext(name) != basisExt })
			b.report(at, fmt.Sprintf("there is no schema file %s", quote(name)), strings.Join(known, ", "), Nearest(name, known))
			return false
		}
		data, where = found, Problem{File: name}
	}
	compact, fields, err := readSchema(data)
	if err != nil {
		where.Found = fmt.Sprintf("schema of stream %s: not an Avro record schema: %v", quote(s.Name), err)
		if !slices.Contains(b.problems, where) {
			b.problems = append(b.problems, where)
		}
		return false
	}
	s.Schema, s.Fields = compact, fields
	return true
}

// field finds a field that the stream names under a key of its definition.
func (b *builder) field(at *node, s *Stream, name string) int {
	i := s.Field(name)
	if i < 0 {
		b.unknown(at, fmt.Sprintf("field of the schema of stream %s:", quote(s.Name)), name, s.fieldNames())
	}
	return i
}

func (b *builder) eventTime(n *node, s *Stream) {
	at, name := n.get("event_timestamp"), n.string("event_timestamp")
	switch {
	case at == nil && s.Field("event_timestamp") < 0:
		b.report(n, fmt.Sprintf("stream %s has no event_timestamp, and its schema no field of that name", quote(s.Name)),
			"one of "+strings.Join(s.timeFields(), ", "), "")
		return
	case at == nil:
		at, name = n, "event_timestamp"
	case name == "":
		return
	}
	if i := b.field(at, s, name); i >= 0 && b.isTime(at, s, i, "event_timestamp") {
		s.EventTime = i
	}
}

func (b *builder) created(n *node, s *Stream) {
	at, name := n.get("created_timestamp"), n.string("created_timestamp")
	if name == "" || name == "append" {
		return
	}
	if i := b.field(at, s, name); i >= 0 && b.isTime(at, s, i, "created_timestamp") {
		s.Created = i
	}
}

// HoldsTime reports whether the field can be an event or created timestamp: a
// Timestamp, or a plain long, which counts milliseconds.
func (f *Field) HoldsTime() bool {
	return !f.Nullable && (f.Type.Kind == value.Timestamp || f.AvroType == "long")
}

func (s *Stream) timeFields() []string {
	var fields []string
	for i := range s.Fields {
		if s.Fields[i].HoldsTime() {
			fields = append(fields, s.Fields[i].Name)
		}
	}
	return fields
}

func (b *builder) isTime(at *node, s *Stream, i int, role string) bool {
	f := &s.Fields[i]
	if f.HoldsTime() {
		return true
	}
	is := f.AvroType
	if f.Nullable {
		is = "nullable " + is
	}
	b.report(at, fmt.Sprintf("%s of stream %s is field %s of type %s", role, quote(s.Name), quote(f.Name), is),
		"timestamp-millis, timestamp-micros or a long of milliseconds, not nullable", "")
	return false
}

func (b *builder) eventID(n *node, s *Stream) {
	at, name := n.get("event_id"), n.string("event_id")
	if header, ok := strings.CutPrefix(name, "header:"); ok {
		s.EventID.Header = header
		return
	}
	if name == "" {
		return
	}
	i := b.field(at, s, name)
	if i < 0 {
		return
	}
	switch f := s.Fields[i]; f.Type.Kind {
	case value.String, value.Int64, value.Bytes:
		s.EventID.Field = i
	default:
		b.report(at, fmt.Sprintf("event_id of stream %s is field %s of type %s", quote(s.Name), quote(name), f.AvroType), "a string, integer or bytes field, or header:NAME", "")
	}
}

// key finds the field of each join key.
func (b *builder) key(n *node, s *Stream, e *Entity) {
	joinKeys := names(e.JoinKeys, func(k *JoinKey) string { return k.Name })
	given := n.table("key")
	if m := n.get("key"); m != nil {
		for _, k := range m.keys {
			if _, ok := given[k.text]; ok && !slices.Contains(joinKeys, k.text) {
				b.unknown(k, fmt.Sprintf("join key of entity %s:", quote(e.Name)), k.text, joinKeys)
			}
		}
	}
	for _, k := range e.JoinKeys {
		at, name := n, k.Name
		if m := n.get("key"); m != nil && m.get(k.Name) != nil {
			at, name = m.get(k.Name), given[k.Name]
		}
		s.Key = append(s.Key, b.keyField(at, s, k, name))
	}
}

// keyField is the field that holds a join key, checked for its type.
func (b *builder) keyField(at *node, s *Stream, k JoinKey, name string) int {
	if name == "" {
		return -1
	}
	i := s.Field(name)
	switch {
	case i < 0 && name == k.Name && at.kind == mappingNode:
		b.report(at, fmt.Sprintf("stream %s does not say which field holds join key %s", quote(s.Name), quote(k.Name)),
			fmt.Sprintf("key: {%s: FIELD}, with one of %s", k.Name, strings.Join(s.fieldNames(), ", ")), Nearest(name, s.fieldNames()))
	case i < 0:
		b.field(at, s, name)
	case k.Type != value.Null && s.Fields[i].Type.Kind != k.Type:
		b.report(at, fmt.Sprintf("join key %s is %s, but field %s of stream %s is of type %s", quote(k.Name), k.Type, quote(name), quote(s.Name), s.Fields[i].AvroType),
			keyTypesAllowed[k.Type], "")
	}
	return i
}

var keyTypesAllowed = map[value.Kind]string{
	value.Int64:  "int or long",
	value.String: "string, uuid or enum",
	value.Bytes:  "bytes or fixed",
}

// topics checks what streams that read one topic must agree on, and that no
// stream reads one of Anabranch's own.
func (b *builder) topics() {
	first := map[string]*Stream{}
	for i := range b.project.Streams {
		s := &b.project.Streams[i]
		at := b.named["stream "+s.Name]
		if own := b.ownTopic(s.Topic); own != "" {
			b.report(at, fmt.Sprintf("stream %s reads topic %s, which is Anabranch's own for %s", quote(s.Name), quote(s.Topic), own), "another name or topic", "")
		}
		other := first[s.Topic]
		switch {
		case other == nil:
			first[s.Topic] = s
		case other.Partitions != s.Partitions:
			b.report(at, fmt.Sprintf("stream %s gives topic %s %d partitions, stream %s %d", quote(s.Name), quote(s.Topic), s.Partitions, quote(other.Name), other.Partitions), "the same number", "")
		}
	}
}

// ownTopic says what a topic of ours is for, or nothing.
func (b *builder) ownTopic(topic string) string {
	if topic == "." || topic == ".." {
		return "nothing (Kafka does not take the name)"
	}
	rest, ours := strings.CutPrefix(topic, b.project.Name+".")
	switch {
	case strings.HasSuffix(topic, QuarantineTopic("")):
		return "quarantined records"
	case strings.HasSuffix(topic, ".retractions"):
		return "retracted events"
	case !ours:
		return ""
	case topic == RegistryTopic(b.project.Name):
		return "definitions"
	case topic == ClosedTopic(b.project.Name), topic == RepairsTopic(b.project.Name), rest == "control":
		return "regions to talk to each other"
	case strings.HasPrefix(rest, "deltas."):
		return "what regions send each other"
	}
	return ""
}

package infer

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"anabranch.dev/anabranch/schemas/definition"
)

// Bounds of what is proposed.
const (
	maxMeasures = 3
	maxWords    = 2
	maxScale    = 9
)

// avroSchema writes the schema of a sample.
func avroSchema(d *draft) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n  \"type\": \"record\",\n  \"name\": %q,\n  \"fields\": [\n", recordName(d.name))
	fields := d.usable()
	for i, c := range fields {
		fmt.Fprintf(&b, "    {\"name\": %q, \"type\": %s", c.field, c.avro())
		if c.nullable {
			b.WriteString(`, "default": null`)
		}
		if c.source != c.field {
			fmt.Fprintf(&b, `, "doc": %s`, jsonText("column "+c.source))
		}
		b.WriteString("}")
		if i < len(fields)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("  ]\n}\n")
	return []byte(b.String())
}

func jsonText(s string) string {
	b, _ := json.Marshal(s) // a text always encodes
	return string(b)
}

// recordName is the name in camel case, like Orders.
func recordName(name string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// usable are the columns that become fields: all but objects.
func (d *draft) usable() []*column {
	var list []*column
	for i := range d.columns {
		if d.columns[i].class != object {
			list = append(list, &d.columns[i])
		}
	}
	return list
}

func (c *column) avro() string {
	t := avroTypes[c.class]
	if c.class == list {
		t = fmt.Sprintf(`{"type": "array", "items": %s}`, avroTypes[c.items])
	}
	if c.nullable {
		t = `["null", ` + t + "]"
	}
	return t
}

// files are the definitions and the schema.
func (d *draft) files(schema []byte) []definition.File {
	return []definition.File{
		{Name: d.name + ".yaml", Data: []byte(d.yaml())},
		{Name: d.name + ".avsc", Data: schema},
	}
}

func (d *draft) yaml() string {
	y := &writer{}
	y.comment("Written by anabranch init, to start from. Lines with a ? are guesses: correct them, then")
	y.comment("anabranch plan shows what apply would do.")
	y.line("project: %s", plain(d.name))
	y.line("regions:")
	y.line("  - name: here                 # one for each Kafka cluster; the first leads the registry")
	y.line("")
	d.entity(y)
	d.stream(y)
	d.view(y)
	y.line("feature_services:")
	y.line("  - name: %s", itemName(d.name, "model"))
	y.line("    features: [%q]", itemName(d.name)+":*")
	return y.String()
}

// writer collects lines of YAML.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func (w *writer) comment(format string, args ...any) { w.note("", format, args...) }

// note writes a comment on a line of its own; no text can end it early.
func (w *writer) note(indent, format string, args ...any) {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, fmt.Sprintf(format, args...))
	w.line("%s# %s", indent, strings.ToValidUTF8(s, "?"))
}

var (
	bare     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	notNames = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n)$`)
)

// plain writes a name so that YAML takes it for text.
func plain(name string) string {
	if bare.MatchString(name) && !notNames.MatchString(name) {
		return name
	}
	return fmt.Sprintf("%q", name)
}

func (d *draft) entityName() string {
	if d.key == nil {
		return "all"
	}
	name := strings.ToLower(d.key.field)
	for _, end := range []string{"_id", "_key", "_code", "_no", "_number", "_uuid"} {
		name = strings.TrimSuffix(name, end)
	}
	return placeName(name)
}

var joinKeyTypes = map[class]string{text: "string", integer: "int64", raw: "bytes"}

func (d *draft) entity(y *writer) {
	y.line("entities:")
	if d.key == nil {
		y.note("  ", "? no column looks like a key, so all events are about one thing; to change that:")
		y.note("  ", "join_keys: [{name: user_id, type: string}] and key: {user_id: FIELD} in the stream")
		y.line("  - name: %s", plain(d.entityName()))
	} else {
		y.note("  ", "? what the features are about; the other columns that could be a key: %s", orNone(d.otherKeys()))
		y.line("  - name: %s", plain(d.entityName()))
		y.line("    join_keys:")
		y.line("      - {name: %s, type: %s}", plain(d.key.field), joinKeyTypes[d.key.class])
	}
	y.line("")
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func (d *draft) otherKeys() []string {
	var list []string
	for i := range d.columns {
		if c := &d.columns[i]; c != d.key && d.keyScore(c) > 0 {
			list = append(list, c.field)
		}
	}
	return list
}

func (d *draft) stream(y *writer) {
	y.line("streams:")
	y.line("  - name: %s", plain(d.name))
	y.line("    entity: %s", plain(d.entityName()))
	if d.sampled {
		y.note("    ", "fields that no event of the sample left out are required there: [\"null\", type] makes one optional")
	}
	y.line("    schema: %s", plain(d.name+".avsc"))
	if d.topic != "" {
		y.line("    topic: %s", plain(d.topic))
	}
	if d.key != nil {
		y.line("    key: {%s: %s}", plain(d.key.field), plain(d.key.field))
	}
	d.times(y)
	if d.id != nil {
		y.note("    ", "? an id counts once, so that a record sent twice does")
		y.line("    event_id: %s", plain(d.id.field))
	} else {
		y.note("    ", "an id counts once; anabranch produce writes this header, so that a rerun changes nothing")
		y.line(`    event_id: "header:ce_id"`)
	}
	d.renamed(y)
	y.line("")
}

func (d *draft) times(y *writer) {
	switch {
	case d.time.added:
		y.note("    ", "? the sample has no column that says when an event happened: each event needs one")
	default:
		y.note("    ", "? when it happened; the other columns that say a time: %s", orNone(d.otherTimes()))
	}
	if d.time.zoneless {
		y.note("    ", "its values have no zone: anabranch produce takes them for UTC")
	}
	y.line("    event_timestamp: %s", plain(d.time.field))
	if d.known != nil {
		y.note("    ", "? if %s says when an event was known, and events are imported long after:", d.known.field)
		y.note("    ", "created_timestamp: %s", d.known.field)
	}
	for _, field := range d.seconds {
		y.note("    ", "%s looks like seconds since 1970; a timestamp counts milliseconds or microseconds", field)
	}
}

func (d *draft) otherTimes() []string {
	var list []string
	for i := range d.columns {
		if c := &d.columns[i]; c.isTime() && c != d.time {
			list = append(list, c.field)
		}
	}
	return list
}

// renamed tells of columns that are not fields under their own name.
func (d *draft) renamed(y *writer) {
	for i := range d.columns {
		switch c := &d.columns[i]; {
		case c.class == object && !c.unseen:
			y.note("    ", "column %q holds objects or lists of mixed items and is left out", c.source)
		case c.source != c.field:
			y.note("    ", "field %s is column %q: anabranch produce %s --map %s=%s", c.field, c.source, d.name, c.field, c.source)
		}
	}
}

func (d *draft) view(y *writer) {
	taken := map[string]bool{}
	name := func(parts ...string) string { return plain(unique(itemName(parts...), taken)) }
	y.line("feature_views:")
	y.line("  - name: %s", plain(itemName(d.name)))
	y.line("    stream: %s", plain(d.name))
	y.note("    ", "ttl: 90d                   # after that long without an event a key's values are out of date")
	y.line("    features:")
	y.line("      - {name: %s, kind: count, window: 1h}", name("events_1h"))
	y.line("      - {name: %s, kind: count, window: 7d}", name("events_7d"))
	for _, c := range first(d.measures(), maxMeasures) {
		scale := ""
		if c.class == float {
			scale = fmt.Sprintf(", scale: %d", c.scale())
		}
		y.line("      - {name: %s, kind: mean, of: %s%s, window: 24h}", name("mean", c.field, "24h"), plain(c.field), scale)
		y.line("      - {name: %s, kind: max, of: %s, window: 24h}", name("max", c.field, "24h"), plain(c.field))
	}
	for _, c := range first(d.words(), maxWords) {
		y.line("      - {name: %s, kind: last, of: %s}", name("last", c.field), plain(c.field))
		y.line("      - {name: %s, kind: approx_distinct, of: %s, window: 7d}", name("distinct", c.field, "7d"), plain(c.field))
	}
	y.line("")
}

// scale keeps all digits of a decimal, and of a float those that were seen.
func (c *column) scale() int {
	if c.unseen {
		return c.digits
	}
	return min(c.digits, maxScale)
}

func first[T any](list []T, most int) []T { return list[:min(most, len(list))] }

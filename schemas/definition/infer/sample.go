package infer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"anabranch.dev/anabranch/schemas/definition"
)

// MaxColumns bounds a sample.
const MaxColumns = 1000

// Sample is a table of events.
type Sample struct {
	// Name is what the definitions are named after, like the file's name without
	// its extension.
	Name string
	// Columns are the columns' names, in the sample's order.
	Columns []string
	// Rows hold one value for each column, fewer if the last are absent: nil,
	// bool, any integer or float, json.Number, string, []byte, time.Time or a
	// []any of these. Anything else is an object, which no feature can use.
	Rows [][]any
	// Text: values are texts that may stand for numbers, as in CSV; an empty one
	// is null.
	Text bool
}

// FromSample writes two files, NAME.yaml and NAME.avsc.
func FromSample(s Sample) ([]definition.File, error) {
	switch {
	case len(s.Columns) == 0:
		return nil, errors.New("infer: the sample has no columns")
	case len(s.Columns) > MaxColumns:
		return nil, fmt.Errorf("infer: the sample has %d columns, more than %d", len(s.Columns), MaxColumns)
	}
	d := draft{name: placeName(s.Name), sampled: true}
	taken := map[string]bool{}
	for i, source := range s.Columns {
		c := s.column(i)
		c.source, c.field = source, unique(fieldName(source), taken)
		d.columns = append(d.columns, c)
	}
	d.choose()
	if d.time == nil {
		d.addTime(taken)
	}
	return d.files(avroSchema(&d)), nil
}

// FromSchema writes NAME.yaml for a registered schema, and the schema as
// NAME.avsc. topic is the topic whose events have the schema; empty for the
// default.
func FromSchema(name, topic, schema string) ([]definition.File, error) {
	fields, err := definition.SchemaFields(schema)
	if err != nil {
		return nil, fmt.Errorf("infer: schema of %s: %w", name, err)
	}
	d := draft{name: placeName(name), topic: topic}
	for i := range fields {
		d.columns = append(d.columns, columnOf(&fields[i]))
	}
	d.choose()
	if d.time == nil {
		return nil, fmt.Errorf("infer: schema of %s: no field says when an event happened: one must be a timestamp-millis, a timestamp-micros or a long of milliseconds, not nullable", name)
	}
	return d.files([]byte(schema)), nil
}

var (
	notPlace = regexp.MustCompile(`[^a-z0-9_-]+`)
	notField = regexp.MustCompile(`[^A-Za-z0-9_]+`)
	notItem  = regexp.MustCompile(`[^a-z0-9]+`)
)

// reservedStreams would make topics that are Anabranch's own.
var reservedStreams = map[string]bool{"registry": true, "closed": true, "repairs": true, "control": true}

// placeName makes a name of a project or a stream.
func placeName(s string) string {
	s = strings.Trim(notPlace.ReplaceAllString(strings.ToLower(s), "_"), "_-")
	if s == "" || s[0] < 'a' || reservedStreams[s] {
		s = strings.TrimSuffix("events_"+s, "_")
	}
	return cut(s, 60)
}

// fieldName makes a name that Avro takes.
func fieldName(s string) string {
	s = notField.ReplaceAllString(s, "_")
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "_" + s
	}
	return cut(s, 200)
}

// itemName makes a name of a view, a feature or a service.
func itemName(parts ...string) string {
	s := strings.Trim(notItem.ReplaceAllString(strings.ToLower(strings.Join(parts, "_")), "_"), "_")
	if s == "" || s[0] < 'a' {
		s = strings.TrimSuffix("x_"+s, "_")
	}
	return strings.TrimRight(cut(s, 55), "_")
}

func cut(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}

// unique adds a number to a name that is taken, and takes it.
func unique(name string, taken map[string]bool) string {
	free := name
	for i := 2; taken[free]; i++ {
		free = fmt.Sprintf("%s_%d", name, i)
	}
	taken[free] = true
	return free
}

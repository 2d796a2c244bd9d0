package infer

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// class is what the values of a column look like, from least to most general.
type class uint8

const (
	nothing class = iota // only nulls
	boolean
	integer
	float
	day    // a date
	millis // a point in time, to the millisecond or coarser
	micros // a point in time, finer
	text
	raw
	list
	object // nothing that a feature can use
)

// avroTypes are the Avro types of the classes; a list's is that of its items.
var avroTypes = map[class]string{
	nothing: `"string"`, boolean: `"boolean"`, integer: `"long"`, float: `"double"`, text: `"string"`, raw: `"bytes"`,
	day:    `{"type": "int", "logicalType": "date"}`,
	millis: `{"type": "long", "logicalType": "timestamp-millis"}`,
	micros: `{"type": "long", "logicalType": "timestamp-micros"}`,
}

// column is what a sample says about one column.
type column struct {
	source string // its name in the sample
	field  string // its name in the schema
	class  class
	items  class // of a list
	// nullable: a value is absent somewhere.
	nullable bool
	// number is the column's values as numbers, for guesses about epochs.
	least, most float64
	digits      int // after the decimal point, at most
	distinct    int // different values, of those that are not null
	values      int // values that are not null
	zoneless    bool
	unseen      bool // from a schema, without values
	added       bool // not in the sample
}

// column looks at the i-th column's values.
func (s *Sample) column(i int) column {
	c := column{least: math.Inf(1), most: math.Inf(-1)}
	seen := map[string]bool{}
	for _, row := range s.Rows {
		var v any
		if i < len(row) {
			v = row[i]
		}
		if t, ok := v.(string); ok && s.Text && strings.TrimSpace(t) == "" {
			v = nil
		}
		if v == nil {
			c.nullable = true
			continue
		}
		c.values++
		seen[cut(fmt.Sprint(v), 256)] = true
		c.see(v, s.Text)
	}
	c.distinct = len(seen)
	if c.class == nothing {
		c.nullable = true
	}
	return c
}

// see widens the column to a value.
func (c *column) see(v any, asText bool) {
	k := c.classOf(v, asText)
	if c.values == 1 {
		c.class = k
		return
	}
	c.class = join(c.class, k)
}

// join is the least class that holds both.
func join(a, b class) class {
	switch {
	case a == b:
		return a
	case a == nothing:
		return b
	case b == nothing:
		return a
	case a >= raw || b >= raw:
		return object
	}
	low, high := min(a, b), max(a, b)
	switch {
	case low == integer && high == float, low == day && high == millis, low == day && high == micros, low == millis && high == micros:
		return high
	}
	return text
}

func (c *column) classOf(v any, asText bool) class {
	switch v := v.(type) {
	case bool:
		return boolean
	case json.Number:
		return c.number(v.String(), text)
	case string:
		return c.text(v, asText)
	case []byte:
		return raw
	case time.Time:
		return precision(v)
	case []any:
		return c.list(v, asText)
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return c.number(strconv.FormatInt(r.Int(), 10), text)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return c.number(strconv.FormatUint(r.Uint(), 10), text)
	case reflect.Float32, reflect.Float64:
		return c.number(strconv.FormatFloat(r.Float(), 'f', -1, 64), text)
	}
	return object
}

// number is the class of a number's text; other, if it is none.
func (c *column) number(s string, other class) class {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(s, "xXpP_nN") {
		return other
	}
	c.least, c.most = min(c.least, f), max(c.most, f)
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return integer
	}
	if _, fraction, ok := strings.Cut(strconv.FormatFloat(f, 'f', -1, 64), "."); ok {
		c.digits = max(c.digits, len(fraction))
	}
	return float
}

// Layouts of points in time without a zone, which count as UTC.
var zoneless = []string{
	"2006/01/02 15:04:05.999999999", "2006/01/02 15:04", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04",
	"2006-01-02T15:04:05.999999999", "2006-01-02T15:04",
}

func (c *column) text(s string, asText bool) class {
	s = strings.TrimSpace(s)
	if len(s) >= 10 && len(s) <= 40 {
		if at, err := stamp.ParseTime(s); err == nil {
			return precision(at.Time())
		}
		if _, err := time.Parse("2006-01-02", s); err == nil {
			return day
		}
		for _, layout := range zoneless {
			if at, err := time.Parse(layout, s); err == nil {
				c.zoneless = true
				return precision(at)
			}
		}
	}
	if !asText {
		return text
	}
	if s == "true" || s == "false" {
		return boolean
	}
	if len(s) > 1 && (s[0] == '0' || s[0] == '+') && s[1] != '.' {
		return text // a code with leading zeros, not a number
	}
	return c.number(s, text)
}

func precision(t time.Time) class {
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		return micros
	}
	return millis
}

func (c *column) list(items []any, asText bool) class {
	of := column{}
	for _, item := range items {
		if item == nil {
			return object
		}
		of.values++
		of.see(item, asText)
	}
	if of.class >= list || len(items) > value.MaxListItems {
		return object
	}
	c.items = join(c.items, of.class)
	return list
}

// columnOf is a column of a schema, whose values nobody has seen.
func columnOf(f *definition.Field) column {
	c := column{source: f.Name, field: f.Name, nullable: f.Nullable, unseen: true, digits: 2}
	switch f.Type.Kind {
	case value.Bool:
		c.class = boolean
	case value.Int64:
		c.class = integer
		if !f.Nullable && f.HoldsTime() && soundsLikeTime(f.Name) {
			c.class = millis
		}
	case value.Float64:
		c.class = float
	case value.Decimal:
		c.class, c.digits = float, int(f.Type.Scale)
	case value.String:
		c.class = text
	case value.Bytes:
		c.class = raw
	case value.Date:
		c.class = day
	case value.Timestamp:
		c.class = micros
	case value.List:
		c.class = list
	default:
		c.class = object
	}
	return c
}

// isTime reports whether the column can be an event timestamp.
func (c *column) isTime() bool { return (c.class == millis || c.class == micros) && !c.nullable }

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"anabranch.dev/anabranch/schemas/definition/infer"
)

// errEnough ends the reading of a sample.
var errEnough = errors.New("enough rows")

// fromSample guesses from the first rows of a file. Rows that cannot be read
// are counted and left out.
func (c *initCmd) fromSample(out *output) (*draft, error) {
	in, err := openInputFile(c.Sample, c.Format)
	if err != nil {
		return nil, err
	}
	defer in.close()
	if in.format == "avro" {
		if d := c.fromHeader(in); d != nil {
			return d, nil
		}
	}
	t := table{index: map[string]int{}}
	var bad int
	var firstBad error
	err = in.each(func(r inputRow) error {
		if r.Err != nil {
			if bad++; firstBad == nil {
				firstBad = fmt.Errorf("%s:%d: %w", in.name, r.Line, r.Err)
			}
			return nil
		}
		if t.add(columnsOf(&r), r.Fields); len(t.rows) >= c.Rows {
			return errEnough
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return nil, err
	case len(t.rows) == 0 && firstBad != nil:
		return nil, firstBad
	case len(t.rows) == 0:
		return nil, fmt.Errorf("%s has no rows to guess from", in.name)
	case bad > 0:
		out.progress("%s rows cannot be read and are left out, the first is %v", count(bad), firstBad)
	}
	files, err := infer.FromSample(infer.Sample{Name: c.sampleName(), Columns: t.columns, Rows: t.rows, Text: in.format == "csv"})
	return &draft{files: files, rows: len(t.rows), source: fmt.Sprintf("%s rows of %s", count(len(t.rows)), in.name), key: t.first()}, err
}

// fromHeader starts from the schema that an Avro file brings along; nil if that
// is not enough.
func (c *initCmd) fromHeader(in *inputFile) *draft {
	f, err := os.Open(in.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	r, err := unpacked(f, in.path)
	if err != nil {
		return nil
	}
	schema, err := avroHeaderSchema(r)
	if err != nil {
		return nil
	}
	files, err := infer.FromSchema(c.sampleName(), "", schema)
	if err != nil {
		return nil
	}
	return &draft{files: files, source: "the schema of " + in.name}
}

// sampleName is what the stream is called: --name, or the file's name without
// its extensions.
func (c *initCmd) sampleName() string {
	if c.Name != "" {
		return c.Name
	}
	if c.Sample == "-" {
		return "events"
	}
	name, _, _ := strings.Cut(strings.TrimLeft(filepath.Base(c.Sample), "."), ".")
	return name
}

// table is rows under columns, in the order in which the columns came.
type table struct {
	columns []string
	index   map[string]int
	rows    [][]any
}

func (t *table) add(columns []string, fields map[string]any) {
	for _, name := range columns {
		if _, ok := t.index[name]; !ok {
			t.index[name] = len(t.columns)
			t.columns = append(t.columns, name)
		}
	}
	row := make([]any, len(t.columns))
	for name, v := range fields {
		row[t.index[name]] = sampleValue(v)
	}
	t.rows = append(t.rows, row)
}

// first is the text of the first row's values.
func (t *table) first() map[string]string {
	texts := map[string]string{}
	for i, v := range t.rows[0] {
		switch v.(type) {
		case string, json.Number, int64:
			texts[t.columns[i]] = fmt.Sprint(v)
		}
	}
	return texts
}

// columnsOf are the row's columns in the file's order, or else sorted.
func columnsOf(r *inputRow) []string {
	if r.Columns != nil {
		return r.Columns
	}
	if names := jsonKeys(r.text()); len(names) == len(r.Fields) {
		return names
	}
	var names []string
	for name := range r.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// jsonKeys are the members' names of a JSON object in the order of its text.
func jsonKeys(object []byte) []string {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil
	}
	var names []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return nil
		}
		names = append(names, name.(string))
	}
	return names
}

// sampleValue is a value as infer takes it.
func sampleValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for branch, item := range v {
				if avroBranch(branch) {
					return sampleValue(item)
				}
			}
		}
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = sampleValue(v[i])
		}
		return items
	}
	return v
}

// avroBranch tells whether a member's name is that of a branch of an Avro union
// that has no name of its own, as in {"long": 5}.
func avroBranch(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	return slices.Contains([]string{"boolean", "int", "long", "float", "double", "string", "bytes", "array"}, name)
}

package columnar

import (
	"fmt"

	"anabranch.dev/anabranch/schemas/value"
)

// Column is the name and type of one column.
type Column struct {
	Name     string
	Type     value.Type
	Nullable bool
	Local    bool // Timestamp: microseconds of a wall clock in no zone, not instants
}

// Schema is the columns of a table, in order. Names are unique.
type Schema []Column

// Index is the place of the column with that name, or -1.
func (s Schema) Index(name string) int {
	for i := range s {
		if s[i].Name == name {
			return i
		}
	}
	return -1
}

// Names lists the columns' names in order, in a slice of its own.
func (s Schema) Names() []string {
	names := make([]string, len(s))
	for i := range s {
		names[i] = s[i].Name
	}
	return names
}

// Select is the schema of the named columns, in the order of names.
func (s Schema) Select(names []string) (Schema, error) {
	picked := make(Schema, len(names))
	for i, name := range names {
		at := s.Index(name)
		if at < 0 {
			return nil, fmt.Errorf("column %q: not found, there are %q", name, s.Names())
		}
		picked[i] = s[at]
	}
	return picked, nil
}

// Validate reports a schema that no file can have: no column, two of one name, a type that cannot be stored.
func (s Schema) Validate() error {
	if len(s) == 0 {
		return fmt.Errorf("schema: no columns")
	}
	seen := make(map[string]bool, len(s))
	for _, c := range s {
		if seen[c.Name] {
			return fmt.Errorf("schema: two columns named %q", c.Name)
		}
		seen[c.Name] = true
		if err := storable(c.Type, 4); err != nil {
			return fmt.Errorf("schema: column %q: %w", c.Name, err)
		}
	}
	return nil
}

func storable(t value.Type, depth int) error {
	switch {
	case depth == 0:
		return fmt.Errorf("type is nested too deep")
	case t.Kind == value.Decimal && (t.Scale < 0 || t.Scale > value.MaxScale):
		return fmt.Errorf("scale %d is not in 0 to %d", t.Scale, value.MaxScale)
	case t.Scalar():
		return nil
	case t.Kind == value.List && t.Elem != nil:
		return storable(*t.Elem, depth-1)
	case t.Kind == value.Struct && len(t.Fields) > 0:
		return storableFields(t.Fields, depth)
	}
	return fmt.Errorf("type %s cannot be stored", t)
}

func storableFields(fields []value.Field, depth int) error {
	seen := map[string]bool{}
	for _, f := range fields {
		if seen[f.Name] {
			return fmt.Errorf("two members named %q", f.Name)
		}
		seen[f.Name] = true
		if err := storable(f.Type, depth-1); err != nil {
			return fmt.Errorf("member %q: %w", f.Name, err)
		}
	}
	return nil
}

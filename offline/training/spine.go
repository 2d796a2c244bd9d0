package training

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// spine reads the columns of the user's file that a plan needs, chunk by chunk.
type spine struct {
	table   *columnar.Table
	rows    columnar.Rows
	batch   columnar.Batch
	time    string
	times   *columnar.Times
	columns []keyColumn
	next    int64 // the first row of the next chunk, from 0
}

// keyColumn is a column of the spine read as join keys of one kind.
type keyColumn struct {
	name string
	kind value.Kind
	keys *columnar.Keys
}

// chunk is some rows of the spine.
type chunk struct {
	first int64 // row, from 0
	times []stamp.Micros
	keys  []columnar.Vector // by keyColumn
}

func (c *chunk) rows() int { return len(c.times) }

func openSpine(r *Request, p *plan) (*spine, error) {
	s := &spine{time: r.TimeColumn}
	if s.time == "" {
		s.time = DefaultTimeColumn
	}
	s.listColumns(p)
	options := r.Table
	options.Types = s.types(options.Types)
	var err error
	if s.table, err = columnar.OpenTable(r.Spine, options); err != nil {
		return nil, err
	}
	if err := s.prepare(r, p); err != nil {
		return nil, errors.Join(fmt.Errorf("spine %s: %w", r.Spine, err), s.table.Close())
	}
	return s, nil
}

func (s *spine) listColumns(p *plan) {
	for i := range p.passes {
		for j, name := range p.passes[i].keys {
			kind := p.passes[i].entity.JoinKeys[j].Type
			if s.index(name, kind) < 0 {
				s.columns = append(s.columns, keyColumn{name: name, kind: kind})
			}
		}
	}
}

func (s *spine) index(name string, kind value.Kind) int {
	return slices.IndexFunc(s.columns, func(c keyColumn) bool { return c.name == name && c.kind == kind })
}

// types reads keys that are texts or bytes as they are written, so that 007
// stays 007; what the caller named goes first.
func (s *spine) types(given map[string]value.Kind) map[string]value.Kind {
	types := map[string]value.Kind{}
	for _, c := range s.columns {
		if c.kind != value.Int64 && types[c.name] != value.String {
			types[c.name] = c.kind
		}
	}
	for name, kind := range given {
		types[name] = kind
	}
	return types
}

func (s *spine) prepare(r *Request, p *plan) error {
	if err := s.clashes(r, p); err != nil {
		return err
	}
	column, err := s.column(s.time, "the time of each label")
	if err != nil {
		return err
	}
	if s.times, err = columnar.NewTimes(column, r.Times); err != nil {
		return err
	}
	names := []string{s.time}
	for i := range s.columns {
		c := &s.columns[i]
		if column, err = s.column(c.name, "a join key of the features"); err != nil {
			return err
		}
		if c.keys, err = columnar.NewKeys(column, c.kind); err != nil {
			return err
		}
		if !slices.Contains(names, c.name) {
			names = append(names, c.name)
		}
	}
	s.rows, err = s.table.Scan(names, outputRows)
	return err
}

// column finds a column of the spine or says what it is needed for.
func (s *spine) column(name, what string) (columnar.Column, error) {
	if i := s.table.Schema().Index(name); i >= 0 {
		return s.table.Schema()[i], nil
	}
	if typ, ok := s.table.Unreadable()[name]; ok {
		return columnar.Column{}, fmt.Errorf("column %q, %s, is of type %s, which cannot be read", name, what, typ)
	}
	return columnar.Column{}, fmt.Errorf("no column %q, which is %s; there are %s", name, what, strings.Join(s.table.Schema().Names(), ", "))
}

// clashes reports a feature that would be named like a column of the spine.
func (s *spine) clashes(r *Request, p *plan) error {
	for _, c := range p.columns {
		_, unreadable := s.table.Unreadable()[c.name]
		if !unreadable && s.table.Schema().Index(c.name) < 0 {
			continue
		}
		remedy := "ask for full feature names (--full-feature-names) or rename the column"
		if r.FullFeatureNames {
			remedy = "rename the column"
		}
		return fmt.Errorf("it has a column %q already, the name of feature %s: %s", c.name, c.feature, remedy)
	}
	return nil
}

// read reads the next rows, at least n if there are as many; none at the end.
func (s *spine) read(n int) (*chunk, error) {
	c := &chunk{first: s.next, keys: make([]columnar.Vector, len(s.columns))}
	for i := range s.columns {
		c.keys[i] = columnar.NewVector(value.Of(s.columns[i].kind))
	}
	for c.rows() < n {
		err := s.rows.Next(&s.batch)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := s.take(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (s *spine) take(c *chunk) (err error) {
	if c.times, err = s.times.Append(c.times, s.batch.Column(s.time), s.next+1); err != nil {
		return err
	}
	for i := range s.columns {
		if err := s.columns[i].keys.Append(&c.keys[i], s.batch.Column(s.columns[i].name), s.next+1); err != nil {
			return err
		}
	}
	s.next += int64(s.batch.Rows)
	return nil
}

func (s *spine) close() error {
	if s.rows != nil {
		s.rows.Close()
	}
	return s.table.Close()
}

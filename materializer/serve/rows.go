package serve

import (
	"fmt"
	"slices"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// cells are the raw key values of a request's rows: rows x len(plan.keys). A
// nil cell is one that no view of the plan reads.
type cells struct {
	rows int
	raw  [][]byte
}

// decodeRows reads the entities of a request: one object a row, each with all
// the plan's key columns and nothing else.
func decodeRows(p *plan, entities []byte, limit int) (cells, *Problem) {
	width := len(p.keys)
	c := cells{raw: make([][]byte, 0, 4*width)}
	var problem *Problem
	s := scanner{b: entities}
	err := s.array(func(raw []byte) error {
		if c.rows == limit {
			problem = tooLarge("entities has more than %d rows; split the request", limit)
			return problem
		}
		for range width {
			c.raw = append(c.raw, nil)
		}
		if err := decodeRow(p, raw, c.raw[c.rows*width:]); err != nil {
			problem = badRow(c.rows, "%s", err)
			return problem
		}
		c.rows++
		return nil
	})
	if problem == nil && err != nil {
		problem = badRequest("entities: %s", err)
	}
	return c, problem
}

func decodeRow(p *plan, raw []byte, out [][]byte) error {
	if raw[0] != '{' {
		return fmt.Errorf("found %s, want an object of join keys", clip(raw))
	}
	s := scanner{b: raw}
	err := s.object(func(name, raw []byte) error {
		at := indexOf(p.keys, name)
		if at < 0 {
			return fmt.Errorf("unknown key %q%s; %s", clip(name), hint(string(name), p.keys), listOf("join keys", p.keys))
		}
		if out[at] != nil {
			return fmt.Errorf("key %q is there twice", name)
		}
		out[at] = raw
		return nil
	})
	if err != nil {
		return err
	}
	for i := range out {
		if out[i] == nil {
			return fmt.Errorf("join key %s is missing", p.keys[i])
		}
	}
	return nil
}

func indexOf(names []string, name []byte) int {
	for i := range names {
		if names[i] == string(name) {
			return i
		}
	}
	return -1
}

// asks are the keys to read of one view.
type asks struct {
	list []state.Ask
	slot []int32 // by row x lookup: index in list, or -1: a key was null
}

// newAsks builds the keys of a view for all rows. Equal keys of one row are
// read once for each lookup.
func newAsks(p *plan, r *viewRead, c cells, at stamp.Micros) (asks, *Problem) {
	n := c.rows * len(r.lookups)
	a := asks{list: make([]state.Ask, 0, n), slot: make([]int32, n)}
	var parts [4]value.Value
	values := parts[:]
	if len(r.entity.JoinKeys) > len(parts) {
		values = make([]value.Value, len(r.entity.JoinKeys))
	}
	values = values[:len(r.entity.JoinKeys)]
	arena := make([]byte, 0, 24*n)
	for row := range c.rows {
		for l := range r.lookups {
			null, problem := keyValues(p, &r.lookups[l], r.entity.JoinKeys, c, row, values)
			if problem != nil {
				return a, problem
			}
			a.slot[row*len(r.lookups)+l] = -1
			if null {
				continue
			}
			from := len(arena)
			arena = wire.AppendKey(arena, r.entity.JoinKeys, values)
			key := slices.Clip(arena[from:])
			a.slot[row*len(r.lookups)+l] = int32(len(a.list))
			a.list = append(a.list, state.Ask{Key: key, Partition: wire.Partition(key, r.stream.Partitions), At: at})
		}
	}
	return a, nil
}

// keyValues reads a row's join keys as a lookup finds them, and reports
// whether one is null.
func keyValues(p *plan, l *lookup, keys []definition.JoinKey, c cells, row int, out []value.Value) (bool, *Problem) {
	null := false
	for i, k := range keys {
		raw := c.raw[row*len(p.keys)+l.keys[i]]
		if string(raw) == "null" {
			null = true
			continue
		}
		v, err := keyValue(raw, k.Type)
		if err != nil {
			return false, badRow(row, "join key %s: %s", p.keys[l.keys[i]], err)
		}
		out[i] = v
	}
	return null, nil
}

// keyValue reads one join key. Plain strings share the request's body.
func keyValue(raw []byte, kind value.Kind) (value.Value, error) {
	if kind == value.String && isText(raw) && slices.Index(raw, '\\') < 0 {
		return value.Value{Kind: value.String, B: raw[1 : len(raw)-1]}, nil
	}
	return wire.KeyPartFromJSON(raw, kind)
}

// touched lists the partitions that the keys are in, each once.
func (a *asks) touched() []int32 {
	var list []int32
	for i := range a.list {
		if !slices.Contains(list, a.list[i].Partition) {
			list = append(list, a.list[i].Partition)
		}
	}
	return list
}

package basis

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/value"
)

func stream(t *testing.T) *definition.Stream {
	t.Helper()
	p, err := definition.Parse([]definition.File{{Name: "p.yaml", Data: []byte(`project: p
regions: [{name: here}]
entities: [{name: user, join_keys: [{name: id, type: string}]}]
streams: [{name: clicks, entity: user, schema: e.avsc, event_timestamp: at, partitions: 2}]
`)}, {Name: "e.avsc", Data: []byte(`{"type":"record","name":"E","fields":[
  {"name":"id","type":"string"}, {"name":"at","type":"long"},
  {"name":"embedding","type":["null",{"type":"array","items":"float"}]}, {"name":"counts","type":{"type":"array","items":"int"}},
  {"name":"prices","type":{"type":"array","items":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}},
  {"name":"words","type":{"type":"array","items":"string"}}, {"name":"bought","type":"boolean"}]}`)}})
	if err != nil {
		t.Fatal(err)
	}
	return p.Stream("clicks")
}

// history is events by partition and key, with the fields that held names.
type history struct {
	held []int
	keys [2]map[string][]asof.Event
}

func (h *history) Fields() []int { return h.held }

func (h *history) Scan(_ context.Context, p int32, _ [][]byte, fn func([]byte, []asof.Event) error) error {
	for _, key := range []string{"a", "b", "c"} {
		if events := h.keys[p][key]; events != nil {
			if err := fn([]byte(key), events); err != nil {
				return err
			}
		}
	}
	return nil
}

func numbers(items ...value.Value) value.Value { return value.Value{Kind: value.List, L: items} }

func TestFieldsThatHoldNoVectors(t *testing.T) {
	s := stream(t)
	for _, c := range []struct{ field, where, want string }{
		{"embeding", "", "stream clicks has no field embeding; the nearest is embedding"},
		{"words", "", "field words of stream clicks is of type array of string: want an array of numbers, like embedding"},
		{"at", "", "is of type long: want an array of numbers, like embedding"},
		{"embedding", "bougt", "where: "},
	} {
		if _, err := NewField(s, c.field, c.where); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s where %s: %v, want %q", c.field, c.where, err, c.want)
		}
	}
}

func TestRowsOfAHistory(t *testing.T) {
	s := stream(t)
	event := func(origin string, offset int64, list value.Value, bought bool) asof.Event {
		return asof.Event{Source: position.Source{Origin: origin, Incarnation: 1}, Offset: offset, Fields: []value.Value{list, value.BoolOf(bought)}}
	}
	for _, c := range []struct {
		field string
		list  [3]value.Value
		want  [3][]float64
	}{
		{"embedding", [3]value.Value{numbers(value.Float(1.5), value.Float(-2)), {}, numbers()}, [3][]float64{{1.5, -2}, nil, {}}},
		{"counts", [3]value.Value{numbers(value.Int(7)), numbers(value.Int(1 << 60)), numbers()}, [3][]float64{{7}, {1 << 60}, {}}},
		{"prices", [3]value.Value{numbers(value.Dec(value.Int128Of(150))), numbers(value.Dec(value.Int128Of(-1))), numbers()}, [3][]float64{{1.5}, {-0.01}, {}}},
	} {
		f, err := NewField(s, c.field, "bought")
		if err != nil {
			t.Fatal(err)
		}
		needed := make([]bool, len(s.Fields))
		needed[s.Field(c.field)], needed[s.Field("bought")] = true, true
		if !reflect.DeepEqual(f.Needed(), needed) {
			t.Errorf("%s needs %v", c.field, f.Needed())
		}
		h := &history{held: []int{s.Field(c.field), s.Field("bought")}}
		h.keys[0] = map[string][]asof.Event{"b": {event("eu", 0, c.list[0], true), event("us", 0, c.list[0], false), event("us", 1, c.list[1], true)}}
		h.keys[1] = map[string][]asof.Event{"a": {event("eu", 0, c.list[2], true)}, "c": {event("eu", 1, c.list[0], true)}}
		got, ids := readAll(t, f.Rows(h))
		if want := [][]float64{c.want[0], c.want[1], c.want[2], c.want[0]}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: rows %v, want %v", c.field, got, want)
		}
		if len(ids) != 4 {
			t.Errorf("%s: %d identities of 4 rows", c.field, len(ids))
		}
		wide := &history{} // the same events with all fields
		for p := range h.keys {
			wide.keys[p] = map[string][]asof.Event{}
			for key, events := range h.keys[p] {
				for _, e := range events {
					all := make([]value.Value, len(s.Fields))
					all[h.held[0]], all[h.held[1]] = e.Fields[0], e.Fields[1]
					e.Fields = all
					wide.keys[p][key] = append(wide.keys[p][key], e)
				}
			}
		}
		same, sameIDs := readAll(t, f.Rows(wide))
		if !reflect.DeepEqual(same, got) || !reflect.DeepEqual(sameIDs, ids) {
			t.Errorf("%s: with all fields rows %v", c.field, same)
		}
	}
}

func readAll(t *testing.T, rows Rows) (list [][]float64, ids map[uint64]bool) {
	t.Helper()
	ids = map[uint64]bool{}
	err := rows(context.Background(), func(id uint64, x []float64) error {
		if x != nil {
			x = append([]float64{}, x...)
		}
		list, ids[id] = append(list, x), true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, ids
}

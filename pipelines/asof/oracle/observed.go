package oracle

import (
	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// survives reports whether an add of the item is covered by no remove of it: a
// remove undoes what the token that it carries covers, and nothing else.
func (c *Case) survives(f *definition.Feature, in []asof.Event, item string) bool {
	var adds, removes []*asof.Event
	for i := range in {
		e := &in[i]
		switch {
		case text(c.eval(f.Of, e)) != item:
		case c.holds(f.RemoveWhere, e):
			removes = append(removes, e)
		default:
			adds = append(adds, e)
		}
	}
	for _, add := range adds {
		if !c.undone(add, removes) {
			return true
		}
	}
	return false
}

// remembered is the newest events, as far back as they touch no more items than
// the set tracks: what came before is forgotten, of the items that are tracked
// as well.
func (c *Case) remembered(f *definition.Feature, in []asof.Event) []asof.Event {
	touched := map[string]bool{}
	for i := len(in) - 1; i >= 0; i-- {
		if touched[text(c.eval(f.Of, &in[i]))] = true; len(touched) > f.Max {
			return in[i+1:]
		}
	}
	return in
}

func (c *Case) undone(add *asof.Event, removes []*asof.Event) bool {
	log := position.Log{Stream: c.Stream.Name, Source: add.Source, Partition: add.Partition}
	for _, r := range removes {
		token, err := position.Inspect(string(r.Observed))
		if err != nil {
			continue // it has seen nothing
		}
		for _, part := range token.Parts {
			if (part.View == "" || part.View == c.View.Name) && add.Offset < part.Frontier[log].Next {
				return true
			}
		}
	}
	return false
}

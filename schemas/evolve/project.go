package evolve

import (
	"slices"
	"strings"

	"anabranch.dev/anabranch/schemas/definition"
)

func (d *differ) project() {
	if d.old.Name != d.new.Name {
		d.add(Change{"project", d.new.Name, Changed, fromTo("name", d.old.Name, d.new.Name),
			"refused: topics and state carry the project's name; apply it to regions of its own", Refused})
	}
	for _, r := range d.new.Regions {
		if !d.old.HasRegion(r) {
			d.add(Change{"region", r, Added, "", "it mirrors with the others from its log's start", Additive})
		}
	}
	for _, r := range d.old.Regions {
		if !d.new.HasRegion(r) {
			d.add(Change{"region", r, Removed, "", "refused: values hold events of its log; a region cannot be removed", Refused})
		}
	}
	d.order()
}

// order compares the order of the regions that both projects have.
func (d *differ) order() {
	before, after := common(d.old.Regions, d.new), common(d.new.Regions, d.old)
	if len(d.old.Regions) == 0 || len(d.new.Regions) == 0 || slices.Equal(before, after) && d.old.Regions[0] == d.new.Regions[0] {
		return
	}
	c := Change{"project", d.new.Name, Changed, fromTo("regions", strings.Join(d.old.Regions, ", "), strings.Join(d.new.Regions, ", ")), noted, Metadata}
	if d.old.Regions[0] != d.new.Regions[0] {
		c.Severity, c.Consequence = Refused, "refused: the first region leads the registry and cannot change; keep "+d.old.Regions[0]+" first"
	}
	d.add(c)
}

func common(regions []string, other *definition.Project) []string {
	var both []string
	for _, r := range regions {
		if other.HasRegion(r) {
			both = append(both, r)
		}
	}
	return both
}

func (d *differ) entity(old, new *definition.Entity) {
	switch {
	case old == nil:
		d.add(Change{"entity", new.Name, Added, "", noted, Metadata})
	case new == nil:
		d.add(Change{"entity", old.Name, Removed, "", noted, Metadata})
	default:
		d.keys(old, new)
		compare(d, "entity", new.Name, old, new, entityAttributes)
	}
}

var entityAttributes = []attribute[definition.Entity]{
	{"description", func(e *definition.Entity) string { return e.Description }, Metadata, noted},
}

// keys compares join keys, which name every row there is.
func (d *differ) keys(old, new *definition.Entity) {
	before, after := keyText(old), keyText(new)
	if before == after {
		return
	}
	c := Change{"entity", new.Name, Changed, fromTo("join_keys", before, after), noted, Metadata}
	for i := range d.new.Streams {
		if s := &d.new.Streams[i]; s.Entity == new.Name && d.folded(s.Name) {
			c.Severity = Refused
			c.Consequence = "refused: the views on stream " + s.Name + " are keyed by it; define a new entity and a new stream"
			break
		}
	}
	d.add(c)
}

func keyText(e *definition.Entity) string {
	parts := make([]string, len(e.JoinKeys))
	for i, k := range e.JoinKeys {
		parts[i] = k.Name + " " + k.Type.String()
	}
	return strings.Join(parts, ", ")
}

// folded reports whether views fold the stream before and after.
func (d *differ) folded(stream string) bool {
	reads := func(v definition.View) bool { return v.Stream == stream }
	return slices.ContainsFunc(d.old.Views, reads) && slices.ContainsFunc(d.new.Views, reads)
}

func (d *differ) service(old, new *definition.Service) {
	switch {
	case old == nil:
		d.add(Change{"service", new.Name, Added, "", "served once its views are", Additive})
	case new == nil:
		d.add(Change{"service", old.Name, Removed, "", gone, Semantic})
	default:
		compare(d, "service", new.Name, old, new, serviceAttributes)
	}
}

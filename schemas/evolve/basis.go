package evolve

import (
	"bytes"
	"fmt"
	"slices"

	"anabranch.dev/anabranch/schemas/definition"
)

// basis compares one version of a basis with itself. What it holds never
// changes while a view uses it: models have been trained on it.
func (d *differ) basis(old, new *definition.Basis) {
	switch {
	case old == nil:
		d.add(Change{"basis", new.Ref(), Added, "", noted, Metadata})
	case new == nil:
		d.add(Change{"basis", old.Ref(), Removed, "", noted, Metadata})
	case !bytes.Equal(old.Data, new.Data):
		c := Change{"basis", new.Ref(), Changed, "content", "no view uses it yet: metadata only", Metadata}
		if d.used(new) {
			c.Severity = Refused
			c.Consequence = fmt.Sprintf("refused: views use it as it was; give this one a new version: {name: %s, version: %d}", new.Name, d.next(new.Name))
		}
		d.add(c)
	}
}

// used reports whether views use the basis before and after.
func (d *differ) used(b *definition.Basis) bool {
	uses := func(v definition.View) bool { return uses(&v, b) }
	return slices.ContainsFunc(d.old.Views, uses) && slices.ContainsFunc(d.new.Views, uses)
}

func uses(v *definition.View, b *definition.Basis) bool {
	return slices.ContainsFunc(v.Features, func(f definition.Feature) bool { return f.Basis == b.Ref() })
}

// next is the first version of a basis that neither project has taken.
func (d *differ) next(name string) int {
	version := 1
	for _, b := range slices.Concat(d.old.Bases, d.new.Bases) {
		if b.Name == name {
			version = max(version, b.Version+1)
		}
	}
	return version
}

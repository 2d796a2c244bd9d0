package evolve

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
)

// OfView is what the change from old to new does to the view of that name in
// new: Additive for a view that old has not. A change of the view's stream, or of
// what a basis of its holds, is a change of the view. Refused is not among the answers: it is the whole change
// that is refused.
func OfView(old, new *definition.Project, name string) Severity {
	if old == nil || old.View(name) == nil {
		return Additive
	}
	before, after := old.View(name), new.View(name)
	d := &differ{old: old, new: new}
	d.view(before, after)
	if before.Stream == after.Stream {
		d.stream(old.Stream(before.Stream), new.Stream(after.Stream))
	}
	for i := range new.Bases {
		if b := &new.Bases[i]; uses(before, b) && uses(after, b) {
			d.basis(old.Basis(b.Ref()), b)
		}
	}
	return min(Worst(d.changes), Semantic)
}

func (d *differ) view(old, new *definition.View) {
	switch {
	case old == nil:
		d.add(Change{"view", new.Name, Added, "", folds, Additive})
		return
	case new == nil:
		d.add(Change{"view", old.Name, Removed, "", gone, Semantic})
		return
	}
	compare(d, "view", new.Name, old, new, viewAttributes)
	each(d, "feature", old.Features, new.Features, featureName, func(before, after *definition.Feature) { d.feature(new.Name, before, after) })
	d.reordered(old, new)
}

var viewAttributes = []attribute[definition.View]{
	{"stream", func(v *definition.View) string { return v.Stream }, Semantic, versioned},
	{"where", func(v *definition.View) string { return v.Where }, Semantic, versioned},
	{"ttl", func(v *definition.View) string { return spanText(v.TTL) }, Semantic, versioned},
	{"policy", func(v *definition.View) string { return policy(v.Policy) }, Metadata, noted},
	{"max_bytes_per_key", func(v *definition.View) string { return countText(v.MaxBytes) }, Metadata, noted},
	{"owner", func(v *definition.View) string { return v.Owner }, Metadata, noted},
	{"description", func(v *definition.View) string { return v.Description }, Metadata, noted},
	{"tags", func(v *definition.View) string { return tags(v.Tags) }, Metadata, noted},
}

func (d *differ) feature(view string, old, new *definition.Feature) {
	switch {
	case old == nil:
		d.add(Change{"feature", view + ":" + new.Name, Added, "", refolds, Additive})
	case new == nil:
		d.add(Change{"feature", view + ":" + old.Name, Removed, "", newMeaning, Semantic})
	default:
		compare(d, "feature", view+":"+new.Name, old, new, featureAttributes)
	}
}

const newMeaning = "the view gets a " + versioned

var featureAttributes = []attribute[definition.Feature]{
	{"kind", func(f *definition.Feature) string { return f.Kind }, Semantic, newMeaning},
	{"of", func(f *definition.Feature) string { return f.Of }, Semantic, newMeaning},
	{"by", func(f *definition.Feature) string { return f.By }, Semantic, newMeaning},
	{"where", func(f *definition.Feature) string { return f.Where }, Semantic, newMeaning},
	{"window", func(f *definition.Feature) string { return spanText(f.Window) }, Semantic, newMeaning},
	{"pane", func(f *definition.Feature) string { return spanText(f.Pane) }, Semantic, newMeaning},
	{"scale", func(f *definition.Feature) string {
		if f.Scale < 0 {
			return ""
		}
		return strconv.Itoa(int(f.Scale))
	}, Semantic, newMeaning},
	{"as", func(f *definition.Feature) string { return f.As }, Semantic, newMeaning},
	{"k", func(f *definition.Feature) string { return countText(f.K) }, Semantic, newMeaning},
	{"max", func(f *definition.Feature) string { return countText(f.Max) }, Semantic, newMeaning},
	{"remove_where", func(f *definition.Feature) string { return f.RemoveWhere }, Semantic, newMeaning},
	{"precision", func(f *definition.Feature) string { return countText(f.Precision) }, Semantic, newMeaning},
	{"weight", func(f *definition.Feature) string { return f.Weight }, Semantic, newMeaning},
	{"exact", func(f *definition.Feature) string { return strconv.FormatBool(f.Exact) }, Semantic, newMeaning},
	{"removes", removes, Semantic, newMeaning},
	{"error", func(f *definition.Feature) string { return numberText(f.Error) }, Semantic, newMeaning},
	{"q", quantiles, Semantic, newMeaning},
	{"relative_error", func(f *definition.Feature) string { return numberText(f.RelativeError) }, Semantic, newMeaning},
	{"half_life", func(f *definition.Feature) string { return spanText(f.HalfLife) }, Semantic, newMeaning},
	{"dim", func(f *definition.Feature) string { return countText(f.Dim) }, Semantic, newMeaning},
	{"bits", func(f *definition.Feature) string { return countText(f.Bits) }, Semantic, newMeaning},
	{"basis", func(f *definition.Feature) string { return f.Basis }, Semantic, newMeaning},
	{"error_budget", func(f *definition.Feature) string { return numberText(f.ErrorBudget) }, Metadata, noted},
	{"sensitivity", func(f *definition.Feature) string { return numberText(f.Sensitivity) }, Metadata, noted},
	{"discrepancy", func(f *definition.Feature) string { return f.Discrepancy }, Metadata, noted},
	{"description", func(f *definition.Feature) string { return f.Description }, Metadata, noted},
	{"tags", func(f *definition.Feature) string { return tags(f.Tags) }, Metadata, noted},
}

func removes(f *definition.Feature) string {
	if f.Observed {
		return "observed"
	}
	return "latest"
}

// reordered reports features that both have in another order: the row changes,
// the values do not.
func (d *differ) reordered(old, new *definition.View) {
	order := func(v, other *definition.View) []string {
		var both []string
		for i := range v.Features {
			if byName(other.Features, v.Features[i].Name, featureName) != nil {
				both = append(both, v.Features[i].Name)
			}
		}
		return both
	}
	if before, after := order(old, new), order(new, old); !slices.Equal(before, after) {
		d.add(Change{"view", new.Name, Changed, fromTo("order", strings.Join(before, ", "), strings.Join(after, ", ")), refolds, Additive})
	}
}

var serviceAttributes = []attribute[definition.Service]{
	{"features", selections, Semantic, "answers hold the new list at once"},
	{"policy", func(s *definition.Service) string { return policy(s.Policy) }, Metadata, noted},
	{"owner", func(s *definition.Service) string { return s.Owner }, Metadata, noted},
	{"description", func(s *definition.Service) string { return s.Description }, Metadata, noted},
	{"tags", func(s *definition.Service) string { return tags(s.Tags) }, Metadata, noted},
}

// selections prints a service's list of features.
func selections(s *definition.Service) string {
	var parts []string
	for _, sel := range s.Features {
		view := sel.View
		if sel.Version > 0 {
			view += "@v" + strconv.Itoa(sel.Version)
		}
		text := view + ":" + strings.Join(sel.Features, "+")
		if sel.As != "" {
			text += " as " + sel.As
		}
		if len(sel.Keys) > 0 {
			text += " keys " + tags(sel.Keys)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// policy prints budgets, and residency where there is one.
func policy(p definition.Policy) string {
	var parts []string
	add := func(name, text string) {
		if text != "" {
			parts = append(parts, name+" "+text)
		}
	}
	add("max_staleness", spanText(p.MaxStaleness))
	add("mode", p.Mode)
	add("deadline", spanText(p.Deadline))
	if p.Partial != nil {
		add("partial", fmt.Sprint(*p.Partial))
	}
	if len(p.Residency) > 0 {
		b, _ := json.Marshal(p.Residency)
		add("residency", string(b))
	}
	return strings.Join(parts, ", ")
}

func spanText(m stamp.Micros) string {
	if m == 0 {
		return ""
	}
	return stamp.FormatSpan(m)
}

// numberText prints a number as it is written; empty for 0.
func numberText(x float64) string {
	if x == 0 {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

func quantiles(f *definition.Feature) string {
	parts := make([]string, len(f.Q))
	for i, q := range f.Q {
		parts[i] = strconv.FormatFloat(q, 'g', -1, 64)
	}
	return strings.Join(parts, ", ")
}

func countText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

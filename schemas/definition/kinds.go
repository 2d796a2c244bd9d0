package definition

import "slices"

// kindRule says which parameters a kind takes besides name, kind, where,
// window, pane, description and tags.
type kindRule struct {
	name string
	may  []string
	must []string
}

var kindRules = []kindRule{
	{name: "count", may: []string{"of", "by"}},
	{name: "sum", may: []string{"of", "scale", "as"}, must: []string{"of"}},
	{name: "mean", may: []string{"of", "scale", "weight"}, must: []string{"of"}},
	{name: "min", may: []string{"of", "exact"}, must: []string{"of"}},
	{name: "max", may: []string{"of", "exact"}, must: []string{"of"}},
	{name: "last", may: []string{"of"}, must: []string{"of"}},
	{name: "first", may: []string{"of"}, must: []string{"of"}},
	{name: "recent", may: []string{"of", "k"}, must: []string{"of", "k"}},
	{name: "set", may: []string{"of", "max", "remove_where", "removes"}, must: []string{"of"}},
	{name: "approx_distinct", may: []string{"of", "precision"}, must: []string{"of"}},
}

// laterKinds are known by name and not built yet.
var laterKinds = []string{"top", "quantiles", "decayed_sum", "ema", "vector_sum", "vector_mean", "low_rank"}

var commonFeatureKeys = []string{"name", "kind", "where", "window", "pane", "description", "tags"}

// Kinds lists the kinds of features, in the order of the manual.
func Kinds() []string {
	names := make([]string, len(kindRules))
	for i, r := range kindRules {
		names[i] = r.name
	}
	return names
}

func kindForm() *form { return oneOf(Kinds()...).but(laterKinds...) }

func ruleOf(kind string) *kindRule {
	for i := range kindRules {
		if kindRules[i].name == kind {
			return &kindRules[i]
		}
	}
	return nil
}

// takes reports whether a feature of this kind may have the key.
func (r *kindRule) takes(name string) bool {
	return slices.Contains(commonFeatureKeys, name) || slices.Contains(r.may, name)
}

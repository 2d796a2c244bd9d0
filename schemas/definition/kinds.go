package definition

import (
	"slices"
	"strings"
)

// kindRule says which parameters a kind takes besides those of every feature,
// what it is fed and what it answers.
type kindRule struct {
	name string
	may  []string
	must []string
	// numbers, vectors: `of` is a number, or a list of them.
	numbers, vectors bool
	result           result
}

// result is what the values of a kind are, as far as discrepancies see them.
type result uint8

const (
	asInput      result = iota // the type of `of`
	oneNumber                  // a number
	itemList                   // a list of items
	numberVector               // a list of numbers
)

var kindRules = []kindRule{
	{name: "count", may: []string{"of", "by"}, result: oneNumber},
	{name: "sum", may: []string{"of", "scale", "as"}, must: []string{"of"}, numbers: true, result: oneNumber},
	{name: "mean", may: []string{"of", "scale", "as", "weight"}, must: []string{"of"}, numbers: true, result: oneNumber},
	{name: "min", may: []string{"of", "exact"}, must: []string{"of"}},
	{name: "max", may: []string{"of", "exact"}, must: []string{"of"}},
	{name: "last", may: []string{"of"}, must: []string{"of"}},
	{name: "first", may: []string{"of"}, must: []string{"of"}},
	{name: "recent", may: []string{"of", "k"}, must: []string{"of", "k"}, result: itemList},
	{name: "set", may: []string{"of", "max", "remove_where", "removes"}, must: []string{"of"}, result: itemList},
	{name: "top", may: []string{"of", "k", "by", "error"}, must: []string{"of", "k"}, result: itemList},
	{name: "approx_distinct", may: []string{"of", "precision"}, must: []string{"of"}, result: oneNumber},
	{name: "quantiles", may: []string{"of", "q", "relative_error"}, must: []string{"of"}, numbers: true, result: numberVector},
	{name: "decayed_sum", may: []string{"of", "half_life", "scale"}, must: []string{"of", "half_life"}, numbers: true, result: oneNumber},
	{name: "ema", may: []string{"of", "half_life", "scale"}, must: []string{"of", "half_life"}, numbers: true, result: oneNumber},
	{name: "vector_sum", may: []string{"of", "dim", "scale", "bits"}, must: []string{"of", "dim"}, vectors: true, result: numberVector},
	{name: "vector_mean", may: []string{"of", "dim", "scale", "bits"}, must: []string{"of", "dim"}, vectors: true, result: numberVector},
	{name: "low_rank", may: []string{"of", "basis", "scale"}, must: []string{"of", "basis"}, vectors: true, result: numberVector},
}

var commonFeatureKeys = []string{
	"name", "kind", "where", "window", "pane", "error_budget", "sensitivity", "discrepancy", "description", "tags",
}

// Kinds lists the kinds of features, in the order of the manual.
func Kinds() []string {
	names := make([]string, len(kindRules))
	for i, r := range kindRules {
		names[i] = r.name
	}
	return names
}

func kindForm() *form { return oneOf(Kinds()...) }

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

// Parameters are the feature's own settings as they are written, KEY: VALUE, in
// the order of the canonical JSON: all but name, kind, of, where, window, pane,
// description, tags and a `by` of 1.
func (f *Feature) Parameters() []string {
	rest := *f
	rest.Name, rest.Kind, rest.Of, rest.Where, rest.Window, rest.Pane, rest.Description, rest.Tags = "", "", "", "", 0, 0, "", nil
	if rest.By == "1" {
		rest.By = ""
	}
	n, err := readJSON(mustJSON(featureToJSON(&rest)))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	var list []string
	for i, k := range n.keys {
		if v := n.vals[i]; v.kind == listNode || v.text != "" {
			list = append(list, k.text+": "+v.written())
		}
	}
	return list
}

// written is a scalar's text, or a list of them in brackets.
func (n *node) written() string {
	if n.kind != listNode {
		return n.text
	}
	return "[" + strings.Join(names(n.vals, func(item **node) string { return (*item).text }), ", ") + "]"
}

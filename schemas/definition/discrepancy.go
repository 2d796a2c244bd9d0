package definition

import (
	"fmt"
	"slices"
	"strings"

	"anabranch.dev/anabranch/schemas/value"
)

// discrepancies are the distances between two values of a feature, as
// pipelines/discrepancy defines them.
var discrepancies = []string{"abs", "squared", "jaccard", "cosine", "l2"}

// Discrepancies are the distances that fit values of a type, the default of
// `discrepancy` first: abs and squared for numbers, l2, cosine and jaccard for
// lists of numbers, jaccard for other lists and for single values, which count
// as a list of one. The caller owns the slice.
func Discrepancies(t value.Type) []string {
	switch {
	case t.Numeric():
		return []string{"abs", "squared"}
	case t.Kind == value.List && t.Elem != nil && t.Elem.Numeric():
		return []string{"l2", "cosine", "jaccard"}
	case t.Kind == value.Null:
		return nil
	}
	return []string{"jaccard"}
}

// distances are the discrepancies that fit the values of a kind over a field,
// the default first; nil if the type is not known here.
func (r *kindRule) distances(of *Field) []string {
	switch {
	case r.result == oneNumber:
		return []string{"abs", "squared"}
	case r.result == numberVector:
		return []string{"l2", "cosine"}
	case r.result == itemList:
		return []string{"jaccard"}
	case of != nil:
		return Discrepancies(of.Type)
	}
	return nil
}

// discrepancy checks that the distance fits the kind's values, and fills in
// the default where there is a sensitivity.
func (b *builder) discrepancy(n *node, f *Feature, rule *kindRule, of *Field) {
	fit, what := rule.distances(of), "feature "+quote(f.Name)
	switch {
	case f.Discrepancy != "" && fit != nil && !slices.Contains(fit, f.Discrepancy):
		b.report(n.get("discrepancy"), fmt.Sprintf("%s of kind %s has discrepancy %s, which its values do not have", what, f.Kind, f.Discrepancy), strings.Join(fit, ", "), "")
	case f.Discrepancy != "" || f.Sensitivity == 0:
	case fit != nil:
		f.Discrepancy = fit[0]
	case !bareName.MatchString(f.Of):
		b.report(n.get("sensitivity"), what+" has a sensitivity and no discrepancy, and its value is that of an expression", "discrepancy: "+strings.Join(discrepancies, ", "), "")
	}
}

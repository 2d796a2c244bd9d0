package discrepancy

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/value"
)

var vector = []Feature{
	{Name: "orders", Type: integers, Discrepancy: "abs", Sensitivity: 0.5},
	{Name: "quiet", Type: integers},
	{Name: "items", Type: words, Discrepancy: "jaccard", Sensitivity: 8},
	{Name: "watched", Type: floats, Discrepancy: "squared"},
}

func TestCostAddsWhatEachFeatureCosts(t *testing.T) {
	m, err := New(vector)
	if err != nil {
		t.Fatal(err)
	}
	served := []value.Value{value.Int(10), value.Int(1), wordsOf("a", "b"), value.Float(2)}
	truth := []value.Value{value.Int(14), value.Int(900), wordsOf("a", "c", "d"), value.Float(5)}
	want := Cost{Total: 8, Parts: []Part{{0, 4, 2}, {2, 0.75, 6}, {3, 9, 0}}}
	if got := m.Cost(served, truth); !reflect.DeepEqual(got, want) {
		t.Errorf("cost %+v, want %+v", got, want)
	}
}

func TestCostSaturates(t *testing.T) {
	m, err := New([]Feature{
		{Name: "a", Type: floats, Discrepancy: "abs", Sensitivity: 1e300}, {Name: "b", Type: floats, Discrepancy: "abs", Sensitivity: math.MaxFloat64},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := m.Cost([]value.Value{value.Float(1e300), value.Float(1)}, []value.Value{null, null})
	if want := (Cost{math.MaxFloat64, []Part{{0, 1e300, math.MaxFloat64}, {1, 1, math.MaxFloat64}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("cost %+v, want %+v", got, want)
	}
}

func TestNewNamesTheFeature(t *testing.T) {
	_, err := New(append(vector[:3:3], Feature{Name: "wrong", Type: words, Discrepancy: "l2"}))
	if err == nil || !strings.HasPrefix(err.Error(), "feature wrong: discrepancy l2 does not fit list<string>") {
		t.Errorf("error %v", err)
	}
}

// TestCostLaws: nothing for the same vector, the same both ways, the sum of its
// parts, and twice as much with twice the sensitivities.
func TestCostLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		features, served, truth := []Feature{}, []value.Value{}, []value.Value{}
		for range rapid.IntRange(0, 5).Draw(t, "features") {
			c := every[rapid.IntRange(0, len(every)-1).Draw(t, "which")]
			features = append(features, Feature{"f", c.typ, c.name, float64(rapid.IntRange(0, 9).Draw(t, "sensitivity"))})
			served, truth = append(served, drawValue(t, c.typ)), append(truth, drawValue(t, c.typ))
		}
		m, err := New(features)
		if err != nil {
			t.Fatal(err)
		}
		cost := m.Cost(served, truth)
		if !reflect.DeepEqual(cost, m.Cost(truth, served)) || m.Cost(served, served).Total != 0 {
			t.Fatalf("cost %+v, back %+v", cost, m.Cost(truth, served))
		}
		sum := 0.0
		for i, part := range cost.Parts {
			sum += part.Cost
			features[i].Sensitivity *= 2
		}
		if sum != cost.Total && !math.IsInf(sum, 1) {
			t.Fatalf("cost %v, its parts %v", cost.Total, sum)
		}
		twice, _ := New(features)
		if got := twice.Cost(served, truth).Total; got != 2*cost.Total && got != math.MaxFloat64 {
			t.Fatalf("twice the sensitivity costs %v, not 2 * %v", got, cost.Total)
		}
	})
}

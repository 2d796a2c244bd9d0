package discrepancy

import (
	"fmt"
	"math"

	"anabranch.dev/anabranch/schemas/value"
)

// Feature is what a cost takes of one feature of a vector.
type Feature struct {
	Name string
	Type value.Type
	// Discrepancy is the distance's name; empty: the feature costs nothing.
	Discrepancy string
	// Sensitivity is the growth of the loss for one unit of it, at least 0.
	Sensitivity float64
}

// Measure is the inconsistency cost over vectors of certain features.
type Measure struct {
	features  []Feature
	distances []Distance // nil: none is declared
}

// New makes the measure of vectors of these features, in this order. The error
// names the first feature whose discrepancy does not fit its type.
func New(features []Feature) (*Measure, error) {
	m := &Measure{features: features, distances: make([]Distance, len(features))}
	for i, f := range features {
		if f.Discrepancy == "" {
			continue
		}
		var err error
		if m.distances[i], err = Of(f.Discrepancy, f.Type); err != nil {
			return nil, fmt.Errorf("feature %s: %w", f.Name, err)
		}
	}
	return m, nil
}

// Cost is the cost of one vector, as a whole and by feature.
type Cost struct {
	Total float64 // Σ Parts.Cost
	Parts []Part  // of the features that declare a discrepancy, in order
}

// Part is one feature's share of a cost.
type Part struct {
	Feature     int     // index in the vector
	Discrepancy float64 // d
	Cost        float64 // sensitivity · d
}

// Cost compares a served vector with a reference; both have a value, perhaps
// null, for each feature in order.
//
//	Cost(v, v).Total == 0
//	Cost(v, w) == Cost(w, v)
func (m *Measure) Cost(served, reference []value.Value) Cost {
	if len(served) != len(m.features) || len(reference) != len(m.features) {
		panic(fmt.Sprintf("BUG: discrepancy: vectors of %d and %d values for %d features", len(served), len(reference), len(m.features)))
	}
	var c Cost
	for i, distance := range m.distances {
		if distance == nil {
			continue
		}
		d := distance(served[i], reference[i])
		part := Part{Feature: i, Discrepancy: d, Cost: saturated(m.features[i].Sensitivity * d)}
		c.Parts = append(c.Parts, part)
		c.Total = saturated(c.Total + part.Cost)
	}
	return c
}

// saturated is x, or the greatest finite number if x is infinite.
func saturated(x float64) float64 { return min(x, math.MaxFloat64) }

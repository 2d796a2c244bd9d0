package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"anabranch.dev/anabranch/offline/training"
	"anabranch.dev/anabranch/pipelines/discrepancy"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// costJSON is what served vectors cost a model against a reference, over all
// vectors that were compared.
type costJSON struct {
	Vectors  int64         `json:"vectors"`
	Total    float64       `json:"total"`
	Mean     float64       `json:"mean"`     // of a vector
	Greatest float64       `json:"greatest"` // of a vector
	Features []featureCost `json:"features"`
}

type featureCost struct {
	Feature     string  `json:"feature"`
	Kind        string  `json:"discrepancy"`
	Sensitivity float64 `json:"sensitivity"`
	Differing   int64   `json:"differing"` // vectors at a distance above 0
	Mean        float64 `json:"mean_discrepancy"`
	Cost        float64 `json:"cost"`
	total       float64
}

// distances compares served vectors of one view with references, as far as its
// features declare a discrepancy.
type distances struct {
	features []discrepancy.Feature
	measure  *discrepancy.Measure
	view     string
}

// newDistances is nil if no feature declares a discrepancy.
func newDistances(prog *fold.Program, which []int) (*distances, error) {
	d, declared := &distances{view: prog.View.Name}, false
	for _, i := range which {
		f := costed(prog, i)
		d.features = append(d.features, f)
		declared = declared || f.Discrepancy != ""
	}
	if !declared {
		return nil, nil
	}
	var err error
	d.measure, err = discrepancy.New(d.features)
	return d, err
}

func costed(prog *fold.Program, i int) discrepancy.Feature {
	f := &prog.View.Features[i]
	return discrepancy.Feature{Name: f.Name, Type: prog.FeatureType(i), Discrepancy: f.Discrepancy, Sensitivity: f.Sensitivity}
}

// checkDiscrepancies checks what only the types of expressions tell.
func checkDiscrepancies(p *definition.Project, programs map[string]*fold.Program) error {
	var all []error
	for i := range p.Views {
		prog := programs[p.Views[i].Name]
		for j := range p.Views[i].Features {
			if _, err := discrepancy.New([]discrepancy.Feature{costed(prog, j)}); err != nil {
				pos := p.Views[i].Features[j].Pos
				all = append(all, fmt.Errorf("%s:%d: view %s: %w", pos.File, pos.Line, p.Views[i].Name, err))
			}
		}
	}
	return errors.Join(all...)
}

// costs adds up what the answers cost against want, history at their tokens, and
// against all of it.
func (c *validation) costs(ctx context.Context, h training.History, list []*served, probes []training.Probe, which []int, want []training.Recomputed) error {
	d, err := newDistances(c.prog, which)
	if d == nil || err != nil {
		return err
	}
	newest := slices.Clone(probes)
	for i := range newest {
		newest[i].Frontier = h.Frontier()
	}
	all, err := training.Recompute(ctx, c.prog, h, newest, which)
	if err != nil {
		return err
	}
	for _, against := range []struct {
		doc       **costJSON
		reference []training.Recomputed
	}{{&c.doc.Cost, want}, {&c.doc.StaleCost, all}} {
		if *against.doc == nil {
			*against.doc = &costJSON{}
		}
		doc := *against.doc
		at := d.begin(doc)
		for i, s := range list {
			if err := d.add(doc, at, s.answer.Rows[s.row].Values, against.reference[i].Results); err != nil {
				return err
			}
		}
		doc.end(at, int64(len(list)))
	}
	return nil
}

// begin adds the view's features to a cost, and gives its place of the first.
func (d *distances) begin(c *costJSON) int {
	at := len(c.Features)
	for _, f := range d.features {
		if f.Discrepancy != "" {
			c.Features = append(c.Features, featureCost{Feature: d.view + ":" + f.Name, Kind: f.Discrepancy, Sensitivity: f.Sensitivity})
		}
	}
	return at
}

// add compares one vector, whose served values are JSON, and adds it to the
// features from at on.
func (d *distances) add(c *costJSON, at int, served []json.RawMessage, reference []fold.Result) error {
	have, want := make([]value.Value, len(served)), make([]value.Value, len(served))
	for i := range served {
		t, err := d.features[i].Type, error(nil)
		want[i] = reference[i].Value
		if string(served[i]) == string(value.AppendJSON(nil, want[i], t)) {
			have[i] = want[i]
		} else if have[i], err = parseValue(served[i], t); err != nil {
			return fmt.Errorf("served value of %s: %w", d.features[i].Name, err)
		}
	}
	cost := d.measure.Cost(have, want)
	c.Vectors++
	c.Total += cost.Total
	c.Greatest = max(c.Greatest, cost.Total)
	for i, part := range cost.Parts {
		f := &c.Features[at+i]
		f.total += part.Discrepancy
		f.Cost += part.Cost
		if part.Discrepancy > 0 {
			f.Differing++
		}
	}
	return nil
}

// end works out the means of the features from at on, over n vectors.
func (c *costJSON) end(at int, n int64) {
	c.Mean = c.Total / float64(max(c.Vectors, 1))
	for i := at; i < len(c.Features); i++ {
		c.Features[i].Mean = c.Features[i].total / float64(max(n, 1))
	}
}

// print shows a cost to a person; against says against what.
func (c *costJSON) print(out *output, against string) {
	if c == nil {
		return
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
	out.say("inconsistency cost of %s vectors against %s: %s in all, %s a vector, at most %s", count(c.Vectors), against, number(c.Total), number(c.Mean), number(c.Greatest))
	var rows [][]string
	for _, f := range c.Features {
		if f.Differing > 0 {
			rows = append(rows, []string{"  " + f.Feature, f.Kind, number(f.Sensitivity), count(f.Differing), number(f.Mean), number(f.Cost)})
		}
	}
	if len(rows) > 0 {
		out.table([]string{"  FEATURE", "DISCREPANCY", "SENSITIVITY", "DIFFERING", "MEAN", "COST"}, rows)
	}
}

package main

import (
	"testing"

	"anabranch.dev/anabranch/schemas/catalogue"
	"anabranch.dev/anabranch/schemas/definition"
)

func TestExportsKeepToTheResidency(t *testing.T) {
	p := &definition.Project{
		Regions:  []string{"eu", "us"},
		Views:    []definition.View{{Name: "here", Features: []definition.Feature{{Name: "n"}}, Policy: definition.Policy{Residency: []string{"eu"}}}, {Name: "free", Features: []definition.Feature{{Name: "n"}}}},
		Services: []definition.Service{{Name: "both", Features: []definition.Selection{{View: "here", Features: []string{"*"}}, {View: "free", Features: []string{"n"}}}}},
	}
	w := &world{state: catalogue.State{Project: p}}
	for _, c := range []struct {
		region, service string
		ok              bool
	}{{"eu", "both", true}, {"us", "both", false}, {"us", "here:n", false}, {"us", "free:*", true}, {"", "both", true}} {
		if err := w.mayExport(c.region, c.service); (err == nil) != c.ok {
			t.Errorf("%s in %q: %v", c.service, c.region, err)
		}
	}
}

package merge_test

import (
	"flag"
	"strconv"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/value"
)

func TestLaws(t *testing.T) {
	for _, c := range mergetest.Cases() {
		t.Run(c.Name, func(t *testing.T) { mergetest.Run(t, c) })
	}
}

// TestEverySmallHistory tries all histories of three events, and of four in
// long runs, under all orders and deliveries.
func TestEverySmallHistory(t *testing.T) {
	events := 3
	if checks, err := strconv.Atoi(flag.Lookup("rapid.checks").Value.String()); err == nil && checks > 1000 {
		events = 4
	}
	for _, c := range mergetest.Cases() {
		if c.Spec.Input.Kind != value.List && c.Spec.Input.Kind != value.String {
			t.Run(c.Name, func(t *testing.T) { mergetest.Exhaust(t, c, events, mergetest.Few(&c)) })
		}
	}
}

package merge_test

import (
	"flag"
	"strconv"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/value"
)

func TestLaws(t *testing.T) {
	for _, c := range mergetest.Cases() {
		t.Run(c.Name, func(t *testing.T) { mergetest.Run(t, c) })
	}
}

// TestEveryDelivery runs every sequence of three operations on three replicas.
// CI takes five and the night run six.
func TestEveryDelivery(t *testing.T) {
	for _, c := range mergetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if _, err := mergetest.Worlds(c, 3, mergetest.Few(&c)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestShortHistories draws more histories than TestLaws, and smaller ones.
func TestShortHistories(t *testing.T) {
	for i, c := range mergetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if err := mergetest.Night(c, uint64(i)<<32, 500); err != nil {
				t.Fatal(err)
			}
		})
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
		if (c.Spec.Input.Kind != value.List || c.Spec.Feed() == merge.ExactList) && c.Spec.Input.Kind != value.String {
			t.Run(c.Name, func(t *testing.T) { mergetest.Exhaust(t, c, events, mergetest.Few(&c)) })
		}
	}
}

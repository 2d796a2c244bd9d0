package merge_test

import (
	"testing"

	"anabranch.dev/anabranch/pipelines/merge/mergetest"
)

func TestLaws(t *testing.T) {
	for _, c := range mergetest.Cases() {
		t.Run(c.Name, func(t *testing.T) { mergetest.Run(t, c) })
	}
}

// TestEverySmallHistory tries all histories of four events under all orders
// and deliveries, for one type of each kind.
func TestEverySmallHistory(t *testing.T) {
	done := map[string]bool{}
	for _, c := range mergetest.Cases() {
		if done[c.Spec.Kind] {
			continue
		}
		done[c.Spec.Kind] = true
		t.Run(c.Name, func(t *testing.T) { mergetest.Exhaust(t, c, 4, mergetest.Few(&c)) })
	}
}

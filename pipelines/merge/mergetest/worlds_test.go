package mergetest_test

import (
	"testing"

	"anabranch.dev/anabranch/pipelines/merge/mergetest"
)

// faultsInWorlds are the seeded faults that few operations bring to light.
var faultsInWorlds = []string{
	"last ignores ties", "last goes by stamp", "last goes by arrival", "first takes the last", "last skips null",
	"recent ignores event time", "recent drops before it merges", "set forgets what was removed",
	"sum combines twice", "mean forgets the argument", "min starts at zero", "approx_distinct counts twice in a union",
	"increments miss their first event", "increments are empty", "decoding forgets the source",
	"a remove undoes what its reader had not seen", "an add takes what was removed back",
}

func TestFewOperationsCatchSeededFaults(t *testing.T) {
	for _, name := range faultsInWorlds {
		t.Run(name, func(t *testing.T) {
			for _, f := range faults() {
				if f.name != name {
					continue
				}
				c := whose(caseOf(t, f.key), f.mutate)
				if _, err := mergetest.Worlds(c, 3, mergetest.Few(&c)); err != nil {
					return
				}
			}
			t.Error("nothing found")
		})
	}
}

// TestWorldsAreCounted compares with a count by hand: up to renaming, two
// operations on one kind of event make a world of one event, of two at one
// owner, of two at two owners, and of one delivered.
func TestWorldsAreCounted(t *testing.T) {
	c := caseOf(t, "count")
	few := mergetest.Few(&c)[:1]
	for n, want := range []int{1, 1 + 2, 1 + 2 + 4 + 3 + 2} { // each event at one of two times
		if got, err := mergetest.Worlds(c, n, few); got != want || err != nil {
			t.Errorf("%d operations: %d worlds, want %d; %v", n, got, want, err)
		}
	}
}

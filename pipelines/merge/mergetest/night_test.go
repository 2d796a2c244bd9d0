package mergetest_test

import (
	"errors"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge/mergetest"
)

// TestShortHistoriesCatchSeededFaults asserts that Night finds every fault, and
// again from the seed that it names.
func TestShortHistoriesCatchSeededFaults(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			c := whose(caseOf(t, f.key), f.mutate)
			err := mergetest.Night(c, 1, 3000)
			if err == nil {
				t.Fatal("nothing found")
			}
			var f *mergetest.Failure
			if !errors.As(err, &f) {
				t.Fatalf("%T", err)
			}
			if again := mergetest.Night(c, f.Seed, 1); again == nil || again.Error() != err.Error() {
				t.Errorf("%v\nand from its seed:\n%v", err, again)
			}
		})
	}
}

func BenchmarkNight(b *testing.B) {
	for _, c := range mergetest.Cases() {
		b.Run(c.Name, func(b *testing.B) {
			if err := mergetest.Night(c, 1, b.N); err != nil {
				b.Fatal(err)
			}
		})
	}
}

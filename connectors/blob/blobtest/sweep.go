package blobtest

import (
	"fmt"
	"testing"

	"anabranch.dev/anabranch/connectors/blob"
)

// maxSweep bounds a scenario: a sweep runs it four times for each of its operations.
const maxSweep = 500

// EachFault runs scenario without faults on an empty store in memory, and then once for each of its operations and each
// fault. scenario does its work through s, which fails once, and then judges what stands in inner, which does not fail; it
// must expect both a failure and, where it repeats what failed, success. What Delayed held back is applied when
// settle is called, or after the next operation.
func EachFault(t *testing.T, scenario func(t *testing.T, s blob.Store, inner *Memory, settle func())) {
	t.Helper()
	inner := NewMemory()
	plain := NewFaulty(inner)
	if !t.Run("no fault", func(t *testing.T) { scenario(t, plain, inner, plain.Settle) }) {
		return
	}
	ops := plain.Log()
	if len(ops) == 0 || len(ops) > maxSweep {
		t.Fatalf("the scenario has %d operations; want 1 to %d", len(ops), maxSweep)
	}
	for n, op := range ops {
		for _, fault := range Faults {
			t.Run(fmt.Sprintf("%d %s %s", n+1, op, fault), func(t *testing.T) {
				inner := NewMemory()
				s := NewFaulty(inner)
				s.FailAt(n+1, fault)
				scenario(t, s, inner, s.Settle)
			})
		}
	}
}

package mergetest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

// WantDistinct is the number of distinct values while they are few, and beyond
// the estimate of arXiv:1702.01284 from its defining sums.
func WantDistinct(precision int) func([]merge.Input) value.Value {
	return func(inputs []merge.Input) value.Value {
		hashes := map[uint64]bool{}
		for _, in := range inputs {
			hashes[xxhash.Sum64(value.Append(nil, in.X))] = true
		}
		if few := (1 << precision) * 6 / 64; len(hashes) <= few {
			return value.Int(int64(len(hashes)))
		}
		registers := make([]int, 1<<precision)
		for h := range hashes {
			bits := fmt.Sprintf("%064b", h)
			i, _ := strconv.ParseUint(bits[:precision], 2, 64)
			place := strings.IndexByte(bits[precision:]+"1", '1') + 1
			registers[i] = max(registers[i], place)
		}
		return value.Int(int64(math.Round(ertl(registers, precision))))
	}
}

// ertl is the improved raw estimate α∞ m² / (mσ(C₀/m) + Σ C_k 2^-k + mτ(1-C_{q+1}/m) 2^-q).
func ertl(registers []int, precision int) float64 {
	m, q := float64(len(registers)), 64-precision
	counts := make([]float64, q+2)
	for _, r := range registers {
		counts[r]++
	}
	sum := m*sigma(counts[0]/m) + m*tau(1-counts[q+1]/m)*math.Pow(2, -float64(q))
	for k := 1; k <= q; k++ {
		sum += counts[k] * math.Pow(2, -float64(k))
	}
	return m * m / (2 * math.Ln2 * sum)
}

func sigma(x float64) float64 {
	sum := x
	for k := 1; k < 60; k++ {
		sum += math.Pow(x, math.Pow(2, float64(k))) * math.Pow(2, float64(k-1))
	}
	return sum
}

func tau(x float64) float64 {
	sum := 1 - x
	for k := 1; k < 60; k++ {
		gap := 1 - math.Pow(x, math.Pow(2, -float64(k)))
		sum -= gap * gap * math.Pow(2, -float64(k))
	}
	return sum / 3
}

// WithinOne accepts estimates whose rounding differs.
func WithinOne(got, want value.Value) error {
	if got.Kind != value.Int64 || got.N-want.N > 1 || want.N-got.N > 1 {
		return fmt.Errorf("more than 1 apart")
	}
	return nil
}

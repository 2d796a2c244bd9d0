package basis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkFind is a whole fit: the rows are read once to be counted, three times
// to be multiplied and once for the directions.
func BenchmarkFind(b *testing.B) {
	for _, c := range []struct{ rows, dim, rank int }{{20_000, 64, 16}, {2_000, 1024, 32}} {
		b.Run(fmt.Sprintf("rows=%d/dim=%d/rank=%d", c.rows, c.dim, c.rank), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			list := make([][]float64, c.rows)
			for i := range list {
				list[i] = make([]float64, c.dim)
				for j := range list[i] {
					list[i][j] = rng.NormFloat64()
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Find(context.Background(), rowsOf(list), Config{Rank: c.rank}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(c.rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

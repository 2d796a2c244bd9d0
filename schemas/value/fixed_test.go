package value

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestFewDigitsAreReadAsTheirTextIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.Int32Range(0, 18).Draw(t, "scale")
		var f float64
		switch rapid.IntRange(0, 3).Draw(t, "sort") {
		case 0:
			f = rapid.Float64().Draw(t, "f")
		case 1: // a decimal of few digits
			f = float64(rapid.Int64Range(-1e15, 1e15).Draw(t, "digits")) / math.Pow10(rapid.IntRange(0, 18).Draw(t, "point"))
		case 2: // and its neighbours
			f = math.Nextafter(float64(rapid.Int64Range(-1e6, 1e6).Draw(t, "digits"))/math.Pow10(rapid.IntRange(0, 6).Draw(t, "point")), math.Inf(rapid.SampledFrom([]int{-1, 1}).Draw(t, "side")))
		default: // halves
			f = (float64(rapid.Int64Range(-1e9, 1e9).Draw(t, "digits")) + 0.5) / math.Pow10(rapid.IntRange(0, 9).Draw(t, "point"))
		}
		got, ok := Fixed(f, scale)
		want, wantOK := fixedByText(f, scale)
		if got != want || ok != wantOK {
			t.Fatalf("Fixed(%v, %d) = %v %v, by its text %v %v", f, scale, got, ok, want, wantOK)
		}
	})
}

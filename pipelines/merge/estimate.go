package merge

import "math"

// estimate is the improved raw estimate of Ertl, "New cardinality estimation
// algorithms for HyperLogLog sketches" (arXiv:1702.01284), algorithm 6:
// histogram[k] registers hold k, of 2^precision. The result is rounded to the
// nearest integer.
//
// This function and its two series are the only floating-point additions of
// the package. Every product and sum is converted on its own, which forbids
// fused operations (Go specification, Floating-point operators); the rest is
// division, square root and scaling, which IEEE 754 rounds the same on every
// machine. So one histogram gives one result everywhere.
func estimate(histogram *[64]uint32, precision int) int64 {
	q := 64 - precision
	m := float64(uint64(1) << precision)
	z := float64(m * tau(float64(1-float64(float64(histogram[q+1])/m))))
	for k := q; k >= 1; k-- {
		z = float64(0.5 * float64(z+float64(histogram[k])))
	}
	z = float64(z + float64(m*sigma(float64(float64(histogram[0])/m))))
	const twoLn2 = 2 * math.Ln2
	n := math.RoundToEven(float64(float64(float64(m/twoLn2)*m) / z))
	if n >= 1<<63 {
		return math.MaxInt64 // every register is full
	}
	return int64(n)
}

// sigma is x + Σ x^(2^k) 2^(k-1) over k >= 1.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for before := -1.0; z != before; {
		before = z
		x = float64(x * x)
		z = float64(z + float64(x*y))
		y = float64(y + y)
	}
	return z
}

// tau is (1 - x - Σ (1 - x^(2^-k))² 2^-k over k >= 1) / 3.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, float64(1-x)
	for before := -1.0; z != before; {
		before = z
		x = math.Sqrt(x)
		y = float64(0.5 * y)
		gap := float64(1 - x)
		z = float64(z - float64(float64(gap*gap)*y))
	}
	return float64(z / 3)
}

package oracle

import (
	"math"
	"math/big"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// lives is how many half-lives behind the key's newest event count.
const lives = 40

// faded reports whether an event is so old that it does not count: more than
// 40 half-lives before the newest, in whole half-lives since the epoch.
func faded(at, newest, half stamp.Micros) bool {
	return epochOf(at, half) < epochOf(newest-lives*half, half)
}

func epochOf(at, half stamp.Micros) int64 {
	return floor(big.NewRat(int64(at), int64(half))).Int64()
}

// decayed is the sum of x*2^-((t-ts)/half_life), for ema over that of 2^-(...).
func (c *Case) decayed(f *definition.Feature, in []asof.Event, t stamp.Micros) Result {
	if len(in) == 0 {
		return Result{}
	}
	at := t
	if f.Kind == "ema" {
		at = in[len(in)-1].Time // the same at any time
	}
	sum, size, weight := new(big.Rat), new(big.Rat), new(big.Rat)
	for _, e := range in {
		x := new(big.Rat).SetFrac(exact(c.eval(f.Of, &e), c.scaleOf(f)), power(c.scaleOf(f)))
		w := half(int64(at-e.Time), int64(f.HalfLife))
		weight.Add(weight, w)
		x.Mul(x, w)
		sum.Add(sum, x)
		size.Add(size, x.Abs(x))
	}
	if f.Kind == "ema" {
		sum.Quo(sum, weight)
		size.Quo(size, weight)
	}
	tolerance := size.Mul(size, big.NewRat(1, 1_000_000))
	tolerance.Add(tolerance, number(value.Float(math.SmallestNonzeroFloat64)))
	return Result{Value: nearest(sum), accepts: within(sum, tolerance)}
}

const (
	digits = 256  // bits of the roots below
	beyond = 3000 // halvings that leave nothing of any number
)

// half is 2^-(n/d) to far more digits than anything here promises: 2^-(whole
// halvings), times for each further bit of n/d the root that it stands for.
func half(n, d int64) *big.Rat {
	whole, rest := min(n/d, beyond), new(big.Rat).SetFrac64(n%d, d)
	product := new(big.Float).SetPrec(digits).SetInt64(1)
	root := new(big.Float).SetPrec(digits).SetFloat64(0.5)
	one, two := big.NewRat(1, 1), big.NewRat(2, 1)
	for range 100 {
		root.Sqrt(root) // 2^-(1/2), 2^-(1/4), ...
		if rest.Mul(rest, two).Cmp(one) >= 0 {
			rest.Sub(rest, one)
			product.Mul(product, root)
		}
	}
	product.SetMantExp(product, -int(whole))
	r, _ := product.Rat(nil)
	return r
}

package main

import (
	"fmt"
	"math"
)

// What the events carry, the same for all subjects: items recur with a few
// heavy ones among them, amounts are cents, latencies spread over decades.
var (
	times   [most]int64 // µs, a second apart
	amounts [most]int64 // of cents
	floats  [most]float64
	waits   [most]float64
	items   [most]string
	users   [most]string
	vectors [most][]float64
)

const dim, rank = 64, 8

func init() {
	var few [16][]float64
	for i := range few {
		for j := range dim {
			few[i] = append(few[i], float64(int64(spread(i*dim+j)%2_000_001)-1_000_000)/1e6)
		}
	}
	for i := range most {
		times[i] = 986_000_000_000_000 + 1_000_000*int64(i)
		amounts[i] = int64(i*7919%100_000) - 50_000
		floats[i] = float64(amounts[i]) / 100
		waits[i] = math.Round(math.Exp(float64(spread(i)%1000)/100)*100) / 100
		items[i] = fmt.Sprintf("item-%05d", int(3000*math.Pow(float64(spread(i)%1_000_000)/1e6, 4)))
		users[i] = fmt.Sprintf("user-%05d", spread(i)%50_000)
		vectors[i] = few[spread(i)%16]
	}
}

// spread is a hash of i.
func spread(i int) uint64 {
	z := uint64(i+1) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	return z ^ z>>31
}

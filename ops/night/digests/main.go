// Digests folds the same seeded histories of every kind of feature, and rows of
// random views, and prints a digest of all bytes and values for each. What is
// printed is the same whatever the machine and the compiler's target are;
// digests.sh compares targets.
//
//	go run ./ops/night/digests [--histories 300] [--rows 100] [--seed 1]
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"

	"anabranch.dev/anabranch/pipelines/merge/mergetest"
)

func main() {
	histories := flag.Int("histories", 300, "of each case")
	rows := flag.Int("rows", 100, "of random views")
	seed := flag.Uint64("seed", 1, "where the seeds begin")
	control := flag.Bool("control", false, "print only a sum that targets do differ in")
	flag.Parse()
	if *control {
		fmt.Printf("%x\n", fusible(1_000))
		return
	}
	if err := print(*histories, *rows, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "digests:", err)
		os.Exit(1)
	}
}

// fusible is 0 where each operation is rounded, and is not where the compiler
// fuses a product and a sum, as it may and for some targets does: the rounding
// that merges must not have.
func fusible(n int) (sum float64) {
	for i := range n {
		x := 1 / float64(i+3)
		minus := -float64(x * x)
		sum += x*x + minus
	}
	return sum
}

func print(histories, rows int, seed uint64) error {
	var events, results []byte
	for _, c := range mergetest.Cases() {
		in, out, err := mergetest.Digest(c, seed, histories)
		if err != nil {
			return err
		}
		fmt.Printf("%-64s events %x  states %x\n", c.Name, in[:8], out[:8])
		events, results = append(events, in[:]...), append(results, out[:]...)
	}
	in, out, err := digestRows(seed, rows)
	if err != nil {
		return err
	}
	fmt.Printf("%-64s events %x  states %x\n", "rows of random views", in[:8], out[:8])
	fmt.Printf("%-64s events %x  states %x\n", "all", sha256.Sum256(append(events, in...)), sha256.Sum256(append(results, out...)))
	return nil
}

// Kinds times every kind of feature beside what else there is: a plain Go map,
// slice or float that keeps no order and cannot be merged exactly, and the best
// library for it. It is a module of its own, so that the product's go.mod has no
// libraries that only this needs.
//
//	cd ops/bench/kinds && go run .            the table of ops/bench/README.md
//	go run . top quantiles                    some kinds
//
// Each number is the median of seven repetitions: nanoseconds to fold one of n
// events into a state that begins empty (update), to make one new state of two
// that hold n events each (merge), to read a state of n events (read) and to
// write it (encode), and how many bytes that is (bytes).
package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// most is how many events there are.
const most = 20_000

var sizes = []int{1, 100, 10_000}

// sketch is a state of a kind or of what stands beside it.
type sketch interface {
	add(i int)      // the i-th event
	merge(o sketch) // of the same subject
	read()          // the value, as an application would want it
	encode(b []byte) []byte
}

// subject is one row of the table.
type subject struct {
	kind, name string
	make       func() sketch
}

func main() {
	fmt.Println("| kind | what | n | update ns | merge ns | read ns | encode ns | bytes |")
	fmt.Println("|---|---|---:|---:|---:|---:|---:|---:|")
	for _, s := range subjects() {
		if len(os.Args) > 1 && !slices.Contains(os.Args[1:], s.kind) {
			continue
		}
		for _, n := range sizes {
			s.row(n)
		}
	}
}

func subjects() []subject {
	all := slices.Concat(kinds(), plains(), libraries())
	order := map[string]int{}
	for i, s := range kinds() {
		if _, ok := order[s.kind]; !ok {
			order[s.kind] = i
		}
	}
	slices.SortStableFunc(all, func(a, b subject) int { return order[a.kind] - order[b.kind] })
	return all
}

func (s *subject) of(from, n int) sketch {
	x := s.make()
	for i := range n {
		x.add(from + i)
	}
	return x
}

func (s *subject) row(n int) {
	a, b := s.of(0, n), s.of(n, n)
	var buf []byte
	update := median(func() { s.of(0, n) }) / float64(n)
	merge := median(func() {
		x := s.make()
		x.merge(a)
		x.merge(b)
	})
	read := median(a.read)
	encode := median(func() { buf = a.encode(buf[:0]) })
	fmt.Printf("| %s | %s | %d | %s | %s | %s | %s | %d |\n", s.kind, s.name, n, short(update), short(merge), short(read), short(encode), len(buf))
}

// median is the nanoseconds of processor time that f takes, the collector's
// included, in the middle of seven measurements. Processor time, since a busy
// machine makes others wait.
func median(f func()) float64 {
	f()
	var all []float64
	for range 7 {
		begin, times := processor(), 0
		for batch := 1; processor()-begin < 4*time.Millisecond; batch = min(2*batch, 1024) {
			for range batch {
				f()
			}
			times += batch
		}
		all = append(all, float64(processor()-begin)/float64(times))
	}
	runtime.KeepAlive(sink)
	slices.Sort(all)
	return all[len(all)/2]
}

// processor is the time that this process has had of all processors.
func processor() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// short is a number with two digits that mean something.
func short(ns float64) string {
	switch {
	case ns < 10:
		return fmt.Sprintf("%.1f", ns)
	case ns < 10_000:
		return fmt.Sprintf("%.0f", ns)
	}
	return fmt.Sprintf("%.0f k", ns/1000)
}

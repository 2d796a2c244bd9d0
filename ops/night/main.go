// Night runs every randomized check of the project at length, prints what it
// does as it does it, and leaves the totals in ops/night/RESULTS.md.
//
//	go run ./ops/night                        about 25 minutes on two cores
//	go run ./ops/night --minutes 5            a fifth of everything
//	go run ./ops/night --short                what .ci/run takes
//	go run ./ops/night --case 'last(int64)' --seed 12345 --histories 1
//	                                          one history of one kind again
//
// What it runs, each in as many processes as there are cores:
//
//	laws       random histories of every kind of feature: five replicas that
//	           exchange, lose, repeat, reorder, coalesce, crash and replay
//	           (mergetest.Night); a kind's histories are spread over its cases
//	worlds     every sequence of six operations on three replicas
//	           (mergetest.Worlds), for two cases of every kind, and of five for
//	           the others
//	properties every property test of the module (pgregory.net/rapid), each
//	           for --property: the sweep against its oracle, rounds, rows, crash
//	           images of the state, simulated regions, files, clocks, Avro …
//	fuzz       every fuzz target for --fuzz, beyond its seeds
//	blackbox   random projects through the binary, against an oracle of its own
//	           (ops/integration/blackbox; needs what ops/parts/clients.sh installs)
//
// Every check prints its seed, and a failure the line that repeats it. Exit 0:
// nothing failed; 1: something did; 2: wrong usage. It writes nothing but the
// results, files below a temporary directory, and, if a fuzz target fails, the
// input below that package's testdata.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// settings are the sizes of a run.
type settings struct {
	histories int // of each kind
	depth     int // operations of the worlds
	checks    int // of each property test, at least
	property  time.Duration
	fuzz      time.Duration
	blackbox  int // projects
	seed      uint64
	only      string // the case that is run alone
	results   string // file
}

// wholeNight is what the defaults take, in minutes, on two cores.
const wholeNight = 25

func main() {
	s, err := parse(os.Args[1:])
	if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := newRun(ctx, s)
	r.all()
	fmt.Print(r.totals())
	if s.results != "" {
		if err := os.WriteFile(s.results, []byte(r.page()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "night:", err)
			os.Exit(1)
		}
	}
	if len(r.failures) > 0 {
		stop()
		os.Exit(1)
	}
}

// parse reads the flags; it has printed what is wrong.
func parse(args []string) (s settings, err error) {
	f := flag.NewFlagSet("night", flag.ContinueOnError)
	minutes := f.Float64("minutes", wholeNight, "about how long, on two cores; scales what is not given")
	short := f.Bool("short", false, "the counts of .ci/run: 10,000 histories, 5 operations, 300 checks, no fuzzing")
	f.IntVar(&s.histories, "histories", 0, "histories of each kind (1,000,000)")
	f.IntVar(&s.depth, "depth", 0, "operations on three replicas, exhaustively (6)")
	f.IntVar(&s.checks, "checks", 0, "checks of each property test, at least; never below 100")
	f.DurationVar(&s.property, "property", 0, "time for each property test (4s)")
	f.DurationVar(&s.fuzz, "fuzz", 0, "time for each fuzz target (4s)")
	f.IntVar(&s.blackbox, "blackbox", 0, "random projects through the binary (4)")
	f.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "where the seeds begin")
	f.StringVar(&s.only, "case", "", "only histories of this case, from the very seed")
	f.StringVar(&s.results, "results", "", "file for the totals (ops/night/RESULTS.md, if nothing is left out)")
	if err = f.Parse(args); err != nil {
		return s, err
	}
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if *short {
		s.fill(given, settings{histories: 10_000, depth: 5, checks: 300})
		return s, nil
	}
	part := *minutes / wholeNight
	length := func(d time.Duration) time.Duration {
		return time.Duration(part * float64(d)).Round(100 * time.Millisecond)
	}
	s.fill(given, settings{
		histories: max(1, int(part*1_000_000)), depth: 6, checks: 100, property: length(4 * time.Second), fuzz: length(4 * time.Second),
		blackbox: int(part * 4), results: "ops/night/RESULTS.md",
	})
	return s, nil
}

// fill sets what was not given.
func (s *settings) fill(given map[string]bool, d settings) {
	set(given["histories"], &s.histories, d.histories)
	set(given["depth"], &s.depth, d.depth)
	set(given["checks"], &s.checks, d.checks)
	set(given["property"], &s.property, d.property)
	set(given["fuzz"], &s.fuzz, d.fuzz)
	set(given["blackbox"], &s.blackbox, d.blackbox)
	set(given["results"] || s.only != "", &s.results, d.results)
}

func set[T any](given bool, to *T, value T) {
	if !given {
		*to = value
	}
}

// all runs the checks one after the other.
func (r *run) all() {
	r.say("%s on %d cores, seed %d", runtime.Version(), runtime.NumCPU(), r.seed)
	r.laws()
	if r.only != "" {
		return
	}
	r.worlds()
	r.properties()
	r.fuzzing()
	r.black()
}

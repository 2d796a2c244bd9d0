package main

import (
	"errors"
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge/mergetest"
)

// laws runs random histories, a kind's spread over its cases.
func (r *run) laws() {
	cases := mergetest.Cases()
	count := map[string]int{}
	for _, c := range cases {
		count[c.Spec.Kind]++
	}
	var jobs []job
	for i, c := range cases {
		seed, n := r.seed+uint64(i)<<40, (r.histories+count[c.Spec.Kind]-1)/count[c.Spec.Kind]
		switch r.only {
		case "":
		case c.Name:
			seed, n = r.seed, r.histories
		default:
			continue
		}
		jobs = append(jobs, r.stretches(c, seed, n)...)
	}
	if len(jobs) == 0 {
		r.failures = append(r.failures, failure{check: "laws", what: r.only, err: errors.New("there is no such case")})
	}
	r.each("laws", "histories", jobs)
}

// stretch is how many histories one job runs: few enough that the cores end
// together.
const stretch = 50_000

// stretches are the jobs of one case.
func (r *run) stretches(c mergetest.Case, seed uint64, n int) (jobs []job) {
	for from := 0; from < n; from += stretch {
		jobs = append(jobs, job{what: c.Spec.Kind, run: func() (int64, string, error) {
			some := min(stretch, n-from)
			err := mergetest.Night(c, seed+uint64(from), some)
			var f *mergetest.Failure
			if errors.As(err, &f) {
				return int64(f.Seed - seed - uint64(from)), fmt.Sprintf("go run ./ops/night --case '%s' --seed %d --histories 1", f.Case, f.Seed), err
			}
			return int64(some), "", err
		}})
	}
	return jobs
}

// deepest is how many cases of a kind, apart from exact and observed ones, are
// followed to the last operation; the
// others, which differ in the type of what they hold, to one before it.
const deepest = 2

// worlds runs every sequence of a few operations on three replicas.
func (r *run) worlds() {
	var jobs []job
	count := map[string]int{}
	for _, c := range mergetest.Cases() {
		depth := r.depth
		alike := fmt.Sprint(c.Spec.Kind, c.Spec.Exact, c.Spec.Observed)
		if count[alike]++; count[alike] > deepest {
			depth--
		}
		jobs = append(jobs, job{what: c.Spec.Kind, run: func() (int64, string, error) {
			n, err := mergetest.Worlds(c, depth, mergetest.Few(&c))
			return int64(n), fmt.Sprintf("go run ./ops/night --depth %d", r.depth), err
		}})
	}
	r.each("worlds", fmt.Sprintf("worlds of %d operations", r.depth), jobs)
}

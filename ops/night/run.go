package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// run is one night: what was checked so far.
type run struct {
	settings
	ctx   context.Context
	began time.Time

	mu       sync.Mutex // guards what follows; never held across a check
	sums     []sum
	failures []failure
}

// sum is how much of one thing was checked.
type sum struct {
	check, what, unit string
	n                 int64
	busy              time.Duration // of one core
	left              int           // jobs
}

// failure is what was found, and how to see it again.
type failure struct {
	check, what string
	err         error
	again       string
}

// job is a part of a check, for one core.
type job struct {
	what string // the row of the totals that it counts for
	run  func() (n int64, again string, err error)
}

func newRun(ctx context.Context, s settings) *run {
	return &run{settings: s, ctx: ctx, began: time.Now()}
}

// say prints a line of progress.
func (r *run) say(format string, args ...any) {
	at := time.Since(r.began).Round(time.Second)
	fmt.Printf("%02d:%02d  %s\n", int(at.Minutes()), int(at.Seconds())%60, fmt.Sprintf(format, args...))
}

// each runs the jobs of a check, as many at a time as there are cores.
func (r *run) each(check, unit string, jobs []job) {
	index := map[string]int{}
	for _, j := range jobs {
		if _, ok := index[j.what]; !ok {
			index[j.what] = len(r.sums)
			r.sums = append(r.sums, sum{check: check, what: j.what, unit: unit})
		}
		r.sums[index[j.what]].left++
	}
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			for j := range queue {
				if r.ctx.Err() == nil {
					r.one(&r.sums[index[j.what]], j)
				}
			}
		})
	}
	workers.Wait()
	if r.ctx.Err() != nil {
		r.failures = append(r.failures, failure{check: check, err: fmt.Errorf("interrupted"), again: fmt.Sprintf("go run ./ops/night --seed %d", r.seed)})
	}
}

func (r *run) one(row *sum, j job) {
	begin := time.Now()
	n, again, err := j.run()
	r.mu.Lock()
	defer r.mu.Unlock()
	row.n += n
	row.busy += time.Since(begin)
	row.left--
	switch {
	case err != nil && r.ctx.Err() == nil:
		r.failures = append(r.failures, failure{row.check, row.what, err, again})
		r.say("FAILED  %s %s: %v\n       again: %s", row.check, row.what, err, again)
	case row.left == 0:
		r.say("%s  %s: %s %s, %s of a core", row.check, row.what, thousands(row.n), row.unit, row.busy.Round(10*time.Millisecond))
	}
}

// command runs a program in a directory of the module and returns all that it
// said.
func (r *run) command(dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(r.ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
	}
	return string(out), nil
}

// tail is the last lines of s, indented.
func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return "\n       " + strings.Join(all[max(0, len(all)-lines):], "\n       ")
}

// thousands writes n with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

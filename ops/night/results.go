package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// totals is what was checked, a line for each check, and what failed.
func (r *run) totals() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-12s %16s  %s\n", "check", "cases", "")
	for _, s := range r.byCheck() {
		fmt.Fprintf(&b, "%-12s %16s  %s\n", s.check, thousands(s.n), s.unit)
	}
	fmt.Fprintf(&b, "\nseed %d, %s, %s\n", r.seed, r.took(), r.verdict())
	for _, f := range r.failures {
		fmt.Fprintf(&b, "FAILED %s %s: %v\n       again: %s\n", f.check, f.what, f.err, f.again)
	}
	return b.String()
}

func (r *run) took() time.Duration { return time.Since(r.began).Round(time.Second) }

func (r *run) verdict() string {
	if len(r.failures) == 0 {
		return "nothing failed"
	}
	return fmt.Sprintf("%d failed", len(r.failures))
}

// byCheck sums the rows of each check.
func (r *run) byCheck() (all []sum) {
	for _, s := range r.sums {
		if n := len(all); n > 0 && all[n-1].check == s.check {
			all[n-1].n += s.n
			all[n-1].busy += s.busy
		} else {
			all = append(all, s)
		}
	}
	return all
}

// page is RESULTS.md.
func (r *run) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The last night run\n\nWritten by `go run ./ops/night`; its own comment says what the checks are.\n\n")
	fmt.Fprintf(&b, "| | |\n|---|---|\n| date | %s UTC |\n| commit | %s |\n", r.began.UTC().Format("2006-01-02 15:04"), commit())
	fmt.Fprintf(&b, "| machine | %d cores, %s/%s, %s |\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	fmt.Fprintf(&b, "| seed | %d |\n| time | %s |\n| failures | %d |\n", r.seed, r.took(), len(r.failures))
	fmt.Fprintf(&b, "\n## Totals\n\n| check | cases | of | core time |\n|---|---:|---|---:|\n")
	for _, s := range r.byCheck() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.check, thousands(s.n), s.unit, s.busy.Round(time.Second))
	}
	if len(r.failures) > 0 {
		fmt.Fprintf(&b, "\n## Failures\n")
	}
	for _, f := range r.failures {
		fmt.Fprintf(&b, "\n%s %s\n\n```\n%v\nagain: %s\n```\n", f.check, f.what, f.err, f.again)
	}
	check := ""
	for _, s := range r.sums {
		if s.check != check {
			check = s.check
			fmt.Fprintf(&b, "\n## %s\n\n| | %s | core time |\n|---|---:|---:|\n", check, s.unit)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", s.what, thousands(s.n), s.busy.Round(100*time.Millisecond))
	}
	return b.String()
}

// commit is the revision that runs.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "no revision"
	}
	changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output()
	if err == nil && len(changed) > 0 {
		return strings.TrimSpace(string(out)) + " and changes"
	}
	return strings.TrimSpace(string(out))
}

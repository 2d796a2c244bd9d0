package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// test is the head of a test function.
var test = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// drawing is a pattern of the tests in those files of a package that draw.
func drawing(dir string) string {
	return "^(" + strings.Join(functions(dir, test, "rapid"), "|") + ")$"
}

// functions are the names that a pattern finds in a package's test files which
// contain a text.
func functions(dir string, pattern *regexp.Regexp, text string) (names []string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
	for _, path := range files {
		source, _ := os.ReadFile(path)
		if !strings.Contains(string(source), text) {
			continue
		}
		for _, m := range pattern.FindAllStringSubmatch(string(source), -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// packages are the directories of the module whose tests have a pattern.
func packages(pattern string) []string {
	var dirs []string
	has := regexp.MustCompile(pattern)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && name != "." && strings.HasPrefix(name, ".") {
			return filepath.SkipDir
		}
		if d.IsDir() && path != "." && exists(filepath.Join(path, "go.mod")) {
			return filepath.SkipDir // another module
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && has.Match(text) {
			dirs = append(dirs, filepath.Dir(path))
		}
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "night:", err)
		os.Exit(1)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// property is a test that draws: how long how many checks of it took.
type property struct {
	name   string
	checks int
	took   time.Duration
}

var (
	begins = regexp.MustCompile(`^=== (?:RUN|NAME|CONT) +([^/\s]+)`)
	passed = regexp.MustCompile(`\[rapid\] OK, passed (\d+) tests \((.*)\)`)
)

// propertiesOf reads the verbose output of tests.
func propertiesOf(out string) (all []property) {
	name := ""
	for line := range strings.Lines(out) {
		if m := begins.FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		m := passed.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		checks, _ := strconv.Atoi(m[1])
		took, _ := time.ParseDuration(m[2])
		if i := slices.IndexFunc(all, func(p property) bool { return p.name == name }); i >= 0 {
			all[i].checks += checks
			all[i].took += took
		} else {
			all = append(all, property{name, checks, took})
		}
	}
	return all
}

// probe is how many checks of a property are run to see how long they take:
// what go test takes, which some tests need to see anything.
const probe = 100

// properties builds each package's tests, runs them once to see which draw and
// how long that takes, and then each of those for its time.
func (r *run) properties() {
	bin, err := os.MkdirTemp("", "anabranch-night-")
	if err != nil {
		r.failures = append(r.failures, failure{check: "properties", err: err})
		return
	}
	defer os.RemoveAll(bin)
	var jobs []job
	for i, dir := range packages(`"pgregory\.net/rapid"`) {
		jobs = append(jobs, job{what: dir, run: func() (int64, string, error) {
			return r.packageOf(dir, filepath.Join(bin, fmt.Sprint(i)))
		}})
	}
	r.each("properties", "checks", jobs)
}

func (r *run) packageOf(dir, bin string) (n int64, again string, err error) {
	if out, err := r.command(".", "go", "test", "-c", "-o", bin, "./"+dir); err != nil {
		return 0, "go vet ./" + dir, fmt.Errorf("%w%s", err, tail(out, 20))
	}
	names := drawing(dir)
	out, err := r.command(dir, bin, r.flags(names, probe)...)
	if err != nil {
		return 0, r.repeat(dir, names, probe), fmt.Errorf("%w%s", err, tail(out, 30))
	}
	for _, p := range propertiesOf(out) {
		checks := max(r.checks, probe, int(float64(probe)*float64(r.property)/float64(p.took+time.Microsecond)))
		some, again, err := r.tests(dir, bin, "^"+p.name+"$", min(checks, 2_000_000))
		if n += some; err != nil {
			return n, again, err
		}
	}
	return n, "", nil
}

func (r *run) flags(name string, checks int) []string {
	return []string{"-test.v", "-test.timeout=60m", "-test.run=" + name, fmt.Sprint("-rapid.checks=", checks), fmt.Sprint("-rapid.seed=", r.seed), "-rapid.nofailfile"}
}

// tests runs those of a name and returns how many checks passed.
func (r *run) tests(dir, bin, name string, checks int) (n int64, again string, err error) {
	out, err := r.command(dir, bin, r.flags(name, checks)...)
	for _, p := range propertiesOf(out) {
		n += int64(p.checks)
	}
	if err != nil {
		return n, r.repeat(dir, name, checks), fmt.Errorf("%s: %w%s", name, err, tail(out, 30))
	}
	return n, "", nil
}

func (r *run) repeat(dir, name string, checks int) string {
	return fmt.Sprintf("go test ./%s -run '%s' -rapid.checks=%d -rapid.seed=%d", dir, name, checks, r.seed)
}

var (
	target = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	execs  = regexp.MustCompile(`execs: (\d+)`)
)

// fuzzing runs every fuzz target beyond its seeds.
func (r *run) fuzzing() {
	if r.fuzz <= 0 {
		return
	}
	var jobs []job
	for _, dir := range packages(`(?m)^func Fuzz`) {
		for _, name := range functions(dir, target, "") {
			jobs = append(jobs, job{what: dir, run: func() (int64, string, error) { return r.fuzzOne(dir, name) }})
		}
	}
	r.each("fuzz", "inputs", jobs)
}

func (r *run) fuzzOne(dir, name string) (n int64, again string, err error) {
	args := []string{"test", "./" + dir, "-run", "^$", "-fuzz", "^" + name + "$", "-fuzztime", r.fuzz.String(), "-parallel", "1"}
	out, err := r.command(".", "go", args...)
	for _, m := range execs.FindAllStringSubmatch(out, -1) {
		n, _ = strconv.ParseInt(m[1], 10, 64)
	}
	if err != nil && !onlyLate(out) {
		return n, "go " + strings.Join(args, " "), fmt.Errorf("%w%s", err, tail(out, 30))
	}
	return n, "", nil
}

// onlyLate reports whether all that failed is that a worker was not done when
// the time was over, as happens on a busy machine: no input was found.
func onlyLate(out string) bool {
	found := strings.Contains(out, "Failing input") || strings.Contains(out, "panic:") || strings.Contains(out, "DATA RACE")
	return strings.Contains(out, "context deadline exceeded") && !found
}

package compose_test

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// binary is the command line as the program itself describes it.
type binary struct {
	path  string
	usage map[string]string // command → its help
}

var (
	commandLine = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*)\b`)
	flagName    = regexp.MustCompile(`--[a-z][a-z0-9-]*`)
	variable    = regexp.MustCompile(`\$(ANABRANCH_[A-Z0-9_]+)`)
)

var built struct {
	once sync.Once
	bin  *binary
	err  error
}

// build makes the binary, once for all tests, and asks each command for its
// help.
func build(t *testing.T) *binary {
	t.Helper()
	built.once.Do(func() { built.bin, built.err = buildIn(tempDir) })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.bin
}

var tempDir string

func TestMain(m *testing.M) {
	os.Exit(inTempDir(m))
}

func inTempDir(m *testing.M) int {
	var err error
	if tempDir, err = os.MkdirTemp("", "anabranch-compose-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(tempDir)
	return m.Run()
}

func buildIn(dir string) (*binary, error) {
	b := &binary{path: filepath.Join(dir, "anabranch"), usage: map[string]string{}}
	cmd := exec.Command("go", "build", "-o", b.path, "./cmd/anabranch")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	help, err := exec.Command(b.path, "--help").Output()
	if err != nil {
		return nil, err
	}
	for _, m := range commandLine.FindAllSubmatch(help, -1) {
		name := string(m[1])
		text, err := exec.Command(b.path, name, "--help").Output()
		if err != nil {
			return nil, fmt.Errorf("%s --help: %w", name, err)
		}
		b.usage[name] = string(text)
	}
	return b, nil
}

// check says what is wrong with one command line of a service of ours.
func (b *binary) check(f *composeFile, s *service, line []string) (problems []string) {
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if len(line) == 0 || b.usage[line[0]] == "" {
		report("no command of the binary")
		return problems
	}
	help := b.usage[line[0]]
	flags := flagName.FindAllString(help, -1)
	for i, word := range line[1:] {
		if strings.HasPrefix(word, "--") && !slices.Contains(flags, word) {
			report("%s has no flag %s", line[0], word)
		}
		if strings.HasPrefix(word, "/") {
			if _, err := s.inImage(word); err != nil {
				report("%v", err)
			}
		}
		if strings.HasPrefix(word, "http://") {
			if err := f.knownURL(word); err != nil {
				report("%v", err)
			}
		}
		if line[i] == "--config" {
			problems = append(problems, b.checkSettings(f, s, word)...)
		}
	}
	known := variable.FindAllStringSubmatch(help, -1)
	for name := range s.Environment {
		if strings.HasPrefix(name, "AWS_") {
			continue
		}
		if !slices.ContainsFunc(known, func(m []string) bool { return m[1] == name }) {
			report("%s reads no variable %s", line[0], name)
		}
	}
	return problems
}

// inImage finds what a path in the container is on this machine; empty for a
// volume.
func (s *service) inImage(p string) (string, error) {
	if p == "/data" {
		return "", nil // made by the Dockerfile
	}
	for _, v := range s.Volumes {
		source, rest, _ := strings.Cut(v, ":")
		target, _, _ := strings.Cut(rest, ":")
		below, ok := strings.CutPrefix(p, target)
		if !ok || below != "" && below[0] != '/' {
			continue
		}
		if !strings.HasPrefix(source, ".") {
			return "", nil
		}
		here := filepath.Join(root, source, filepath.FromSlash(path.Clean("/"+below)))
		if _, err := os.Stat(here); err != nil {
			break
		}
		return filepath.Abs(here)
	}
	return "", fmt.Errorf("%s is not in the image", p)
}

// readsSettings has the binary read a settings file, strictly and to its end,
// and stop there: a worker without the role fold is refused before it opens
// anything.
func (b *binary) readsSettings(file string) error {
	cmd := exec.Command(b.path, "worker", "--config", file, "--data", tempDir, "--roles", "serve")
	cmd.Dir = tempDir
	out, err := cmd.CombinedOutput()
	if err != nil && strings.Contains(string(out), "so fold must be among them") {
		return nil
	}
	return fmt.Errorf("%v: %s", err, strings.TrimSpace(string(out)))
}

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// childVariable makes the test binary be the program itself.
const childVariable = "ANABRANCH_TEST_BE_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "ANABRANCH_") {
			_ = os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// ran is what a command did.
type ran struct {
	code           int
	stdout, stderr string
}

// anabranch runs a command in this process.
func anabranch(t *testing.T, args ...string) ran {
	t.Helper()
	dir := t.TempDir()
	open := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	stdout, stderr := open("stdout"), open("stderr")
	defer stdout.Close()
	defer stderr.Close()
	r := ran{code: run(args, stdout, stderr)}
	r.stdout, r.stderr = readAll(t, stdout), readAll(t, stderr)
	return r
}

func readAll(t *testing.T, f *os.File) string {
	t.Helper()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// child is the program as a process of its own.
func child(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), childVariable+"=1")
	return cmd
}

// works fails the test unless the command is done, and gives its stdout.
func works(t *testing.T, args ...string) string {
	t.Helper()
	r := anabranch(t, args...)
	if r.code != 0 {
		t.Fatalf("anabranch %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// answers decodes the one JSON document of a command.
func answers[T any](t *testing.T, args ...string) T {
	t.Helper()
	return decoded[T](t, works(t, append(args, "--json")...))
}

func decoded[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if d.More() {
		t.Fatalf("more than one document in %q", text)
	}
	return v
}

// fails checks the exit code, that stdout is empty, and that stderr is lines
// that are each about the program and hold all the given words.
func fails(t *testing.T, code int, words []string, args ...string) {
	t.Helper()
	r := anabranch(t, args...)
	if r.code != code {
		t.Errorf("anabranch %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	if r.stdout != "" {
		t.Errorf("anabranch %s: found on stdout %q", strings.Join(args, " "), r.stdout)
	}
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("anabranch %s: stderr lacks %q:\n%s", strings.Join(args, " "), word, r.stderr)
		}
	}
	if !strings.HasPrefix(r.stderr, "anabranch: ") || strings.Contains(r.stderr, "goroutine") {
		t.Errorf("anabranch %s: stderr is %q", strings.Join(args, " "), r.stderr)
	}
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWithoutArgumentsPrintsHelp(t *testing.T) {
	bare, help := anabranch(t), anabranch(t, "--help")
	if bare.code != 0 || bare.stdout != help.stdout || bare.stderr != "" || !strings.Contains(bare.stdout, "anabranch <command>") {
		t.Errorf("exit %d, stdout %q, stderr %q", bare.code, bare.stdout, bare.stderr)
	}
}

func TestVersion(t *testing.T) {
	plain, flag := works(t, "version"), works(t, "--version")
	if plain != flag || !strings.HasPrefix(plain, "anabranch ") || strings.Count(plain, "\n") != 1 {
		t.Errorf("version %q, --version %q", plain, flag)
	}
	before, after := works(t, "--json", "version"), works(t, "version", "--json")
	if before != after || !json.Valid([]byte(before)) {
		t.Errorf("--json before: %q, after: %q", before, after)
	}
}

func TestSchemaIsJSON(t *testing.T) {
	text := works(t, "schema")
	if !json.Valid([]byte(text)) || !bytes.Contains([]byte(text), []byte(`"feature_views"`)) {
		t.Errorf("schema is %.100q…", text)
	}
}

func TestWrongUsageExitsWithTwo(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"frobnicate", []string{"frobnicate"}},
		{"plan --nope", []string{"--nope", "anabranch plan --help"}},
		{"produce", []string{"--input", "anabranch produce --help"}},
		{"produce orders", []string{"--input"}},
		{"produce orders --input", []string{"--input"}},
		{"produce orders --input x.jsonl --rate fast", []string{"--rate", "fast"}},
		{"get-online", []string{"service", "anabranch get-online --help"}},
		{"get-online checkout --entity user_id", []string{"--entity", "KEY=VALUE"}},
		{"quarantine", []string{"list", "show"}},
		{"quarantine show", []string{"position"}},
		{"init", []string{"--sample", "--subject"}},
		{"init --sample a --subject b", []string{"--sample", "--subject"}},
		{"init --sample missing.jsonl", []string{"missing.jsonl", "no such file"}},
		{"plan -f missing", []string{"missing", "no such file"}},
		{"apply -f missing", []string{"missing", "no such file"}},
		{"worker --roles cook", []string{"--roles", "cook"}},
		{"worker", []string{"--region"}},
		{"worker --region eu", []string{"--kafka-brokers"}},
		{"worker --region eu --kafka-brokers 127.0.0.1:9", []string{"--schema-registry-url"}},
		{"explain arrivals:n", []string{"--entity"}},
	} {
		fails(t, exitUsage, c.words, strings.Fields(c.args)...)
	}
}

func TestReservedCommandSaysSo(t *testing.T) {
	fails(t, exitFailed, []string{"explain is not built yet"}, "explain", "arrivals:n", "--entity", "airport=ATL", "--at", "2001-01-01T00:00:00Z")
}

func TestNoRegionSaysWhatToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range []string{"status", "describe", "produce orders --input " + os.Args[0] + " --format jsonl", "get-online s --entity k=1", "quarantine list"} {
		fails(t, exitFailed, []string{`"anabranch dev"`, "--server", "--config"}, strings.Fields(args)...)
	}
	fails(t, exitFailed, []string{"--server http://127.0.0.1:9", "does not answer"}, "status", "--server", "http://127.0.0.1:9")
}

func TestTheHintNamesTheWholeCommand(t *testing.T) {
	for command, want := range map[string]string{"basis fit <view>": "basis fit", "produce <stream>": "produce", "version": "version"} {
		if got := wordsOf(command); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
}

//go:build integration

package blackbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// seeds are small projects, with pushes, another writer's schema and a rerun
// among them; larger ones are for an afternoon.
const seeds = "6,104,135"

func TestRandomProjectsEqualTheOracle(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	python := interpreter(t, root)
	exe := filepath.Join(t.TempDir(), "anabranch")
	build := exec.Command("go", "build", "-o", exe, "./cmd/anabranch")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	work, err := os.MkdirTemp("", "anabranch-blackbox-")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "run.py", "--exe", exe, "--work", work, "--seeds", seeds).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("%v; what is left is in %s", err, work)
	}
	if err := os.RemoveAll(work); err != nil {
		t.Error(err)
	}
}

// interpreter is the Python with foreign clients and readers.
func interpreter(t *testing.T, root string) string {
	t.Helper()
	script := filepath.Join(root, "ops/parts/clients.sh")
	if out, err := exec.Command(script, "install").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(script, "python").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

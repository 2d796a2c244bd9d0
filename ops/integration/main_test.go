//go:build integration

package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Of the whole suite: the repository, the directory of pid files and logs, and
// the binary under test.
var root, runDir, exe string

func TestMain(m *testing.M) {
	code, err := suite(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func suite(m *testing.M) (code int, err error) {
	wd, err := os.Getwd()
	if err != nil {
		return 1, err
	}
	root = filepath.Dir(filepath.Dir(wd))
	if runDir = os.Getenv("ANABRANCH_IT_RUN"); runDir == "" {
		if runDir, err = os.MkdirTemp("", "anabranch-it-"); err != nil {
			return 1, err
		}
		defer func() {
			if code == 0 && err == nil {
				err = os.RemoveAll(runDir)
			}
		}()
	}
	if err := os.MkdirAll(runDir, 0o755); err != nil {
		return 1, err
	}
	exe = filepath.Join(runDir, "anabranch")
	build := exec.Command("go", "build", "-o", exe, "./cmd/anabranch")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w\n%s", err, out)
	}
	defer func() { err = errors.Join(err, stopParts()) }()
	return m.Run(), nil
}

//go:build integration

package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// interpreter is the Python with foreign clients and readers.
var interpreter = sync.OnceValues(func() (string, error) {
	if _, err := part("clients.sh", "install"); err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(root, "ops/parts/clients.sh"), "python").Output()
	return strings.TrimSpace(string(out)), err
})

// python runs a script of this directory in dir.
func python(t *testing.T, dir, script string, args ...string) run {
	t.Helper()
	path := started(t, interpreter)
	return program(t, dir, path, append([]string{filepath.Join(root, "ops/integration", script)}, args...)...)
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// black draws random projects and judges the binary by an oracle of its own.
func (r *run) black() {
	if r.blackbox <= 0 {
		return
	}
	first := r.seed % 1_000_000
	r.each("blackbox", "projects", []job{{what: "ops/integration/blackbox", run: func() (int64, string, error) {
		again := fmt.Sprintf("ops/integration/blackbox/run.py --exe anabranch --seeds %d-%d", first, first+uint64(r.blackbox)-1)
		out, err := r.projects(first)
		if err != nil {
			return 0, again, fmt.Errorf("%w%s", err, tail(out, 30))
		}
		return int64(r.blackbox), "", nil
	}}})
}

func (r *run) projects(first uint64) (string, error) {
	work, err := os.MkdirTemp("", "anabranch-night-")
	if err != nil {
		return "", err
	}
	exe := filepath.Join(work, "anabranch")
	if out, err := r.command(".", "go", "build", "-o", exe, "./cmd/anabranch"); err != nil {
		return out, err
	}
	if out, err := r.command(".", "ops/parts/clients.sh", "install"); err != nil {
		return out, err
	}
	python, err := r.command(".", "ops/parts/clients.sh", "python")
	if err != nil {
		return python, err
	}
	seeds := fmt.Sprintf("%d-%d", first, first+uint64(r.blackbox)-1)
	out, err := r.command("ops/integration/blackbox", strings.TrimSpace(python), "run.py", "--exe", exe, "--work", filepath.Join(work, "run"), "--seeds", seeds)
	if err != nil {
		return out + "\nwhat is left is in " + work, err
	}
	return out, os.RemoveAll(work)
}

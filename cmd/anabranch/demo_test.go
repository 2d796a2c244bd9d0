package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// demoDoc is what scripts may rely on.
type demoDoc struct {
	Events      int64 `json:"events"`
	Quarantined int64 `json:"quarantined"`
	Late        int64 `json:"late"`
	Regions     map[string]struct {
		Digest string  `json:"digest"`
		Keys   int     `json:"keys"`
		Rate   float64 `json:"fold_events_per_second"`
	} `json:"regions"`
	Converged bool `json:"converged"`
	Validate  struct {
		Checked    int64 `json:"checked"`
		Mismatched int64 `json:"mismatched"`
	} `json:"validate"`
	WAN struct {
		Bytes int64 `json:"bytes"`
		Raw   int64 `json:"raw_bytes"`
	} `json:"wan"`
	Training struct {
		Rows   int64  `json:"rows"`
		File   string `json:"file"`
		Digest string `json:"digest"`
		Leaks  int64  `json:"leaks_prevented"`
	} `json:"training"`
	Seconds float64 `json:"seconds"`
}

func TestDemoDoesTheMainJob(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv(childVariable, "1") // the worker that it kills is this binary
	doc := answers[demoDoc](t, "demo", "--synthetic", "3000", "--delay", "2ms", "--out", "out")
	if doc.Events != 3000 || doc.Quarantined == 0 || !doc.Converged || len(doc.Regions) != 2 || doc.Seconds <= 0 {
		t.Errorf("found %+v", doc)
	}
	if doc.Validate.Checked == 0 || doc.Validate.Mismatched != 0 || doc.WAN.Bytes == 0 || doc.WAN.Raw == 0 || doc.Training.Rows == 0 || doc.Training.Digest == "" {
		t.Errorf("found %+v", doc)
	}
	digests := map[string]bool{}
	for _, r := range doc.Regions {
		digests[r.Digest] = true
		if r.Keys == 0 || r.Rate <= 0 {
			t.Errorf("found %+v", r)
		}
	}
	if len(digests) != 1 {
		t.Errorf("found digests %v", digests)
	}
	for _, name := range []string{"train.parquet", "spine.parquet", "dev"} {
		if _, err := os.Stat(filepath.Join("out", name)); err != nil {
			t.Error(err)
		}
	}
	testDemoGoesOn(t, dir, slices.Sorted(maps.Keys(digests))[0])
}

// testDemoGoesOn starts dev on what the demo left.
func testDemoGoesOn(t *testing.T, dir, digest string) {
	w := startDev(t, dir, "--data", "out/dev")
	t.Chdir(filepath.Join(dir, "out", "dev"))
	for name, d := range status(t).digests() {
		if d != digest {
			t.Errorf("%s has digest %s, want %s", name, d, digest)
		}
	}
	if len(w.at.Regions) != 2 {
		t.Errorf("found %+v", w.at)
	}
}

//go:build integration

package integration

import (
	"path/filepath"
	"testing"
)

// TestFeastClient has Feast's own package, unchanged, write, push and read.
func TestFeastClient(t *testing.T) {
	w := newDev(t, filepath.Join("ops/integration/testdata", "drivers"))
	doc := python(t, w.dir, "feast_client.py", w.http[west], w.http[east]).ok(t).json(t)
	if number(doc["checked"]) < 30 {
		t.Errorf("%v values checked", doc["checked"])
	}
}

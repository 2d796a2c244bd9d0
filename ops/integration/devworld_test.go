//go:build integration

package integration

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// devAddresses is the line that dev prints when all is ready.
type devAddresses struct {
	Regions map[string]struct {
		Kafka          string `json:"kafka"`
		SchemaRegistry string `json:"schema_registry"`
		HTTP           string `json:"http"`
	} `json:"regions"`
	ObjectStore string `json:"object_store"`
	PID         int    `json:"pid"`
}

// newDev starts a dev process with the definitions of a directory of the
// repository, as its user would: commands find it by their directory.
func newDev(t *testing.T, definitions string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), project: "dev"}
	copyDefinitions(t, definitions, w.path("defs"), w.project)
	w.startDev("-f", "defs")
	return w
}

// startDev starts dev and reads its addresses.
func (w *world) startDev(args ...string) devAddresses {
	w.t.Helper()
	w.dev = launch(w.t, "dev", w.dir, append([]string{"dev", "--json"}, args...)...)
	var a devAddresses
	eventually(w.t, "dev", func() error {
		if err := w.dev.ended(); err != nil {
			w.t.Fatal(err)
		}
		for line := range strings.Lines(string(readFile(w.t, w.dev.log))) {
			if json.Unmarshal([]byte(line), &a) == nil && len(a.Regions) > 0 {
				return nil
			}
		}
		return errors.New("no addresses yet")
	})
	w.kafka, w.registry, w.http = map[string]string{}, map[string]string{}, map[string]string{}
	for name, r := range a.Regions {
		w.kafka[name], w.registry[name], w.http[name] = r.Kafka, r.SchemaRegistry, r.HTTP
	}
	return a
}

// onBoth runs a test on the real parts and against dev.
func onBoth(t *testing.T, definitions string, test func(*testing.T, *world)) {
	t.Run("real parts", func(t *testing.T) {
		w := newWorld(t, definitions)
		w.begin()
		test(t, w)
	})
	t.Run("dev", func(t *testing.T) { test(t, newDev(t, definitions)) })
}

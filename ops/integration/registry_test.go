//go:build integration

package integration

import (
	"testing"

	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/connectors/registry/registrytest"
)

// TestRealRegistryConforms runs with the global level NONE: to this registry a
// subject at NONE is one without a level, for which the global one holds.
func TestRealRegistryConforms(t *testing.T) {
	url := realRegistries(t)[west]
	setGlobalLevel(t, url, "NONE")
	t.Cleanup(func() { setGlobalLevel(t, url, "BACKWARD") })
	registrytest.Run(t, registry.Config{URL: url})
}

func setGlobalLevel(t *testing.T, url, level string) {
	t.Helper()
	if code, answer, err := httpJSON("PUT", url+"/config", object{"compatibility": level}); err != nil || code != 200 {
		t.Fatalf("level %s: %d %v %v", level, code, answer, err)
	}
}

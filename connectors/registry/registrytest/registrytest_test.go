package registrytest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/connectors/registry/registrytest"
)

func TestOurServerPasses(t *testing.T) {
	t.Run("in memory", func(t *testing.T) {
		s, err := registry.OpenServer(registry.ServerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		h := httptest.NewServer(s)
		defer h.Close()
		registrytest.Run(t, registry.Config{URL: h.URL})
	})
	t.Run("on disk, with a password and a path", func(t *testing.T) {
		s, err := registry.OpenServer(registry.ServerConfig{Dir: t.TempDir(), Username: "u", Password: "p"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		h := httptest.NewServer(http.StripPrefix("/apis/ccompat/v7", s))
		defer h.Close()
		registrytest.Run(t, registry.Config{URL: h.URL + "/apis/ccompat/v7/", Username: "u", Password: "p"})
	})
}

package registry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/registry"
)

func client(t *testing.T, url string) *registry.Client {
	t.Helper()
	c, err := registry.NewClient(registry.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOnlyADefiniteAnswerIsNotFound(t *testing.T) {
	for name, c := range map[string]struct {
		status    int
		body      string
		notFound  bool
		retriable bool
	}{
		"unknown id":       {404, `{"error_code":40403,"message":"Schema 7 not found"}`, true, false},
		"proxy":            {404, `<html>nothing here</html>`, false, true},
		"generic 404":      {404, `{"error_code":404,"message":"HTTP 404 Not Found"}`, false, false},
		"starting":         {503, `{"error_code":50003,"message":"no leader"}`, false, true},
		"overloaded":       {429, ``, false, true},
		"forbidden":        {403, `{"error_code":40301,"message":"no"}`, false, false},
		"not a registry":   {200, `<html>welcome</html>`, false, true},
		"no schema":        {200, `{}`, false, false},
		"protobuf":         {200, `{"schema":"syntax","schemaType":"PROTOBUF"}`, false, false},
		"with references":  {200, `{"schema":"\"x\"","references":[{"name":"x"}]}`, false, false},
		"internal failure": {500, `{"error_code":50001,"message":"store"}`, false, true},
	} {
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}))
		_, err := client(t, h.URL).Schema(context.Background(), 7)
		if err == nil || errors.Is(err, registry.ErrNotFound) != c.notFound || registry.IsRetriable(err) != c.retriable || !strings.Contains(err.Error(), "schema 7") {
			t.Errorf("%s: %v (not found %v, retriable %v)", name, err, errors.Is(err, registry.ErrNotFound), registry.IsRetriable(err))
		}
		h.Close()
		if name == "proxy" {
			if _, err := client(t, h.URL).Schema(context.Background(), 7); !registry.IsRetriable(err) {
				t.Errorf("registry away: %v", err)
			}
		}
	}
}

func TestSchemasAreRememberedWithinABound(t *testing.T) {
	var asked atomic.Int32
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, `{"schema":"\"string\""}`)
	}))
	defer h.Close()
	c := client(t, h.URL)
	get := func(id int) {
		if s, err := c.Schema(context.Background(), id); err != nil || s != `"string"` {
			t.Fatal(s, err)
		}
	}
	for range 3 {
		get(1)
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	for id := range 1001 {
		get(id + 2)
	}
	asked.Store(0)
	if get(1002); asked.Load() != 0 {
		t.Error("a new id was forgotten")
	}
	if get(1); asked.Load() != 1 {
		t.Error("the oldest id was not forgotten")
	}
}

func TestContextEndsARequest(t *testing.T) {
	release := make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer h.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := client(t, h.URL).Subjects(ctx); !errors.Is(err, context.DeadlineExceeded) || !registry.IsRetriable(err) {
		t.Errorf("%v", err)
	}
}

func TestURLIsChecked(t *testing.T) {
	for _, url := range []string{"", "localhost:8081", "ftp://x", "http://"} {
		if _, err := registry.NewClient(registry.Config{URL: url}); err == nil {
			t.Errorf("%q was accepted", url)
		}
	}
}

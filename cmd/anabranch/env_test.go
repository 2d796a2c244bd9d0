package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestRegionOfTheSettings(t *testing.T) {
	config := kong.ConfigFlag(writeFile(t, filepath.Join(t.TempDir(), "eu.yaml"), euSettings))
	for _, c := range []struct {
		region string
		want   []string // places, the own first
		broker string   // of the first
	}{
		{"eu", []string{"eu", "us"}, "file-1:9092"},
		{"us", []string{"us", "eu"}, "us-1:9092"}, // a peer, with its own brokers
		{"renamed", []string{"renamed", "us"}, "file-1:9092"},
	} {
		w := &where{Config: config, Region: c.region, KafkaBrokers: []string{"file-1:9092"}, ObjectStore: "s3://file", HTTPListen: ":9000"}
		e, err := w.find(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(e.regions(), c.want) || e.places[0].kafka.Brokers[0] != c.broker {
			t.Errorf("--region %s: found %q at %q", c.region, e.regions(), e.places[0].kafka.Brokers)
		}
		if us := e.place("us"); us.http != "http://us:8080" || us.store != "s3://file" {
			t.Errorf("us is %+v", us)
		}
	}
	own := found(t, &where{Config: config, Region: "eu", KafkaBrokers: []string{"a:1"}, HTTPListen: "0.0.0.0:9000", HTTPTLSCert: "x"})
	if own.places[0].http != "https://127.0.0.1:9000" {
		t.Errorf("found %+v", own.places[0])
	}
	fails(t, exitUsage, []string{"--region us", "peers"}, "worker", "--config", string(config), "--region", "us")
}

func found(t *testing.T, w *where) *env {
	t.Helper()
	e, err := w.find(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestDevThatIsGone(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	gone := child(dir, "version")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dataDir, 0o755); err != nil {
		t.Fatal(err)
	}
	a := addresses{Regions: map[string]regionAddresses{"eu": {HTTP: "http://127.0.0.1:9"}}, PID: gone.Process.Pid}
	if err := writeFileAtomic(filepath.Join(dataDir, devFile), a); err != nil {
		t.Fatal(err)
	}
	fails(t, exitFailed, []string{"is not running", "anabranch dev --data"}, "status")
	writeFile(t, filepath.Join(dataDir, devFile), "{")
	fails(t, exitFailed, []string{devFile}, "status")
}

func TestProblemsSayWhatToDo(t *testing.T) {
	answer := func(status int, body string) error {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		defer server.Close()
		pl := &place{region: "eu", http: server.URL}
		var v any
		return (&env{}).get(context.Background(), pl, "/v1/status", &v)
	}
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{200, "{", "region eu: /v1/status"},
		{401, "", "--http-token"},
		{409, `{"title":"Stale","detail":"ask again","status":409}`, "region eu: Stale: ask again"},
		{502, "<html>", "502 Bad Gateway: <html>"},
		{500, "", "500 Internal Server Error"},
	} {
		if err := answer(c.status, c.body); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d %q: found %v, want %q", c.status, c.body, err, c.want)
		}
	}
	var p *problem
	if err := answer(503, `{"type":"x/building","status":503}`); !errors.As(err, &p) || p.Type != "x/building" {
		t.Errorf("found %v", err)
	}
	if err := (&env{}).get(context.Background(), &place{region: "eu"}, "/", nil); err == nil || !strings.Contains(err.Error(), "--server") {
		t.Errorf("found %v", err)
	}
}

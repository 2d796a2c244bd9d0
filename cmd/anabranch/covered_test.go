package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anabranch.dev/anabranch/materializer/serve"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// frontierServer is a region whose one view has folded what next says.
func frontierServer(t *testing.T, next *atomic.Int64) *env {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		f := frontierAt(next.Load()).Text()
		_ = json.NewEncoder(w).Encode(serve.FrontierReport{Views: map[string]serve.ViewFrontier{"spending": {Stream: "orders", Frontier: f}}})
	}))
	t.Cleanup(server.Close)
	return &env{token: "good", places: []place{{region: "eu", http: server.URL}}}
}

func frontierAt(next int64) position.Frontier {
	return position.Frontier{position.Log{Stream: "orders", Source: position.Source{Origin: "eu", Incarnation: 1}, Partition: 2}: position.Mark{Next: next}}
}

func TestWaitEndsWhenTheRegionsCoverTheEvents(t *testing.T) {
	ctx, quiet := context.Background(), &output{stdout: os.Stderr, stderr: os.Stderr}
	p := &definition.Project{Name: "shop", Regions: []string{"eu"}}
	var next atomic.Int64
	e := frontierServer(t, &next)

	next.Store(9)
	err := waitCovered(ctx, e, p, frontierAt(10), 50*time.Millisecond, quiet)
	if !errors.Is(err, errCheck) || !strings.Contains(err.Error(), "view spending has folded eu/orders/2 up to 9 of 10") {
		t.Errorf("found %v", err)
	}
	go func() {
		time.Sleep(50 * time.Millisecond)
		next.Store(10)
	}()
	if err := waitCovered(ctx, e, p, frontierAt(10), 20*time.Second, quiet); err != nil {
		t.Error(err)
	}
	next.Store(0)
	interrupted, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := waitCovered(interrupted, e, p, frontierAt(10), 20*time.Second, quiet); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("found %v", err)
	}
	e.token = "bad"
	if err := waitCovered(ctx, e, p, frontierAt(10), 20*time.Second, quiet); errors.Is(err, errCheck) || err == nil || !strings.Contains(err.Error(), "--http-token") {
		t.Errorf("found %v", err)
	}
}

func TestWaitIsRefusedWhereARegionCannotBeAsked(t *testing.T) {
	e := &env{places: []place{{region: "eu", http: "http://eu"}, {region: "us"}}}
	if err := e.canWait(&definition.Project{Regions: []string{"eu"}}); err != nil {
		t.Error(err)
	}
	for _, region := range []string{"us", "mars"} {
		if err := e.canWait(&definition.Project{Regions: []string{"eu", region}}); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), region) {
			t.Errorf("%s: found %v", region, err)
		}
	}
}

package serve

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

func TestFrontierReport(t *testing.T) {
	w := newWorld(t, nil)
	p := w.order(eu, 7, noon, 1, "x")
	delete(w.live.Views, "strict") // folds on its own
	w.order(eu, 7, noon, 1, "x")
	strict := newWorld(t, nil).live.Views["strict"]
	w.live.Views["strict"] = strict
	var r FrontierReport
	if err := json.Unmarshal([]byte(w.do("GET", "/v1/frontier", "").is(200).text), &r); err != nil {
		t.Fatal(err)
	}
	next := func(text string) int64 {
		f, err := position.ParseFrontier(text)
		if err != nil {
			t.Fatal(err)
		}
		return f[p.Log].Next
	}
	if r.Region != "eu" || next(r.Frontier) != 2 || next(r.Covered) != 0 || next(r.Views["spending"].Frontier) != 2 || next(r.Views["strict"].Frontier) != 0 {
		t.Fatalf("%+v", r)
	}
	if m := r.Views["spending"].Marks; len(m) != 1 || m[0].Stream != "orders" || m[0].Region != "eu" || m[0].Partition != p.Partition || m[0].Next != 2 {
		t.Fatalf("%+v", m)
	}
}

func TestViewsAndStatus(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Status = func() any { return map[string]int{"lag": 3} } })
	w.live.Views["devices"].Halt(fmt.Errorf("gap"))
	w.do("GET", "/v1/status", "").is(200, `"lag": 3`)
	w.do("GET", "/v1/views", "").is(200, `"state": "halted"`, `"detail": "gap"`, `"state": "elsewhere"`, `"state": "serving"`)
}

func TestMetrics(t *testing.T) {
	w := fresh(t)
	w.ask(`{"features": ["spending:orders", "global:ticks"], ` + user7 + `}`).is(200)
	w.ask(`{`).is(400)
	w.do("GET", "/some/where", "").is(404)
	w.do("GET", "/metrics", "").is(200,
		`anabranch_serve_requests_total{code="200",path="/v1/features"} 1`,
		`anabranch_serve_requests_total{code="400",path="/v1/features"} 1`,
		`anabranch_serve_requests_total{code="404",path="other"} 1`,
		`anabranch_serve_rows_total 1`,
		`anabranch_serve_values_total{status="PRESENT"} 1`,
		`anabranch_serve_values_total{status="NOT_FOUND"} 1`,
		`anabranch_serve_age_seconds_count{view="spending"} 1`,
		`anabranch_serve_request_seconds_count{path="/v1/features"} 2`)
}

func TestRunDrains(t *testing.T) {
	w := fresh(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.server.Run(ctx, ln) }()
	client := &http.Client{Transport: &http.Transport{}}
	answered := make(chan string, 1)
	body := `{"features": ["spending:orders"], "after": "eu/orders/` + fmt.Sprint(w.order(eu, 7, noon, 1, "x").Partition) + `/2", "deadline": "20s", ` + user7 + `}`
	go func() { // waits for a token that comes while the server drains
		resp, err := client.Post("http://"+ln.Addr().String()+"/v1/features", "", strings.NewReader(body))
		if err != nil {
			answered <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		answered <- string(b)
	}()
	for len(w.server.slots) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	for !w.server.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	w.do("GET", "/ready", "").problem(503, "not-ready", "shutting down")
	w.order(eu, 7, noon, 1, "x")
	if text := <-answered; !strings.Contains(text, `"values":[3]`) {
		t.Error(text)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	client.CloseIdleConnections()
}

func TestRunWithTLS(t *testing.T) {
	known := httptest.NewTLSServer(nil) // lends its certificate
	defer known.Close()
	w := newWorld(t, func(c *Config) { c.TLS = &tls.Config{Certificates: known.TLS.Certificates} })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.server.Run(ctx, ln) }()
	resp, err := known.Client().Get("https://" + ln.Addr().String() + "/health")
	if err != nil || resp.StatusCode != 200 {
		t.Error(resp, err)
	} else {
		resp.Body.Close()
	}
	known.Client().CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunSaysWhyItCannotServe(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := newWorld(t, nil).server.Run(t.Context(), ln); err == nil || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Error(err)
	}
}

func TestConcurrentReadsSeeRowsAndTokensTogether(t *testing.T) {
	w := fresh(t)
	log := w.order(us, 7, noon, 1, "y").Log // one order from over there
	log.Source = eu
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for i := range 2000 {
			w.order(eu, 7, noon+stamp.Micros(i), 1, "x")
		}
	}()
	read := func() {
		g := w.ask(`{"features": ["spending:orders", "strict:orders"], "mode": "eventual", ` + user7 + `}`).is(200)
		tok := w.token(g)
		for i, name := range []string{"spending", "strict"} {
			values := g.json["rows"].([]any)[0].(map[string]any)["values"].([]any)
			if f := tok.Parts[i]; f.View != name || int64(values[i].(float64)) != f.Frontier[log].Next+1 {
				t.Errorf("%s counts %v orders, its token %d and one", name, values[i], f.Frontier[log].Next)
			}
		}
	}
	for range 4 {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					w.do("GET", "/v1/frontier", "")
				}
			}
		}()
	}
	for {
		select {
		case <-stop:
			read()
			return
		default:
			read()
		}
	}
}

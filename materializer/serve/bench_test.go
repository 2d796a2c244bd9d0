package serve

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

const tenFeatures = `{"features": ["spending:orders_1h", "spending:orders", "spending:total", "spending:last_total", "spending:max_total",
	"spending:recent_items", "spending:last_at", "baskets:clicks", "baskets:label", "global:ticks"], "entities": [{"user_id": 7, "item": "tea"}]}`

func benchWorld(b *testing.B) *world {
	w := newWorld(b, nil)
	for i := range 50 {
		w.order(eu, 7, noon-stamp.Micros(i)*stamp.Minute, 2.5, "tea")
		w.order(us, 7, noon-stamp.Micros(i)*stamp.Minute, 2.5, "ink")
	}
	w.fold("ticks", eu, noon, nil)
	w.fold("clicks", eu, noon, map[string]value.Value{"user_id": value.Int(7), "item": value.Text("tea"), "n": value.Int(9), "label": value.Text("new")})
	w.close(eu, noon)
	w.close(us, noon)
	return w
}

// BenchmarkLookup is the limit: the rows and frontier of one key in one view,
// without a request around it.
func BenchmarkLookup(b *testing.B) {
	w := benchWorld(b)
	v := w.live.Views["spending"]
	which := []int{0, 1, 2, 3, 4, 5, 6}
	asks := []state.Ask{{Key: []byte("7"), Partition: 0, At: stamp.NoTime}}
	for p := range v.Shards {
		if f := v.Shards[p].Mark(eu); f.Next > 0 {
			asks[0].Partition = int32(p)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := v.Read(asks, which, noon); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadInProcess is a decoded request of ten features in three views,
// with ages and the rows' read times.
func BenchmarkReadInProcess(b *testing.B) {
	w := benchWorld(b)
	q, problem := decodeQuery([]byte(tenFeatures))
	if problem != nil {
		b.Fatal(problem)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, problem := w.server.read(b.Context(), w.live, q); problem != nil {
			b.Fatal(problem)
		}
	}
}

// BenchmarkReadOneView is the same of seven features of one view.
func BenchmarkReadOneView(b *testing.B) {
	w := benchWorld(b)
	q, problem := decodeQuery([]byte(`{"features": ["spending:*"], "entities": [{"user_id": 7}]}`))
	if problem != nil {
		b.Fatal(problem)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, problem := w.server.read(b.Context(), w.live, q); problem != nil {
			b.Fatal(problem)
		}
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkHandler is the whole handler, from a body to an answer with its
// token, without a socket.
func BenchmarkHandler(b *testing.B) {
	w := benchWorld(b)
	h, out := w.server.Handler(), discard{http.Header{}}
	req := httptest.NewRequest("POST", "/v1/features", nil)
	body := strings.NewReader(tenFeatures)
	req.Body = io.NopCloser(body)
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(tenFeatures)
		h.ServeHTTP(out, req)
	}
}

// BenchmarkHandlerHundredRows is ten features of a hundred rows.
func BenchmarkHandlerHundredRows(b *testing.B) {
	w := benchWorld(b)
	row := `{"user_id": 7, "item": "tea"}`
	text := strings.Replace(tenFeatures, row, strings.Repeat(row+",", 99)+row, 1)
	h, out := w.server.Handler(), discard{http.Header{}}
	req := httptest.NewRequest("POST", "/v1/features", nil)
	body := strings.NewReader(text)
	req.Body = io.NopCloser(body)
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(text)
		h.ServeHTTP(out, req)
	}
}

// BenchmarkRoundTrip is a request over loopback TCP by net/http's client.
func BenchmarkRoundTrip(b *testing.B) {
	w := benchWorld(b)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: w.server.Handler()}
	go srv.Serve(ln)
	defer srv.Close()
	url := "http://" + ln.Addr().String() + "/v1/features"
	for b.Loop() {
		resp, err := http.Post(url, "application/json", strings.NewReader(tenFeatures))
		if err != nil || resp.StatusCode != 200 {
			b.Fatal(resp, err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

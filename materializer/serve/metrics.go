package serve

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"anabranch.dev/anabranch/pipelines/fold"
)

// metrics are what the server counts. Labels are closed sets: paths, status
// codes, statuses of values, and the views that are defined.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  map[string]prometheus.Observer // by path
	rows     prometheus.Counter
	values   [5]prometheus.Counter // by fold.Status
	flags    *prometheus.CounterVec
	age      *prometheus.HistogramVec
	page     http.Handler
}

func newMetrics(reg *prometheus.Registry, paths []string) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anabranch_serve_requests_total", Help: "Requests answered, by path and status code."}, []string{"path", "code"}),
		rows:     prometheus.NewCounter(prometheus.CounterOpts{Name: "anabranch_serve_rows_total", Help: "Entity rows answered."}),
		flags:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anabranch_serve_flags_total", Help: "Answers that carried a flag, by flag."}, []string{"flag"}),
		age: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "anabranch_serve_age_seconds", Help: "Bound on the age of what was served, the oldest partition of each view and request.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600}}, []string{"view"}),
		seconds: map[string]prometheus.Observer{}, page: promhttp.HandlerFor(reg, promhttp.HandlerOpts{DisableCompression: true}),
	}
	latency := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "anabranch_serve_request_seconds", Help: "Time to answer a request, by path.",
		Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}}, []string{"path"})
	values := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anabranch_serve_values_total", Help: "Feature values answered, by status."}, []string{"status"})
	for _, c := range []prometheus.Collector{m.requests, m.rows, m.flags, m.age, latency, values} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	for _, p := range append([]string{"other"}, paths...) {
		m.seconds[p] = latency.WithLabelValues(p)
	}
	for i := range m.values {
		m.values[i] = values.WithLabelValues(fold.Status(i).String())
	}
	return m, nil
}

func (m *metrics) request(path string, code int, took time.Duration) {
	m.requests.WithLabelValues(path, strconv.Itoa(code)).Inc()
	m.seconds[path].Observe(took.Seconds())
}

// read counts what a reading answers.
func (m *metrics) read(r *reading) {
	var counts [5]int
	for row := range r.cells.rows {
		for i := range r.plan.columns {
			result, _, _ := r.cell(row, &r.plan.columns[i])
			counts[result.Status]++
		}
	}
	for i, n := range counts {
		if n > 0 {
			m.values[i].Add(float64(n))
		}
	}
	m.rows.Add(float64(r.cells.rows))
	for _, name := range r.flags.names() {
		m.flags.WithLabelValues(name).Inc()
	}
	for i := range r.views {
		v := &r.views[i]
		if most := worst(v.ages); !v.invalid && most.known {
			v.read.age.Observe(float64(most.micros) / 1e6)
		}
	}
}

// worst is the greatest of some ages; not known if one is not, or there is none.
func worst(ages []age) age {
	most := age{known: len(ages) > 0}
	for _, a := range ages {
		most.known = most.known && a.known
		most.micros = max(most.micros, a.micros)
	}
	return most
}

// scrape answers GET /metrics in the format that the scraper asks for.
func (s *Server) scrape(c *call) *Problem {
	page := &page{header: http.Header{}, status: http.StatusOK, body: c.out}
	s.metrics.page.ServeHTTP(page, c.req)
	c.out, c.status, c.kind = page.body, page.status, page.header.Get("Content-Type")
	return nil
}

// page keeps what a handler writes.
type page struct {
	header http.Header
	status int
	body   []byte
}

func (p *page) Header() http.Header    { return p.header }
func (p *page) WriteHeader(status int) { p.status = status }

func (p *page) Write(b []byte) (int, error) {
	p.body = append(p.body, b...)
	return len(b), nil
}

package worker

import "github.com/prometheus/client_golang/prometheus"

// metrics are the worker's own; what can be read off the state is collected by
// whoever exposes it.
type metrics struct {
	halts       prometheus.Counter
	quarantined *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		halts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "anabranch_worker_halts_total", Help: "Partitions halted until an operator acts.",
		}),
		quarantined: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "anabranch_worker_quarantined_total", Help: "Records copied to quarantine, by reason.",
		}, []string{"reason"}),
	}
	reg.MustRegister(m.halts, m.quarantined)
	return m
}

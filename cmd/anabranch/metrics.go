package main

import "github.com/prometheus/client_golang/prometheus"

// statusMetrics reads a node's status when it is scraped: numbers that are kept
// anyway are not counted twice. Label sets are closed: views, streams, reasons
// and peers are those of the definitions.
type statusMetrics struct {
	status func() nodeStatus
}

func describeMetric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	metricReady         = describeMetric("anabranch_region_ready", "1 once the region serves all it should, 0 while it does not.")
	metricDisk          = describeMetric("anabranch_region_disk_bytes", "Size of the region's state on disk.")
	metricEvents        = describeMetric("anabranch_view_events_total", "Events of the own region that a view counted.", "view")
	metricRepeated      = describeMetric("anabranch_view_repeated_total", "Events whose id had been counted before.", "view")
	metricFailed        = describeMetric("anabranch_view_failed_expressions_total", "Expressions that failed at run time and read as null.", "view")
	metricAge           = describeMetric("anabranch_view_age_seconds", "Bound on the age of the view's oldest partition; absent while a region has said nothing.", "view")
	metricHalted        = describeMetric("anabranch_view_halted_partitions", "Partitions that an operator has to act on.", "view")
	metricBlocked       = describeMetric("anabranch_view_blocked_partitions", "Partitions that wait for a schema.", "view")
	metricFoldSeconds   = describeMetric("anabranch_view_fold_seconds_total", "Time spent folding since the process began.", "view")
	metricRead          = describeMetric("anabranch_stream_records_total", "Records of the own log that were judged.", "stream")
	metricLate          = describeMetric("anabranch_stream_late_total", "Accepted events over 1 h older than the newest of their partition.", "stream")
	metricSetAside      = describeMetric("anabranch_stream_quarantined_total", "Records set aside, by reason.", "stream", "reason")
	metricLinkBytes     = describeMetric("anabranch_link_wire_bytes_total", "Bytes to and from a peer, framing included.", "peer")
	metricLinkRounds    = describeMetric("anabranch_link_rounds_total", "Rounds sent to a peer.", "peer")
	metricLinkRepairs   = describeMetric("anabranch_link_repairs_total", "Repairs sent to a peer that missed a round.", "peer")
	metricLinkInTrouble = describeMetric("anabranch_link_in_trouble", "1 while the last attempt to reach a peer failed.", "peer")
)

// Describe names no metric in advance: which series there are hangs on the
// definitions.
func (m *statusMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect reads the status once.
func (m *statusMetrics) Collect(out chan<- prometheus.Metric) {
	s := m.status()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge(metricReady, one(s.Ready))
	gauge(metricDisk, float64(s.DiskBytes))
	for i := range s.Views {
		v := &s.Views[i]
		counter(metricEvents, float64(v.Events), v.View)
		counter(metricRepeated, float64(v.Repeated), v.View)
		counter(metricFailed, float64(v.Failed), v.View)
		counter(metricFoldSeconds, float64(v.FoldNanos)/1e9, v.View)
		gauge(metricHalted, float64(len(v.Halted)), v.View)
		gauge(metricBlocked, float64(len(v.Blocked)), v.View)
		if v.AgeMillis != nil {
			gauge(metricAge, float64(*v.AgeMillis)/1e3, v.View)
		}
	}
	for i := range s.Streams {
		st := &s.Streams[i]
		counter(metricRead, float64(st.Read), st.Stream)
		counter(metricLate, float64(st.Late), st.Stream)
		for reason, n := range st.Quarantined {
			counter(metricSetAside, float64(n), st.Stream, reason)
		}
	}
	for i := range s.Links {
		l := &s.Links[i]
		counter(metricLinkBytes, float64(l.WireBytes), l.Peer)
		counter(metricLinkRounds, float64(l.Rounds), l.Peer)
		counter(metricLinkRepairs, float64(l.Repairs), l.Peer)
		gauge(metricLinkInTrouble, one(l.Error != ""), l.Peer)
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

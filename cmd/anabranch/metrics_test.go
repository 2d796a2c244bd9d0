package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"anabranch.dev/anabranch/materializer/mirror"
	"anabranch.dev/anabranch/materializer/worker"
)

func TestStatusBecomesMetrics(t *testing.T) {
	age := int64(1500)
	s := nodeStatus{
		Status: worker.Status{
			Ready: true, DiskBytes: 7,
			Views: []worker.ViewStatus{
				{View: "a", Events: 3, Repeated: 2, Failed: 1, FoldNanos: 5e8, AgeMillis: &age, Halted: []string{"x", "y"}, Blocked: []string{"z"}},
				{View: "b"},
			},
			Streams: []worker.StreamStatus{{Stream: "s", Read: 9, Late: 1, Quarantined: map[string]int64{"future": 4}}},
		},
		Links: []mirror.Status{{Peer: "eu", WireBytes: 10, Rounds: 2, Repairs: 1, Error: "down"}},
	}
	want := []string{
		"anabranch_link_in_trouble eu 1", "anabranch_link_repairs_total eu 1", "anabranch_link_rounds_total eu 2", "anabranch_link_wire_bytes_total eu 10",
		"anabranch_region_disk_bytes 7", "anabranch_region_ready 1",
		"anabranch_stream_late_total s 1", "anabranch_stream_quarantined_total future s 4", "anabranch_stream_records_total s 9",
		"anabranch_view_age_seconds a 1.5",
		"anabranch_view_blocked_partitions a 1", "anabranch_view_blocked_partitions b 0",
		"anabranch_view_events_total a 3", "anabranch_view_events_total b 0",
		"anabranch_view_failed_expressions_total a 1", "anabranch_view_failed_expressions_total b 0",
		"anabranch_view_fold_seconds_total a 0.5", "anabranch_view_fold_seconds_total b 0",
		"anabranch_view_halted_partitions a 2", "anabranch_view_halted_partitions b 0",
		"anabranch_view_repeated_total a 2", "anabranch_view_repeated_total b 0",
	}
	if got := gathered(t, &statusMetrics{status: func() nodeStatus { return s }}); !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// gathered are a collector's series: name, labels in order of their names, value.
func gathered(t *testing.T, c prometheus.Collector) (series []string) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			line := f.GetName()
			for _, l := range m.GetLabel() {
				line += " " + l.GetValue()
			}
			series = append(series, fmt.Sprint(line, " ", m.GetGauge().GetValue()+m.GetCounter().GetValue()))
		}
	}
	return series
}

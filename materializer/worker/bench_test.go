package worker

import (
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
)

// BenchmarkFoldFromEmbeddedBroker folds the whole log of a view of 8 features
// into a new store on disk, from opening it to the last flush. raw is the limit
// beside it: reading the same log and looking at nothing but offsets. cpu-s is
// processor time of the whole process, broker and client included, so that a
// machine that does other things does not count.
func BenchmarkFoldFromEmbeddedBroker(b *testing.B) {
	const n = 500_000
	dir, stores := b.TempDir(), 0
	open := func() *state.Store {
		stores++
		s, err := state.Open(state.Config{Dir: filepath.Join(dir, strconv.Itoa(stores))})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	idle := open()
	defer idle.Close()
	s := newStand(b, idle)
	bytes := s.sell(b, n)
	var cpu, rawCPU, wall, raw time.Duration
	runs := 0
	for b.Loop() {
		runs++
		began, used := time.Now(), cpuTime(b)
		consume(b, s, n)
		raw, rawCPU = raw+time.Since(began), rawCPU+cpuTime(b)-used
		store := open()
		began, used = time.Now(), cpuTime(b)
		p := s.begin(b, store)
		folded(b, p, n)
		wall += time.Since(began)
		p.stop()
		cpu += cpuTime(b) - used
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	}
	rate := func(d time.Duration) float64 { return float64(n*runs) / d.Seconds() }
	b.ReportMetric(rate(cpu), "fold-ev/cpu-s")
	b.ReportMetric(rate(rawCPU), "raw-ev/cpu-s")
	b.ReportMetric(rate(wall), "fold-ev/s")
	b.ReportMetric(rate(raw), "raw-ev/s")
	b.ReportMetric(float64(bytes)/n, "B/event")
	b.ReportMetric(0, "ns/op")
}

// cpuTime is the processor time that the process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// consume reads the whole log and counts.
func consume(b *testing.B, s *stand, n int) {
	reader, err := s.kafka.NewReader(kafka.ReaderConfig{MaxBytes: 8 << 20, MaxPartitionBytes: 1 << 20},
		kafka.Assignment{Topic: "shop.sales", Partition: 0}, kafka.Assignment{Topic: "shop.sales", Partition: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer reader.Close()
	for seen := 0; seen < n; {
		batch, err := reader.Poll(b.Context(), 0)
		if err != nil {
			b.Fatal(err)
		}
		for i := range batch.Partitions {
			for range batch.Partitions[i].All() {
				seen++
			}
		}
	}
}

package history

import (
	"context"
	"math/rand/v2"
	"testing"

	"anabranch.dev/anabranch/connectors/blob/blobtest"
	"anabranch.dev/anabranch/offline/history/historytest"
)

const benchEvents = 200_000

// benchWorld is one region with 200,000 events over 20,000 keys.
func benchWorld(b *testing.B) *world {
	p := historytest.Project(b, "")
	w := &world{project: p, store: blobtest.NewMemory(), rng: rand.New(rand.NewPCG(1, 1))}
	w.regions = []*historytest.Region{historytest.Start(b, p, "eu")}
	w.regions[0].Load(b, w.rng, benchEvents, 20_000)
	return w
}

func (w *world) scanAll(b *testing.B, keys Keys) {
	cfg := w.config(b)
	clear(cfg.Needed)
	for _, name := range []string{"item", "total", "price"} {
		cfg.Needed[w.project.Stream("orders").Field(name)] = true
	}
	b.ReportAllocs()
	for b.Loop() {
		h := open(b, cfg)
		n := 0
		for p := range h.Partitions() {
			if err := h.Scan(context.Background(), p, keys, func(_ []byte, events []Event) error { n += len(events); return nil }); err != nil {
				b.Fatal(err)
			}
		}
		if keys == nil && n != benchEvents {
			b.Fatalf("%d events", n)
		}
	}
	if keys == nil {
		b.ReportMetric(float64(benchEvents)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
	}
}

func BenchmarkScanFile(b *testing.B) {
	w := benchWorld(b)
	w.compact(b, 0, 1<<20)
	w.scanAll(b, nil)
}

func BenchmarkScanManyFiles(b *testing.B) {
	w := benchWorld(b)
	w.compact(b, 0, 20_000)
	w.scanAll(b, nil)
}

func BenchmarkScanTail(b *testing.B) {
	benchWorld(b).scanAll(b, nil)
}

func BenchmarkScanOneKey(b *testing.B) {
	w := benchWorld(b)
	w.compact(b, 0, 1<<20)
	w.scanAll(b, Keys{[]byte("777")})
}

func BenchmarkCompact(b *testing.B) {
	w := benchWorld(b)
	b.ReportAllocs()
	for b.Loop() {
		w.store = blobtest.NewMemory()
		w.compact(b, 0, 1<<20)
	}
	b.ReportMetric(float64(benchEvents)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

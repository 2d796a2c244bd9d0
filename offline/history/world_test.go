package history

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/blob/blobtest"
	"anabranch.dev/anabranch/offline/compact"
	"anabranch.dev/anabranch/offline/history/historytest"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// world is two regions of a project that share a store.
type world struct {
	project *definition.Project
	regions []*historytest.Region
	store   blob.Store
	rng     *rand.Rand
}

func newWorld(t testing.TB, p *definition.Project, seed uint64) *world {
	t.Helper()
	w := &world{project: p, store: blobtest.NewMemory(), rng: rand.New(rand.NewPCG(seed, seed))}
	for _, name := range []string{"us", "eu"} {
		w.regions = append(w.regions, historytest.Start(t, p, name))
	}
	return w
}

func (w *world) compact(t testing.TB, region, maxRows int) {
	t.Helper()
	r := w.regions[region]
	c, err := compact.New(compact.Config{
		Project: w.project, Stream: "orders", Origin: position.Source{Origin: r.Name, Incarnation: 1}, Kafka: r.Kafka, Registry: r.Registry,
		Store: w.store, TempDir: t.TempDir(), MaxRows: maxRows, GroupRows: 1 + maxRows/3, Tiers: compact.Tiers{Base: 1 << 14, MaxBytes: 1 << 20},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.RunOnce(historytest.Soon(t)); err != nil {
		t.Fatal(err)
	}
}

// config reads everything there is, with every field that can be read.
func (w *world) config(t testing.TB) Config {
	t.Helper()
	s := w.project.Stream("orders")
	cfg := Config{Project: w.project, Stream: "orders", Needed: make([]bool, len(s.Fields)), TempDir: t.TempDir(), Patience: 10 * time.Second}
	for i := range cfg.Needed {
		cfg.Needed[i] = s.Fields[i].Type.Kind != value.Null
	}
	for _, r := range w.regions {
		cfg.Origins = append(cfg.Origins, Origin{Region: r.Name, Store: w.store, Kafka: r.Kafka, Registry: r.Registry})
	}
	return cfg
}

func (w *world) accepted(t testing.TB) (all []historytest.Event) {
	for _, r := range w.regions {
		all = append(all, r.Accepted(t)...)
	}
	return all
}

func (w *world) ends(t testing.TB) position.Frontier {
	f := position.Frontier{}
	for _, r := range w.regions {
		for p, mark := range r.Ends(t) {
			if mark.Next > 0 {
				f[position.Log{Stream: "orders", Source: position.Source{Origin: r.Name, Incarnation: 1}, Partition: int32(p)}] = mark
			}
		}
	}
	return f
}

func open(t testing.TB, cfg Config) *History {
	t.Helper()
	h, err := Open(historytest.Soon(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// line is what an event says, as text.
func line(key string, e Event, fields []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%d p%d o%d s%d t%d c%d id %q/%v", key, e.Source.Origin, e.Source.Incarnation, e.Partition, e.Offset, e.Stamp, e.Time, e.Created, e.ID, e.HasID)
	for i, v := range e.Fields {
		fmt.Fprintf(&b, " %s=%x", fields[i], value.Append(nil, v))
	}
	return b.String()
}

// scanned is what a history hands out, partition after partition.
func scanned(t testing.TB, h *History, keys Keys) (lines []string) {
	t.Helper()
	var names []string
	for _, f := range h.Fields() {
		names = append(names, h.stream.Fields[f].Name)
	}
	for p := range h.Partitions() {
		var last []byte
		err := h.Scan(context.Background(), p, keys, func(key []byte, events []Event) error {
			if last != nil && bytes.Compare(last, key) >= 0 {
				t.Errorf("key %q after %q", key, last)
			}
			last = bytes.Clone(key)
			for _, e := range events {
				lines = append(lines, line(string(key), e, names))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

// want is what a history should hand out of the accepted events below a cut.
func want(s *definition.Stream, needed []bool, all []historytest.Event, cut position.Frontier, keys Keys) (lines []string) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b historytest.Event) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), strings.Compare(a.Key, b.Key), strings.Compare(a.Origin, b.Origin), cmp.Compare(a.Offset, b.Offset))
	})
	for _, ev := range all {
		src := position.Source{Origin: ev.Origin, Incarnation: 1}
		below := cut[position.Log{Stream: "orders", Source: src, Partition: ev.Partition}].Next
		if ev.Offset >= below || keys != nil && !slices.ContainsFunc(keys, func(k []byte) bool { return string(k) == ev.Key }) {
			continue
		}
		e := Event{
			Source: src, Partition: ev.Partition, Offset: ev.Offset, Time: stamp.Micros(ev.Time), Created: stamp.Micros(ev.Created),
			HasID: ev.HasID,
		}
		e.Stamp = stamp.Stamp(ev.Stamp)
		if ev.HasID {
			e.ID = []byte(ev.ID)
		}
		var names []string
		for i, f := range s.Fields {
			if needed[i] {
				e.Fields, names = append(e.Fields, ev.Values[f.Name]), append(names, f.Name)
			}
		}
		lines = append(lines, line(ev.Key, e, names))
	}
	return lines
}

func compare(t testing.TB, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("event %d:\n got %s\nwant %s", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d events of %d", len(got), len(want))
	}
}

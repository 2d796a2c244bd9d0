package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/blob/blobtest"
	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/offline/history/historytest"
	"anabranch.dev/anabranch/offline/history/tail"
	"anabranch.dev/anabranch/offline/manifest"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// TestHistoryIsTheAcceptedEvents writes and compacts at random, and compares with the list of what was accepted, for cuts
// and keys at random.
func TestHistoryIsTheAcceptedEvents(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := historytest.Project(t, "")
			if seed%2 == 1 {
				p = historytest.Imported(t)
			}
			w := newWorld(t, p, seed)
			for range 3 + w.rng.IntN(6) {
				region := w.rng.IntN(2)
				w.regions[region].Send(t, w.rng, 1+w.rng.IntN(120))
				if w.rng.IntN(2) == 0 {
					w.compact(t, w.rng.IntN(2), 1+w.rng.IntN(100))
				}
			}
			all, ends := w.accepted(t), w.ends(t)
			for range 12 {
				w.check(t, all, ends)
			}
		})
	}
}

// check opens a history in one of many ways and compares.
func (w *world) check(t *testing.T, all []historytest.Event, ends position.Frontier) {
	t.Helper()
	cfg := w.config(t)
	for i := range cfg.Needed {
		cfg.Needed[i] = cfg.Needed[i] && w.rng.IntN(3) > 0
	}
	if w.rng.IntN(2) == 0 {
		cfg.MemoryBytes = 1 + w.rng.Int64N(20_000)
	}
	for i := range cfg.Origins {
		if w.rng.IntN(4) == 0 {
			cfg.Origins[i].Store = nil
		}
	}
	cut := ends
	if w.rng.IntN(3) > 0 {
		cut = w.someCut(ends)
		cfg.Upto = cut
	}
	h := open(t, cfg)
	if got := h.Frontier(); !reflect.DeepEqual(got, cut) {
		t.Fatalf("frontier %v, want %v", got, cut)
	}
	keys := w.someKeys()
	compare(t, scanned(t, h, keys), want(h.stream, cfg.Needed, all, cut, keys))
}

// someCut is a frontier below the ends, with the marks that a fold would have there.
func (w *world) someCut(ends position.Frontier) position.Frontier {
	cut := position.Frontier{}
	for _, log := range ends.Logs() {
		r := w.regions[slices.IndexFunc(w.regions, func(r *historytest.Region) bool { return r.Name == log.Origin })]
		if mark := r.MarkAt(log.Partition, w.rng.Int64N(ends[log].Next+1)); mark.Next > 0 {
			cut[log] = mark
		}
	}
	return cut
}

func (w *world) someKeys() Keys {
	if w.rng.IntN(2) == 0 {
		return nil
	}
	keys := Keys{}
	for _, k := range []string{"", "0", "14", "21", "4", "42", "7", "77", "nobody"} {
		if w.rng.IntN(2) == 0 {
			keys = append(keys, []byte(k))
		}
	}
	return keys
}

func TestWithoutBrokersTheFilesAreTheHistory(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 21)
	for i, r := range w.regions {
		r.Send(t, w.rng, 100)
		if i == 0 {
			w.compact(t, i, 50)
		}
		r.Send(t, w.rng, 100)
	}
	cfg := w.config(t)
	all, reached := w.accepted(t), position.Frontier{}
	for i := range cfg.Origins {
		cfg.Origins[i].Kafka = nil
		m, err := manifest.Load(context.Background(), w.store, manifest.ID{Project: "shop", Stream: "orders", Source: cfg.Origins[i].source()})
		if err != nil {
			t.Fatal(err)
		}
		reached.Join(m.Frontier())
	}
	h := open(t, cfg)
	if got := h.Frontier(); len(got) != 3 || !reflect.DeepEqual(got, reached) {
		t.Fatalf("frontier %v, the files reach %v", got, reached)
	}
	compare(t, scanned(t, h, nil), want(h.stream, cfg.Needed, all, reached, nil))
	cfg.Upto = w.ends(t)
	h = open(t, cfg)
	if got := h.Frontier(); !reflect.DeepEqual(got, reached) || got.Covers(cfg.Upto) {
		t.Errorf("a cut beyond the files: frontier %v", got)
	}
}

func TestWhatNeitherFilesNorLogHaveIsAGap(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 22)
	for i, r := range w.regions {
		r.Send(t, w.rng, 100)
		w.compact(t, i, 50)
		r.Send(t, w.rng, 100)
	}
	all := w.accepted(t)
	ends := w.ends(t)
	eu := w.regions[1]
	m, err := manifest.Load(context.Background(), w.store, manifest.ID{Project: "shop", Stream: "orders", Source: position.Source{Origin: "eu", Incarnation: 1}})
	if err != nil {
		t.Fatal(err)
	}
	mark := m.Partitions[2].Mark
	eu.Trim(t, 2, mark.Next)
	h := open(t, w.config(t)) // the files have what the log has lost
	compare(t, scanned(t, h, nil), want(h.stream, w.config(t).Needed, all, ends, nil))

	eu.Trim(t, 2, mark.Next+2)
	isGap := func(cfg Config, from int64) {
		t.Helper()
		_, err := Open(historytest.Soon(t), cfg)
		if gap, ok := errors.AsType[*kafka.GapError](err); !ok || gap.Partition != 2 || gap.Want != from || gap.LogStart != mark.Next+2 {
			t.Errorf("%v", err)
		}
	}
	isGap(w.config(t), mark.Next)
	bare := w.config(t)
	for i := range bare.Origins {
		bare.Origins[i].Store = nil
	}
	isGap(bare, 0)
	cfg := w.config(t)
	cfg.Upto = m.Frontier() // needs nothing of the log
	h = open(t, cfg)
	compare(t, scanned(t, h, nil), want(h.stream, cfg.Needed, all, cfg.Upto, nil))
}

func TestFilesOfAnotherDefinitionAreLeftOut(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 23)
	for i, r := range w.regions {
		r.Send(t, w.rng, 60)
		w.compact(t, i, 50)
	}
	w.project = historytest.Imported(t)
	cfg := w.config(t)
	h := open(t, cfg)
	got := scanned(t, h, nil)
	if s := h.Stats(); len(got) != len(w.accepted(t)) || s.Files != 0 || s.TailEvents != int64(len(got)) {
		t.Errorf("%d events, %+v", len(got), s)
	}
	w.regions[0].Trim(t, 0, 2)
	_, err := Open(historytest.Soon(t), cfg)
	if _, ok := errors.AsType[*kafka.GapError](err); !ok || !strings.Contains(err.Error(), "under definition") {
		t.Errorf("%v", err)
	}
}

func TestAnotherLogAndAnUnknownSchemaAreErrors(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 24)
	for i, r := range w.regions {
		r.Send(t, w.rng, 60)
		w.compact(t, i, 50)
	}
	w.regions[0].SendValue(t, 1, []byte{0, 0, 0, 1, 1, 2, 3})
	_, err := Open(historytest.Soon(t), w.config(t))
	if e, ok := errors.AsType[*tail.SchemaError](err); !ok || e.Partition != 1 || e.ID != 257 {
		t.Errorf("%v", err)
	}
	w.regions[0].Recreate(t)
	w.regions[0].Send(t, w.rng, 200)
	_, err = Open(historytest.Soon(t), w.config(t))
	if _, ok := errors.AsType[*kafka.IdentityError](err); !ok {
		t.Errorf("%v", err)
	}
}

func TestFewKeysReadFewRowGroups(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 25)
	w.regions = w.regions[:1]
	w.regions[0].Send(t, w.rng, 400)
	w.compact(t, 0, 20)
	cfg := w.config(t)
	cfg.Origins = cfg.Origins[:1]
	count := &countingStore{Store: w.store}
	cfg.Origins[0].Store = count
	h := open(t, cfg)
	all := scanned(t, h, nil)
	whole := count.bytes()
	compare(t, scanned(t, h, Keys{[]byte("14")}), want(h.stream, cfg.Needed, w.accepted(t), h.Frontier(), Keys{[]byte("14")}))
	if few := count.bytes() - whole; few > whole/3 {
		t.Errorf("one key of twelve read %d bytes, all %d events read %d", few, len(all), whole)
	}
	before := count.bytes()
	if got := scanned(t, h, Keys{}); len(got) != 0 || count.bytes() != before {
		t.Errorf("no keys: %d events", len(got))
	}
}

func TestAFailingStoreIsAnErrorAndNeverLess(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 30)
	for i, r := range w.regions {
		r.Send(t, w.rng, 80)
		w.compact(t, i, 30)
	}
	w.regions[0].Send(t, w.rng, 20)
	read := func(s blob.Store) (n int, err error) {
		cfg := w.config(t)
		for i := range cfg.Origins {
			cfg.Origins[i].Store = s
		}
		h, err := Open(historytest.Soon(t), cfg)
		if err != nil {
			return 0, err
		}
		defer h.Close()
		for p := range h.Partitions() {
			if err := h.Scan(context.Background(), p, nil, func(_ []byte, events []Event) error { n += len(events); return nil }); err != nil {
				return n, err
			}
		}
		return n, nil
	}
	plain := blobtest.NewFaulty(w.store)
	all, err := read(plain)
	if err != nil || all != len(w.accepted(t)) {
		t.Fatalf("%d events: %v", all, err)
	}
	for op := range len(plain.Log()) {
		s := blobtest.NewFaulty(w.store)
		s.FailAt(op+1, blobtest.Refused)
		if n, err := read(s); !errors.Is(err, blobtest.ErrInjected) {
			t.Errorf("operation %d, %s: %d events of %d and %v", op+1, plain.Log()[op], n, all, err)
		}
	}
}

func TestScansRunAtTheSameTime(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 26)
	for i, r := range w.regions {
		r.Send(t, w.rng, 200)
		w.compact(t, i, 60)
		r.Send(t, w.rng, 100)
	}
	cfg := w.config(t)
	cfg.MemoryBytes = 4000
	h := open(t, cfg)
	alone := scanned(t, h, nil)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			if got := scanned(t, h, nil); !slices.Equal(got, alone) {
				return errors.New("scans at the same time differ from one alone")
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if s := h.Stats(); s.SpilledRows == 0 || s.Rows != int64(5*len(alone)) || s.TailOffsets != s.TailTotal || s.TailOffsets == 0 {
		t.Errorf("%+v", s)
	}
}

func TestScanEndsWithTheErrorOfItsFunctionOrContext(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 27)
	w.regions[0].Send(t, w.rng, 50)
	h := open(t, w.config(t))
	mine := errors.New("mine")
	if err := h.Scan(context.Background(), 0, nil, func([]byte, []Event) error { return mine }); err != mine {
		t.Errorf("%v", err)
	}
	if err := h.Scan(context.Background(), 3, nil, nil); err == nil {
		t.Error("partition 3 of 3 was scanned")
	}
	if err := h.Scan(context.Background(), 0, Keys{[]byte("b"), []byte("a")}, nil); err == nil {
		t.Error("keys out of order were taken")
	}
}

func TestSpreadIsWhatTheFoldTakes(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 28)
	w.regions[0].Send(t, w.rng, 40)
	cfg := w.config(t)
	s := w.project.Stream("orders")
	clear(cfg.Needed)
	cfg.Needed[s.Field("item")], cfg.Needed[s.Field("total")] = true, true
	h := open(t, cfg)
	all := map[string]historytest.Event{}
	for _, ev := range w.accepted(t) {
		all[fmt.Sprint(ev.Partition, "/", ev.Offset)] = ev
	}
	var ev wire.Event
	for p := range h.Partitions() {
		err := h.Scan(context.Background(), p, nil, func(key []byte, events []Event) error {
			for i := range events {
				h.Spread(&ev, key, &events[i])
				sent := all[fmt.Sprint(ev.Partition, "/", ev.Offset)]
				if string(ev.Key) != sent.Key || int64(ev.Time) != sent.Time || int64(ev.Created) != sent.Created || string(ev.ID) != sent.ID || ev.HasID != sent.HasID {
					t.Errorf("%+v, want %+v", ev, sent)
				}
				for f := range s.Fields {
					want := sent.Values[s.Fields[f].Name]
					if !cfg.Needed[f] {
						want = value.Value{}
					}
					if !value.Equal(ev.Fields[f], want) {
						t.Errorf("field %s: %v, want %v", s.Fields[f].Name, ev.Fields[f], want)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 29)
	for what, change := range map[string]func(*Config){
		"no such stream":   func(c *Config) { c.Stream = "returns" },
		"no origins":       func(c *Config) { c.Origins = nil },
		"origin twice":     func(c *Config) { c.Origins[1].Region = c.Origins[0].Region },
		"nothing to read":  func(c *Config) { c.Origins[0].Store, c.Origins[0].Kafka = nil, nil },
		"no registry":      func(c *Config) { c.Origins[0].Registry = nil },
		"unreadable field": func(c *Config) { c.Needed[w.project.Stream("orders").Field("extra")] = true },
		"too few fields":   func(c *Config) { c.Needed = c.Needed[1:] },
	} {
		cfg := w.config(t)
		change(&cfg)
		if _, err := Open(historytest.Soon(t), cfg); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

func TestArenaKeepsWhatItHandedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a arena
		for range 3 {
			a.reset()
			var got, want [][]byte
			for range rapid.IntRange(0, 200).Draw(t, "slices") {
				b := bytes.Repeat([]byte{byte(len(want))}, rapid.SampledFrom([]int{0, 1, 7, 1000, chunkBytes - 1, chunkBytes, chunkBytes + 1}).Draw(t, "size"))
				got, want = append(got, a.bytes(b)), append(want, b)
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("slice %d of %d changed", i, len(want))
				}
			}
		}
	})
}

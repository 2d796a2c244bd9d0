package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/materializer/state/statetest"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/wire"
)

func memStore(t testing.TB) *state.Store {
	store, err := statetest.NewDisk().Open(state.Config{CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// logOf reads partition 0 of the sales as chunks of one record each.
func (s *stand) logOf(t testing.TB, n int) []kafka.Records {
	t.Helper()
	reader, err := s.kafka.NewReader(kafka.ReaderConfig{}, kafka.Assignment{Topic: "shop.sales"})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var list []kafka.Records
	for len(list) < n {
		batch, err := reader.Poll(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, batch.Partitions...)
	}
	return list
}

// A worker that is told to end while a record waits for its schema must not
// fold what is queued behind that record: the frontier would pass over it.
func TestAnInterruptedFoldStopsAtItsRecord(t *testing.T) {
	store := memStore(t)
	s := newStand(t, store)
	enc, err := wire.NewEncoder(saleSchema)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 { // of one user, so of one partition
		rec := s.sale(enc, i, 5, base)
		rec.Partition = 0
		if i == 1 {
			binary.BigEndian.PutUint32(rec.Value[1:], 999)
		}
		if _, err := s.kafka.Produce(t.Context(), []kafka.Record{rec}); err != nil {
			t.Fatal(err)
		}
	}
	log := s.logOf(t, 4)
	for range 20 { // what a select takes first is random
		o := s.owner(t) // to whom the test hands the records
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- o.run(ctx) }()
		o.work <- log[0]
		o.work <- log[1]
		for deadline := time.Now().Add(20 * time.Second); o.blocked.Load() == nil; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("not blocked")
			}
		}
		cancel()
		for _, recs := range log[2:] {
			select {
			case o.work <- recs:
			default:
			}
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if next := o.shard.Mark(o.source).Next; next > 1 {
			t.Fatalf("folded up to %d, past the record at 1 that waits for its schema", next)
		}
	}
}

func TestRoundsOfAnotherLogAreTold(t *testing.T) {
	mark := position.Mark{Next: 10, Stamp: 100}
	for _, c := range []struct {
		have, hi position.Mark
		same     bool
	}{
		{position.Mark{}, position.Mark{Next: 5, Stamp: 7}, true},
		{mark, mark, true},
		{mark, position.Mark{Next: 11, Stamp: 101}, true},
		{mark, position.Mark{Next: 12, Stamp: 100}, true}, // a transaction's marker
		{mark, position.Mark{Next: 9, Stamp: 99}, true},
		{mark, position.Mark{Next: 9, Stamp: 101}, false},
		{mark, position.Mark{Next: 10, Stamp: 101}, false},
		{mark, position.Mark{Next: 10, Stamp: 99}, false},
		{mark, position.Mark{Next: 50, Stamp: 99}, false},
	} {
		err := sameHistory(c.have, round.Header{Source: position.Source{Origin: "us"}, Hi: c.hi})
		if (err == nil) != c.same {
			t.Errorf("round up to %v over %v: %v", c.hi, c.have, err)
		}
	}
}

func TestOnlyALaterStateOfTheSameLogIsGoneOnWith(t *testing.T) {
	now := kafka.Identity{ClusterID: "c", TopicID: kafka.TopicID{1}, LeaderEpochs: []int32{4}}
	have := state.Identity{ClusterID: "c", TopicID: now.TopicID.String(), LeaderEpoch: 4}
	for _, c := range []struct {
		name   string
		change func(*state.Identity)
		next   int64
		same   bool
	}{
		{"the same", func(*state.Identity) {}, 5, true},
		{"never read", func(h *state.Identity) { *h = state.Identity{LeaderEpoch: -1} }, 0, true},
		{"a later leader", func(h *state.Identity) { h.LeaderEpoch = 2 }, 5, true},
		{"an earlier leader", func(h *state.Identity) { h.LeaderEpoch = 5 }, 5, false},
		{"an earlier leader of what was not read", func(h *state.Identity) { h.LeaderEpoch = 5 }, 0, true},
		{"another cluster", func(h *state.Identity) { h.ClusterID = "d" }, 5, false},
		{"another topic", func(h *state.Identity) { h.TopicID = kafka.TopicID{2}.String() }, 5, false},
	} {
		h := have
		c.change(&h)
		err := sameLog("t", 0, h, now, position.Mark{Next: c.next})
		if (err == nil) != c.same || err != nil && !errors.As(err, new(*kafka.IdentityError)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzDecodeClosings(f *testing.F) {
	f.Add(AppendClosings(nil, []state.Closing{{Stream: "s", Source: position.Source{Origin: "eu", Incarnation: 1}, Closed: base, Ends: []int64{4, 0}}}))
	f.Add([]byte{1, 0xff, 0xff, 0x03})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := DecodeClosings(b)
		if err != nil {
			return
		}
		if again, err := DecodeClosings(AppendClosings(nil, list)); err != nil || len(again) != len(list) {
			t.Fatalf("%x: %+v became %+v, %v", b, list, again, err)
		}
	})
}

func TestPickRegistry(t *testing.T) {
	for _, c := range []struct {
		topics  []string
		project string
		want    string
		fails   bool
	}{
		{[]string{"shop.orders"}, "", "", false},
		{[]string{"shop.orders", "shop.registry"}, "", "shop.registry", false},
		{[]string{"a.registry", "b.registry"}, "", "", true},
		{[]string{"a.registry", "b.registry"}, "b", "b.registry", false},
		{[]string{"a.registry"}, "b", "", false},
		{[]string{"a.b.registry"}, "", "", false},
	} {
		got, err := pickRegistry(c.topics, c.project)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%v for %q: %q, %v", c.topics, c.project, got, err)
		}
	}
}

// What was let go while a partition waited is read again from where the fold
// stands. A chunk from behind it that was on its way already must not be folded
// first: the frontier would pass over what lies between.
func TestAChunkThatIsNotTheNextIsNotFolded(t *testing.T) {
	s := newStand(t, memStore(t))
	enc, err := wire.NewEncoder(saleSchema)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		rec := s.sale(enc, i, 5, base)
		rec.Partition = 0
		if _, err := s.kafka.Produce(t.Context(), []kafka.Record{rec}); err != nil {
			t.Fatal(err)
		}
	}
	log := s.logOf(t, 4)
	o := s.owner(t)
	for _, i := range []int{0, 2, 3, 1, 0, 2, 3} {
		if err := o.fold(t.Context(), &log[i]); err != nil {
			t.Fatal(err)
		}
	}
	if next, n := o.shard.Mark(o.source).Next, o.shard.Counts().Events; next != 4 || n != 4 {
		t.Fatalf("folded up to %d, %d events, want 4 of 4", next, n)
	}
}

func TestARegionThatIsToldToEndReportsNoError(t *testing.T) {
	s := newStand(t, memStore(t))
	for i := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Duration(i)*2*time.Millisecond, cancel)
		cfg := s.region.cfg
		cfg.Metrics = nil
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Run(ctx); err != nil {
			t.Fatalf("told to end after %d ms: %v", 2*i, err)
		}
	}
}

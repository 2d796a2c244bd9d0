package mirror_test

import (
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/mirror"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// delta lists the records of a receiver's topic of one origin's rounds.
func (w *world) delta(receiver, origin, stream string) []kafka.Record {
	w.t.Helper()
	r, topic := w.regions[receiver], definition.DeltaTopic("shop", stream, origin)
	var list []kafka.Record
	for p := range w.project.Stream(stream).Partitions {
		tp := kafka.TopicPartition{Topic: topic, Partition: p}
		ends, err := r.kafka.EndOffsets(w.t.Context(), []kafka.TopicPartition{tp})
		if err != nil {
			w.t.Fatal(err)
		}
		reader, err := r.kafka.NewReader(kafka.ReaderConfig{}, kafka.Assignment{Topic: topic, Partition: p})
		if err != nil {
			w.t.Fatal(err)
		}
		for next := int64(0); next < ends[tp].High; {
			batch, err := reader.Poll(w.t.Context(), 0)
			if err != nil {
				w.t.Fatal(err)
			}
			for i := range batch.Partitions {
				for rec := range batch.Partitions[i].All() {
					list = append(list, kafka.Record{Topic: topic, Partition: p, Value: append([]byte(nil), rec.Value...)})
				}
				next = batch.Partitions[i].Next
			}
		}
		reader.Close()
	}
	return list
}

// pieces counts those that a receiver was sent of a view.
func pieces(w *world, receiver, origin, view string) (n int) {
	for _, rec := range w.delta(receiver, origin, "orders") {
		if head, _, err := round.DecodeHeader(rec.Value); err == nil && head.View == view {
			n++
		}
	}
	return n
}

// forge cuts rounds of a view as the origin's mirror would, were it to send
// them.
func forge(w *world, origin, receiver, view string) []kafka.Record {
	w.t.Helper()
	lane, src := w.regions[origin].worker.Lanes()[view], position.Source{Origin: origin, Incarnation: 1}
	var list []kafka.Record
	for _, shard := range lane.View.Shards {
		head := round.Header{View: view, Instance: lane.View.Instance, Source: src, Partition: shard.Partition(), Epoch: 1 << 60, Round: 1}
		err := lane.Do(w.t.Context(), shard.Partition(), func(s *state.Shard) error {
			defer s.Unlink("forger")
			if err := s.Link("forger", src, position.Mark{}); err != nil {
				return err
			}
			_, pieces, err := s.Round("forger", head, 1<<20)
			for _, b := range pieces {
				list = append(list, kafka.Record{Topic: definition.DeltaTopic("shop", "orders", origin), Partition: shard.Partition(), Value: b})
			}
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return list
}

func TestRoundsThatComeAgainOrOverlapChangeNothing(t *testing.T) {
	w := run(t, shop)
	for i := range 5 {
		w.produce("eu", 40*i, 40*i+40)
		w.converged()
	}
	again := w.delta("us", "eu", "orders")
	again = append(again, forge(w, "eu", "us", "spending")...)
	digest := w.converged()
	w.append("us", again...)
	w.append("us", again[len(again)/2:]...)
	w.produce("us", 0, 30)
	if w.converged() == digest {
		t.Fatal("the digest does not see new events")
	}
	if n := w.events("us", "spending"); n != 200 { // thirty are copies of what eu has
		t.Fatalf("%d events, want 200", n)
	}
}

func TestACutLinkHealsAndWhatWaitedIsCoalesced(t *testing.T) {
	w := run(t, shop)
	w.produce("eu", 0, 100)
	w.converged()
	l := w.regions["eu"].links["us"]
	l.Partition(true)
	before, rounds := l.WireBytes(), w.regions["eu"].mirrors["us"].Status().Rounds
	for i := range 20 {
		w.produce("eu", 100+50*i, 150+50*i)
	}
	w.produce("us", 0, 50) // the other direction still works
	w.eventually("trouble is in the status", func() bool { return w.regions["eu"].mirrors["us"].Status().Error != "" })
	if w.atEnd(w.regions["us"]) {
		t.Fatal("events crossed a link that is cut")
	}
	l.Partition(false)
	w.converged()
	w.eventually("no trouble in the status", func() bool { return w.regions["eu"].mirrors["us"].Status().Error == "" })
	status := w.regions["eu"].mirrors["us"].Status()
	if status.WireBytes <= before {
		t.Errorf("%d bytes crossed, %d before the cut", status.WireBytes, before)
	}
	// Twenty batches waited: they cross as one round for each partition, and one
	// of their ids, beside those that were under way.
	if status.Rounds-rounds > 15 {
		t.Errorf("%d rounds for what waited", status.Rounds-rounds)
	}
}

func TestALostDeltaTopicIsSentAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(w *world, topic string)
	}{
		{"its records deleted", func(w *world, topic string) {
			below := map[kafka.TopicPartition]int64{}
			for p := range int32(3) {
				tp := kafka.TopicPartition{Topic: topic, Partition: p}
				ends, err := w.regions["us"].kafka.EndOffsets(w.t.Context(), []kafka.TopicPartition{tp})
				if err != nil {
					w.t.Fatal(err)
				}
				below[tp] = ends[tp].High
			}
			if err := w.regions["us"].kafka.DeleteRecords(w.t.Context(), below); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"the topic made anew", func(w *world, topic string) { w.recreate("us", topic, 3) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := run(t, shop)
			w.produce("eu", 0, 60)
			w.converged()
			w.stop("us")
			w.produce("eu", 60, 120)
			w.eventually("eu believes all to be sent", func() bool {
				n := 0
				for _, rec := range w.delta("us", "eu", "orders") {
					if head, _, err := round.DecodeHeader(rec.Value); err == nil && head.Hi.Next == w.ends("eu", w.project.Stream("orders"), "shop.orders")[head.Partition] {
						n++
					}
				}
				return n >= 3
			})
			c.lose(w, definition.DeltaTopic("shop", "orders", "eu"))
			// Nothing new happens in eu: no gap will show.
			w.start("us")
			w.converged()
			if n := w.events("us", "spending"); n != 120 {
				t.Fatalf("%d events, want 120", n)
			}
		})
	}
}

// At any moment, whatever was acknowledged before closed is counted.
func TestClosedNeverClaimsWhatIsNotFolded(t *testing.T) {
	w := run(t, shop)
	w.eventually("both have spoken", func() bool { _, ok := w.age("us", "spending"); return ok })
	acknowledged := int64(0)
	for i := range 60 {
		w.produce("eu", 10*i, 10*i+10)
		acknowledged += 10
		at := stamp.FromTime(time.Now()) // all of these were acknowledged before
		for {
			// Closed first: what is folded only grows.
			age, ok := w.age("us", "spending")
			closed := stamp.FromTime(time.Now()) - age
			n := w.events("us", "spending")
			if ok && closed > at && n < acknowledged {
				t.Fatalf("closed at %v: %d events, but %d were acknowledged at %v", closed, n, acknowledged, at)
			}
			if i%6 != 0 || ok && closed > at {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	w.converged()
}

func TestTheRegistryLogIsCopied(t *testing.T) {
	w := run(t, withoutVisiting)
	w.restart("eu") // in between: nothing is copied twice
	w.change(shop)
	w.ready()
	w.stop("us")
	w.change(strings.Replace(shop, "k: 3", "k: 4", 1))
	w.change(shop)
	w.start("us")
	w.ready()
	var logs []string
	for _, name := range []string{"eu", "us"} {
		log := ""
		for _, rec := range w.registryLog(name) {
			log += string(rec) + "\n"
		}
		logs = append(logs, log)
	}
	if logs[0] != logs[1] || logs[0] == "" {
		t.Fatalf("%d bytes of commands in eu, other %d in us", len(logs[0]), len(logs[1]))
	}
}

func (w *world) registryLog(name string) [][]byte {
	w.t.Helper()
	r, tp := w.regions[name], kafka.TopicPartition{Topic: definition.RegistryTopic("shop")}
	ends, err := r.kafka.EndOffsets(w.t.Context(), []kafka.TopicPartition{tp})
	if err != nil {
		w.t.Fatal(err)
	}
	reader, err := r.kafka.NewReader(kafka.ReaderConfig{}, kafka.Assignment{Topic: tp.Topic})
	if err != nil {
		w.t.Fatal(err)
	}
	defer reader.Close()
	var list [][]byte
	for next := int64(0); next < ends[tp].High; {
		batch, err := reader.Poll(w.t.Context(), 0)
		if err != nil {
			w.t.Fatal(err)
		}
		for i := range batch.Partitions {
			for rec := range batch.Partitions[i].All() {
				list = append(list, append([]byte(nil), rec.Value...))
			}
			next = batch.Partitions[i].Next
		}
	}
	return list
}

// Two appliers that saw the same version: the log's order decides, everywhere
// alike.
func TestRacingAppliersEndInOneState(t *testing.T) {
	w := run(t, withoutVisiting)
	version := w.version
	w.change(shop)
	w.version = version
	w.change(strings.Replace(shop, "k: 3", "k: 7", 1)) // expected the same version: stale
	w.project = parse(t, shop)
	w.ready()
	w.converged()
	a, b := w.regions["eu"].worker.Live(), w.regions["us"].worker.Live()
	if a.Views["spending"].Instance != b.Views["spending"].Instance || a.Catalogue != 2 {
		t.Fatalf("eu serves %s of version %d, us %s", a.Views["spending"].Instance, a.Catalogue, b.Views["spending"].Instance)
	}
}

func TestABudgetMakesRoundsCoalesce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shop)
	w.budget = 8_000
	for name := range w.regions {
		w.start(name)
	}
	w.apply()
	w.ready()
	l, began := w.regions["eu"].links["us"], time.Now()
	start := l.WireBytes()
	for i := range 40 {
		w.produce("eu", 25*i, 25*i+25)
		time.Sleep(10 * time.Millisecond)
	}
	w.converged()
	status, seconds := w.regions["eu"].mirrors["us"].Status(), time.Since(began).Seconds()
	// Forty batches in three partitions, of the view and of the stream's ids, would
	// be 240 rounds at every interval.
	if status.Rounds > 180 {
		t.Errorf("%d rounds in %.1f s: the budget does not hold waves back", status.Rounds, seconds)
	}
	// A burst of a quarter second, and one wave of debt.
	if bytes := float64(l.WireBytes() - start); bytes > 8_000*(seconds+0.25)+20_000 {
		t.Errorf("%.0f bytes in %.1f s, the budget is 8000 B/s", bytes, seconds)
	}
}

func TestOneTopicInTroubleHasNotTheOthersSentAgain(t *testing.T) {
	w := run(t, shop)
	w.produce("eu", 0, 20)
	w.converged()
	if err := w.regions["us"].kafka.DeleteTopic(t.Context(), definition.DeltaTopic("shop", "visits", "eu")); err != nil {
		t.Fatal(err)
	}
	w.append("eu", w.visit(w.regions["eu"], 1))
	status := func() mirror.Status { return w.regions["eu"].mirrors["us"].Status() }
	w.eventually("trouble", func() bool { return status().Error != "" })
	w.produce("eu", 20, 40)
	w.eventually("the orders arrive", func() bool { return w.events("us", "spending") == 40 })
	before, tried := pieces(w, "us", "eu", "spending"), status().Pieces
	// The visits are tried, again and again.
	w.eventually("more tries", func() bool { return status().Pieces >= tried+3 })
	if after := pieces(w, "us", "eu", "spending"); after > before {
		t.Fatalf("%d pieces of the orders, %d before", after, before)
	}
}

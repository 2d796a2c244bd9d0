package tail

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/offline/history/historytest"
	"anabranch.dev/anabranch/offline/history/table"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

func config(t testing.TB, p *definition.Project, r *historytest.Region) Config {
	t.Helper()
	s := p.Stream("orders")
	log, err := Identify(historytest.Soon(t), r.Kafka, s)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Kafka: r.Kafka, Registry: r.Registry, Stream: s, Entity: p.Entity(s.Entity), Log: log}
	cfg.From, cfg.Ends = make([]From, s.Partitions), make([]int64, s.Partitions)
	for i := range cfg.From {
		cfg.From[i].Epoch = -1
	}
	return cfg
}

type seen struct {
	partition int32
	offset    int64
	stamp     uint64
}

// readAll reads to the end, a few records at a time.
func readAll(t testing.TB, cfg Config, max int) ([]seen, []State) {
	t.Helper()
	r, err := Open(historytest.Soon(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []seen
	for err == nil {
		err = r.Read(historytest.Soon(t), max, func(row table.Row) {
			got = append(got, seen{row.Event.Partition, row.Event.Offset, uint64(row.Stamp)})
		})
	}
	if err != io.EOF || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	return got, r.States()
}

// TestAnyStretchIsThatPartOfTheLog reads stretches at random and compares with what was accepted in them.
func TestAnyStretchIsThatPartOfTheLog(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	rng := rand.New(rand.NewPCG(1, 1))
	r.Send(t, rng, 250)
	accepted, ends := r.Accepted(t), r.Ends(t)
	for range 25 {
		cfg := config(t, p, r)
		for i := range cfg.From {
			cfg.From[i].Mark = r.MarkAt(int32(i), rng.Int64N(ends[i].Next+1))
			cfg.Ends[i] = rng.Int64N(ends[i].Next + 1)
		}
		got, states := readAll(t, cfg, 1+rng.IntN(60))
		var want []seen
		for _, ev := range accepted {
			if ev.Offset >= cfg.From[ev.Partition].Mark.Next && ev.Offset < cfg.Ends[ev.Partition] {
				want = append(want, seen{ev.Partition, ev.Offset, ev.Stamp})
			}
		}
		slices.SortStableFunc(got, func(a, b seen) int { return int(a.partition - b.partition) })
		if !slices.Equal(got, want) {
			t.Fatalf("from %v to %v:\n got %v\nwant %v", cfg.From, cfg.Ends, got, want)
		}
		for i, s := range states {
			mark := r.MarkAt(int32(i), max(cfg.Ends[i], cfg.From[i].Mark.Next))
			read := mark.Next - cfg.From[i].Mark.Next
			if s.Mark != mark || s.Accepted+s.Quarantined != read {
				t.Fatalf("partition %d is at %+v, want %+v and %d records", i, s, mark, read)
			}
		}
	}
}

func TestAMarkBeyondTheLogIsAGap(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	r.Send(t, rand.New(rand.NewPCG(2, 2)), 50)
	end := r.Ends(t)[0].Next
	cfg := config(t, p, r)
	cfg.From[0].Mark = position.Mark{Next: end}
	if got, _ := readAll(t, cfg, 0); len(got) != 0 {
		t.Errorf("%d events of nothing", len(got))
	}
	cfg.From[0].Mark.Next++
	_, err := Open(historytest.Soon(t), cfg)
	if gap, ok := errors.AsType[*kafka.GapError](err); !ok || gap.Want != end+1 || gap.LogEnd != end {
		t.Errorf("%v", err)
	}
}

func TestSilentBrokersAreAnError(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	r.Send(t, rand.New(rand.NewPCG(3, 3)), 50)
	cfg := config(t, p, r)
	cfg.Ends[0] = r.Ends(t)[0].Next
	cfg.Patience = 1 // a nanosecond
	reader, err := Open(historytest.Soon(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.Read(historytest.Soon(t), 0, nil); !stalled(err) {
		t.Errorf("%v", err)
	}
}

func stalled(err error) bool {
	_, ok := errors.AsType[*StalledError](err)
	return ok
}

func TestTheTopicMustHaveTheStreamsPartitions(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	s := *p.Stream("orders")
	s.Partitions++
	_, err := Identify(historytest.Soon(t), r.Kafka, &s)
	if e, ok := errors.AsType[*kafka.IdentityError](err); !ok || e.Reason != "the topic has 3 partitions, stream orders declares 4" {
		t.Errorf("%v", err)
	}
}

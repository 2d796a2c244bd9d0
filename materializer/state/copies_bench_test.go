package state

import (
	"path/filepath"
	"testing"
	"time"

	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// BenchmarkFoldWithIDs folds events that all have an id of their own: in a view,
// with and without the ids looked at, and in the ids of the stream. Flushed every
// 5,000 events, as a busy worker does. hear is the other side of the last: ids
// that a round brings.
func BenchmarkFoldWithIDs(b *testing.B) {
	const n = 100_000
	log := make([]event, n)
	for i := range log {
		log[i] = event{user: i % 5000, at: i / 100, total: i % 400, id: i + 1, app: int64(i)}
	}
	without := make([]event, n)
	for i, e := range log {
		e.id = 0
		without[i] = e
	}
	view := func(s *Store) (*View, error) { return s.OpenView("spending", instance, 1, "eu", program(b)) }
	ids := func(s *Store) (*View, error) { return s.OpenIDs("^orders", instance, "eu", idProgram(b)) }
	for _, c := range []struct {
		name string
		open func(*Store) (*View, error)
		log  []event
	}{{"view, no ids", view, without}, {"view, ids", view, log}, {"ids of the stream", ids, log}} {
		b.Run(c.name, func(b *testing.B) {
			var took time.Duration
			for b.Loop() {
				store, err := Open(Config{Dir: filepath.Join(b.TempDir(), "state")})
				if err != nil {
					b.Fatal(err)
				}
				v, err := c.open(store)
				if err != nil {
					b.Fatal(err)
				}
				took += foldAll(b, v, c.log)
				store.Close()
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(n*b.N), "ns/event")
			b.ReportMetric(0, "ns/op")
		})
	}
}

type foldEvent struct {
	ev *wire.Event
	st stamp.Stamp
}

// foldAll is the time to fold a log, without that to make its events.
func foldAll(b *testing.B, v *View, log []event) time.Duration {
	const batch = 5000
	st, s, took := stamps(log), v.Shards[0], time.Duration(0)
	for from := 0; from < len(log); from += batch {
		events := make([]foldEvent, batch)
		for i := range events {
			events[i] = foldEvent{log[from+i].wire(s.view.Prog, int64(from+i)), st[from+i]}
		}
		began := time.Now()
		tx := s.Begin()
		for _, e := range events {
			if _, err := tx.Event(eu, e.ev, e.st); err != nil {
				b.Fatal(err)
			}
		}
		tx.Advance(eu, position.Mark{Next: int64(from + batch), Stamp: st[from+batch-1]})
		tx.Commit()
		if err := s.Flush(); err != nil {
			b.Fatal(err)
		}
		took += time.Since(began)
	}
	return took
}

// BenchmarkHearIDs takes rounds of 1,000 ids of another region.
func BenchmarkHearIDs(b *testing.B) {
	store, err := Open(Config{Dir: filepath.Join(b.TempDir(), "state")})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	v, err := store.OpenIDs("^orders", instance, "eu", idProgram(b))
	if err != nil {
		b.Fatal(err)
	}
	s, at := v.Shards[0], int64(0)
	for b.Loop() {
		list := make([]round.ID, 1000)
		for i := range list {
			at++
			list[i] = round.ID{Hash: uint64(at) * 0x9e3779b97f4a7c15, Stamp: stamps([]event{{app: at}})[0], Offset: at}
		}
		tx := s.Begin()
		if err := tx.Hear(us, list); err != nil {
			b.Fatal(err)
		}
		tx.Commit()
		if err := s.Flush(); err != nil {
			b.Fatal(err)
		}
	}
}

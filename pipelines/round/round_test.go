package round_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

var west = position.Source{Origin: "west", Incarnation: 1}

// replica is the rows of one view's partition, by key.
type replica struct {
	mach *fold.Machine
	rows map[string]*fold.Row
	mark position.Mark // how far the log of west is folded
}

func newReplica(prog *fold.Program) *replica {
	return &replica{mach: prog.New(), rows: map[string]*fold.Row{}}
}

func (r *replica) row(key string) *fold.Row {
	if r.rows[key] == nil {
		r.rows[key] = &fold.Row{}
	}
	return r.rows[key]
}

func (r *replica) fold(key string, e *asof.Event) {
	ev := wire.Event{Time: e.Time, Partition: e.Partition, Offset: e.Offset, Observed: e.Observed, Fields: e.Fields}
	if r.mach.Prepare(&ev).OK() {
		r.mach.Step(r.row(key), e.Source, &ev, e.Stamp)
	}
	r.mark = position.Mark{Next: e.Offset + 1, Stamp: e.Stamp}
}

// bytes are all rows of the replica, those without parts left out.
func (r *replica) bytes() map[string]string {
	all := map[string]string{}
	for key, row := range r.rows {
		if len(row.Parts) > 0 {
			all[key] = fmt.Sprintf("%x", r.mach.Program().Append(nil, row))
		}
	}
	return all
}

// send makes a round of what changed since lo.
func (r *replica) send(lo position.Mark, limit int, n uint64) [][]byte {
	head := round.Header{View: "view", Instance: "0123456789abcdef", Source: west, Partition: 3, Epoch: 7, Round: n, Catalogue: 5, Lo: lo, Hi: r.mark}
	w := round.NewWriter(r.mach.Program(), head, limit)
	keys := make([]string, 0, len(r.rows))
	for key := range r.rows {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if part := r.rows[key].Part(west); part != nil {
			w.Add([]byte(key), part)
		}
	}
	return w.Finish()
}

// receive applies the pieces of a round through a receiver. It returns what was
// done with the last piece, or Gap if that was said of any.
func (r *replica) receive(t *rapid.T, rc *round.Receiver, pieces [][]byte) round.Action {
	action, gap := round.Drop, false
	for _, piece := range pieces {
		head, _, err := round.DecodeHeader(piece)
		if err != nil {
			t.Fatalf("header: %v", err)
		}
		action = rc.Step(head, piece, r.mark.Next, 0)
		gap = gap || action == round.Gap
		if action != round.Apply {
			continue
		}
		for _, staged := range rc.Ready() {
			head, at, err := round.DecodeHeader(staged)
			if err != nil {
				t.Fatalf("header: %v", err)
			}
			rows, err := round.Decode(r.mach.Program(), head, staged, at)
			if err != nil {
				t.Fatalf("piece: %v", err)
			}
			for i := range rows {
				r.mach.Absorb(r.row(string(rows[i].Key)), &rows[i].Part)
			}
		}
		r.mark = head.Hi
		rc.Done()
	}
	if gap {
		return round.Gap
	}
	return action
}

func draw(t *rapid.T) (*fold.Program, []asoftest.Keyed) {
	w := asoftest.Draw(t, asoftest.Options{Keys: 4, NoIDs: true})
	prog, err := fold.Compile(w.Project, w.View)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	var log []asoftest.Keyed
	for _, e := range w.Events {
		if e.Source == west && e.Partition == 0 {
			log = append(log, e)
		}
	}
	return prog, log
}

func TestAFullRoundIsTheSendersRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prog, log := draw(t)
		sender, receiver := newReplica(prog), newReplica(prog)
		for _, e := range log {
			sender.fold(e.Key, &e.Event)
		}
		pieces := sender.send(position.Mark{}, rapid.SampledFrom([]int{1, 100, 1 << 20}).Draw(t, "limit"), 1)
		if again := sender.send(position.Mark{}, 1<<20, 1); len(pieces) == 1 && !bytes.Equal(pieces[0], again[0]) {
			t.Fatalf("equal rows, other bytes")
		}
		action := receiver.receive(t, &round.Receiver{}, pieces)
		if want := map[bool]round.Action{true: round.Apply, false: round.Drop}[len(log) > 0]; action != want {
			t.Fatalf("action %d, want %d", action, want)
		}
		if a, b := fmt.Sprint(receiver.bytes()), fmt.Sprint(sender.bytes()); a != b {
			t.Fatalf("received\n%s, sent\n%s", a, b)
		}
	})
}

func TestRoundsOverlapDropAndGapByTheFrontier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prog, log := draw(t)
		sender, receiver := newReplica(prog), newReplica(prog)
		marks := []position.Mark{{}}
		sent := map[int64]string{0: "map[]"} // the sender's rows by mark
		rc := &round.Receiver{}
		for n := range rapid.IntRange(1, 6).Draw(t, "rounds") {
			for range min(len(log), rapid.IntRange(0, 12).Draw(t, "events")) {
				sender.fold(log[0].Key, &log[0].Event)
				log = log[1:]
			}
			marks = append(marks, sender.mark)
			sent[sender.mark.Next] = fmt.Sprint(sender.bytes())
			lo := rapid.SampledFrom(marks).Draw(t, "lo")
			pieces := sender.send(lo, rapid.SampledFrom([]int{1, 1 << 20}).Draw(t, "limit"), uint64(n+1))
			if rapid.IntRange(0, 3).Draw(t, "lost") == 0 {
				pieces = pieces[:rapid.IntRange(0, len(pieces)-1).Draw(t, "until")]
			}
			before := receiver.mark
			action := receiver.receive(t, rc, pieces)
			whole := len(pieces) > 0 && action != round.Stage
			switch {
			case whole && sender.mark.Next <= before.Next && action != round.Drop,
				whole && lo.Next > before.Next && sender.mark.Next > before.Next && action != round.Gap:
				t.Fatalf("round %d to %d at %d: action %d", lo.Next, sender.mark.Next, before.Next, action)
			case action != round.Apply && receiver.mark != before:
				t.Fatalf("action %d moved the frontier", action)
			}
			if got := fmt.Sprint(receiver.bytes()); got != sent[receiver.mark.Next] {
				t.Fatalf("at %d the receiver has\n%s, the sender had\n%s", receiver.mark.Next, got, sent[receiver.mark.Next])
			}
		}
	})
}

func TestHeadersSurviveTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prog, _ := draw(t)
		lo := rapid.Int64Range(0, 1<<40).Draw(t, "lo")
		h := round.Header{
			View: rapid.StringN(0, 20, -1).Draw(t, "view"), Instance: "0123456789abcdef", Source: position.Source{Origin: "east", Incarnation: rapid.Uint32Range(0, 1<<31).Draw(t, "incarnation")},
			Partition: rapid.Int32Range(0, 1<<30).Draw(t, "partition"), Epoch: rapid.Uint64().Draw(t, "epoch"), Round: rapid.Uint64().Draw(t, "round"), Catalogue: rapid.Uint64().Draw(t, "catalogue"),
			Lo: position.Mark{Next: lo, Stamp: stamp.Stamp(rapid.Uint64().Draw(t, "stamp"))}, Hi: position.Mark{Next: lo + rapid.Int64Range(0, 1<<40).Draw(t, "more"), Stamp: 9},
		}
		pieces := round.NewWriter(prog, h, 1).Finish()
		h.Pieces = 1
		got, _, err := round.DecodeHeader(pieces[0])
		if err != nil || got != h {
			t.Fatalf("%+v, %v, want %+v", got, err, h)
		}
	})
}

func TestReceiverStagesUntilTheRoundIsWhole(t *testing.T) {
	mark := func(next int64) position.Mark { return position.Mark{Next: next} }
	head := func(epoch, n uint64, piece, pieces int, lo, hi int64) round.Header {
		return round.Header{Epoch: epoch, Round: n, Piece: piece, Pieces: pieces, Lo: mark(lo), Hi: mark(hi)}
	}
	type step struct {
		h    round.Header
		next int64
		want round.Action
	}
	for name, steps := range map[string][]step{
		"two pieces":            {{head(1, 1, 0, 2, 0, 5), 0, round.Stage}, {head(1, 1, 1, 2, 0, 5), 0, round.Apply}},
		"a piece is missing":    {{head(1, 1, 1, 2, 0, 5), 0, round.Drop}, {head(1, 2, 0, 1, 0, 6), 0, round.Apply}},
		"a piece comes twice":   {{head(1, 1, 0, 2, 0, 5), 0, round.Stage}, {head(1, 1, 0, 2, 0, 5), 0, round.Drop}, {head(1, 1, 1, 2, 0, 5), 0, round.Apply}},
		"never completed":       {{head(1, 1, 0, 2, 0, 5), 0, round.Stage}, {head(1, 2, 0, 1, 0, 9), 0, round.Apply}},
		"an older epoch":        {{head(2, 1, 0, 2, 0, 5), 0, round.Stage}, {head(1, 9, 0, 1, 0, 9), 0, round.Drop}, {head(2, 1, 1, 2, 0, 5), 0, round.Apply}},
		"folded already":        {{head(1, 1, 0, 1, 0, 5), 5, round.Drop}},
		"overlap":               {{head(1, 1, 0, 1, 0, 5), 4, round.Apply}},
		"begins where it stood": {{head(1, 1, 0, 1, 4, 5), 4, round.Apply}},
		"gap":                   {{head(1, 1, 0, 1, 5, 9), 4, round.Gap}},
	} {
		r := &round.Receiver{}
		for i, s := range steps {
			if got := r.Step(s.h, []byte{byte(i)}, s.next, 0); got != s.want {
				t.Errorf("%s, step %d: %d, want %d", name, i, got, s.want)
			}
			if s.want == round.Apply && len(r.Ready()) != s.h.Pieces {
				t.Errorf("%s: %d pieces ready, want %d", name, len(r.Ready()), s.h.Pieces)
			}
			if s.want == round.Apply {
				r.Done()
			}
			if r.Staged() != (s.want == round.Stage || s.want == round.Drop && i > 0 && steps[i-1].want == round.Stage) {
				t.Errorf("%s, step %d: staged %t", name, i, r.Staged())
			}
		}
	}
}

package round_test

import (
	"testing"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// seeds are pieces of whole and partial rounds of a view with many kinds.
func seeds(f *testing.F) (*fold.Program, [][]byte) {
	w := asoftest.Base()
	w.Project.Views = []definition.View{{Name: "view", Stream: "events", Features: []definition.Feature{
		{Name: "a", Kind: "count", By: "1", Scale: -1, Window: stamp.Hour, Pane: 5 * stamp.Minute}, {Name: "b", Kind: "sum", Of: "n", Scale: -1},
		{Name: "c", Kind: "recent", Of: "s", K: 3, Scale: -1, Window: 2 * stamp.Hour, Pane: stamp.Hour}, {Name: "d", Kind: "last", Of: "tags", Scale: -1},
		{Name: "e", Kind: "approx_distinct", Of: "s", Precision: 4, Scale: -1}, {Name: "f", Kind: "set", Of: "n", Max: 3, Scale: -1},
	}}}
	prog, err := fold.Compile(w.Project, &w.Project.Views[0])
	if err != nil {
		f.Fatal(err)
	}
	r := newReplica(prog)
	var pieces [][]byte
	var lo position.Mark
	for i := range 30 {
		e := asof.Event{Source: west, Offset: int64(i), Stamp: stamp.Next(0, int64(1e12+i*700)), Time: asoftest.Start + stamp.Micros(i)*7*stamp.Minute, Fields: make([]value.Value, asoftest.FieldCount)}
		e.Fields[4], e.Fields[7] = value.Int(int64(i%5)), value.Text(string(rune('a'+i%4)))
		r.fold(string(rune('k'+i%3)), &e)
		if i%10 == 9 {
			pieces = append(pieces, r.send(lo, 100, 1)...)
			pieces = append(pieces, r.send(position.Mark{}, 1<<20, 2)...)
			lo = r.mark
		}
	}
	return prog, pieces
}

func FuzzDecode(f *testing.F) {
	prog, pieces := seeds(f)
	for _, p := range pieces {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		head, at, err := round.DecodeHeader(b)
		if err != nil {
			return
		}
		rows, err := round.Decode(prog, head, b, at)
		if err != nil {
			return
		}
		m, row := prog.New(), &fold.Row{}
		for i := range rows {
			if i > 0 && string(rows[i-1].Key) >= string(rows[i].Key) {
				t.Fatalf("keys out of order")
			}
			m.Absorb(row, &rows[i].Part)
		}
	})
}

func FuzzDecodeHeader(f *testing.F) {
	_, pieces := seeds(f)
	for _, p := range pieces {
		f.Add(p[:min(len(p), 80)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		head, at, err := round.DecodeHeader(b)
		if err == nil && (at > len(b) || head.Piece >= head.Pieces || head.Lo.Next > head.Hi.Next) {
			t.Fatalf("%d bytes of %d, %+v", at, len(b), head)
		}
	})
}

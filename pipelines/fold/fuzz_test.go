package fold_test

import (
	"bytes"
	"testing"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// everyKind is a world whose view has a lifetime and a windowed feature of
// each kind.
func everyKind() *asoftest.World {
	w := asoftest.Base()
	v := definition.View{Name: "view", Stream: "events"}
	for _, f := range []definition.Feature{
		{Kind: "count", By: "1"}, {Kind: "sum", Of: "x", Scale: 2}, {Kind: "mean", Of: "n"}, {Kind: "min", Of: "s"}, {Kind: "max", Of: "d"},
		{Kind: "last", Of: "tags"}, {Kind: "first", Of: "n"}, {Kind: "recent", Of: "s", K: 2}, {Kind: "set", Of: "n", Max: 3, RemoveWhere: "b"},
		{Kind: "approx_distinct", Of: "raw", Precision: 4},
	} {
		if f.Scale == 0 {
			f.Scale = -1
		}
		life, windowed := f, f
		life.Name, windowed.Name = f.Kind, f.Kind+"_1h"
		windowed.Window, windowed.Pane = stamp.Hour, 5*stamp.Minute
		v.Features = append(v.Features, life, windowed)
	}
	w.Project.Views = []definition.View{v}
	w.View = &w.Project.Views[0]
	return w
}

// numbered is an event of everyKind's world.
func numbered(i int, origin string) asof.Event {
	e := asof.Event{Source: position.Source{Origin: origin, Incarnation: 1}, Offset: int64(i * 2), Stamp: stamp.Next(0, int64(1e12+i*700)), Time: asoftest.Start + stamp.Micros(i)*3*stamp.Minute}
	e.Fields = []value.Value{
		value.Text("k"), value.Time(e.Time), {}, {}, value.Int(int64(i % 5)), value.Float(float64(i) / 8), value.Dec(value.Int128Of(int64(i * i))),
		value.Text(string(rune('a' + i%4))), value.BoolOf(i%3 == 0), value.Raw([]byte{byte(i)}), value.DateOf(int64(i)), value.Time(e.Time), value.Items(value.Text("t"), value.Value{}),
	}
	return e
}

func FuzzDecode(f *testing.F) {
	w := everyKind()
	prog, err := fold.Compile(w.Project, w.View)
	if err != nil {
		f.Fatal(err)
	}
	r := newRegion(w, prog)
	f.Add(prog.Append(nil, &r.row))
	for i := range 40 {
		e := numbered(i, []string{"west", "east"}[i%2])
		r.fold(&e)
		if i%8 == 0 {
			f.Add(prog.Append(nil, &r.row))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		row, err := prog.Decode(b)
		if err != nil {
			return
		}
		if again := prog.Append(nil, row); !bytes.Equal(again, b) {
			t.Fatalf("decoded and encoded:\n%x, want\n%x", again, b)
		}
		results(prog.New(), row, row.Newest())
	})
}

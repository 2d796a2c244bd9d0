package fold_test

import (
	"bytes"
	"fmt"
	"testing"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// everyKind is a world whose view has each kind for a lifetime and through two
// windows that share panes.
func everyKind() *asoftest.World {
	w := asoftest.Base()
	v := definition.View{Name: "view", Stream: "events"}
	for _, f := range small() {
		f.Scale = -1
		for _, window := range []stamp.Micros{0, stamp.Hour, 6 * stamp.Hour} {
			f.Name = fmt.Sprint("f", len(v.Features))
			f.Window, f.Pane = window, window/12
			v.Features = append(v.Features, f)
		}
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
		value.Float(float64(i)), value.Float(0.5), value.Items(value.Float(0.25), value.Float(8)), value.Items(value.Int(int64(i)), value.Int(-7)), value.Items(value.Dec(value.Int128Of(3)), value.Dec(value.Int128Of(int64(i)))),
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
	for i := range 150 {
		e := numbered(i, []string{"west", "east"}[i%2])
		r.fold(&e)
		if i%30 == 0 {
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

package asoftest

import (
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func drawFields(t *rapid.T) []value.Value {
	f := make([]value.Value, FieldCount)
	set := func(i int, draw func() value.Value) {
		if rapid.IntRange(0, 4).Draw(t, "null?") > 0 {
			f[i] = draw()
		}
	}
	text := func() string { return rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(t, "text") }
	set(fieldN, func() value.Value { return value.Int(int64(rapid.IntRange(-2, 3).Draw(t, "n"))) })
	set(fieldX, func() value.Value {
		return value.Float(rapid.SampledFrom([]float64{-1.5, 0, 0.005, 0.125, 1.1, 2.675, 1e15, 3e-7, 3e26, 1e30}).Draw(t, "x"))
	})
	set(fieldD, func() value.Value { return value.Dec(value.Int128Of(int64(rapid.IntRange(-2500, 2500).Draw(t, "d")))) })
	set(fieldS, func() value.Value { return value.Text(text()) })
	set(fieldB, func() value.Value { return value.BoolOf(rapid.Bool().Draw(t, "b")) })
	set(fieldRaw, func() value.Value { // often one of so many that a coarse top counts no longer one by one
		if rapid.Bool().Draw(t, "many") {
			return value.Raw([]byte{byte(rapid.IntRange(0, 60).Draw(t, "raw"))})
		}
		return value.Raw([]byte(text()))
	})
	set(fieldDay, func() value.Value { return value.DateOf(int64(rapid.IntRange(-1, 1).Draw(t, "day"))) })
	set(fieldWhen, func() value.Value { return value.Time(stamp.Micros(rapid.IntRange(-1, 1).Draw(t, "moment"))) })
	set(fieldList, func() value.Value {
		return value.Items(value.Text(text()), value.Value{}, value.Text(text()))
	})
	set(fieldY, func() value.Value { return drawFloat(t) })
	set(fieldW, func() value.Value {
		return value.Float(rapid.SampledFrom([]float64{0, 1, 0.5, 2.25, -1, 0.0005}).Draw(t, "w"))
	})
	set(fieldFloats, func() value.Value { return drawVector(t, func() value.Value { return drawFloat(t) }) })
	set(fieldInts, func() value.Value {
		return drawVector(t, func() value.Value {
			return value.Int(rapid.SampledFrom([]int64{0, 1, -1, 2, 3, 5, 6, -7, 255, 1 << 40}).Draw(t, "item"))
		})
	})
	set(fieldDecs, func() value.Value {
		return drawVector(t, func() value.Value { return value.Dec(value.Int128Of(int64(rapid.IntRange(-300, 300).Draw(t, "item")))) })
	})
	return f
}

func drawFloat(t *rapid.T) value.Value {
	return value.Float(rapid.SampledFrom([]float64{-1.5, 0, 0.005, 0.125, 1.1, 2.675, 0.5, 1e6, -3e5, 1e-9}).Draw(t, "float"))
}

// drawVector draws a list of up to three items, most often two, now and then
// one of them null.
func drawVector(t *rapid.T, item func() value.Value) value.Value {
	list := []value.Value{}
	for range rapid.SampledFrom([]int{2, 2, 2, 3, 1, 0}).Draw(t, "items") {
		list = append(list, item())
	}
	if len(list) > 0 && rapid.IntRange(0, 9).Draw(t, "null item") == 0 {
		list[0] = value.Value{}
	}
	return value.Items(list...)
}

// drawObserved draws the token of what the event's producer had seen: of this
// view, of a write, or of something else.
func (w *World) drawObserved(t *rapid.T, e *asof.Event) []byte {
	shape := rapid.IntRange(0, 7).Draw(t, "observed")
	if shape < 2 {
		return [][]byte{nil, []byte("no token")}[shape]
	}
	seen := position.Frontier{}
	for _, r := range w.Project.Regions {
		log := position.Log{Stream: w.Stream.Name, Source: position.Source{Origin: r, Incarnation: 1}, Partition: e.Partition}
		next := int64(rapid.IntRange(0, 40).Draw(t, "seen"))
		if r == e.Source.Origin && rapid.Bool().Draw(t, "all before") {
			next = e.Offset
		}
		seen[log] = position.Mark{Next: next}
	}
	part := position.Part{View: w.View.Name, Version: 1, Frontier: seen}
	switch shape {
	case 2:
		part.View = "other"
	case 3:
		part.View, part.Version = "", 0
	}
	return []byte(position.Token{Time: e.Time, Parts: []position.Part{part}}.Sign([]byte("secret")))
}

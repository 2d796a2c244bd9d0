package definition

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// The generators below draw projects as Parse makes them, straight as structs,
// so that the canonical JSON is tested against something other than the reader.

func draw[T any](t *rapid.T, name string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, name)
}

func drawSpan(t *rapid.T) stamp.Micros {
	n := stamp.Micros(rapid.IntRange(1, 5000).Draw(t, "n"))
	return n * draw(t, "unit", stamp.Millisecond, stamp.Second, stamp.Minute, stamp.Hour, stamp.Day)
}

func drawTags(t *rapid.T) map[string]string {
	return draw(t, "tags", nil, map[string]string{"a": "b"}, map[string]string{"x\n": "", "<&>": "\u2028\x00\x7f\ufeffé😀"})
}

func drawText(t *rapid.T) string {
	return draw(t, "text", "", "a@b", "two\nlines", `"quoted"`, "# <&>\\", "😀\x7f\u0085")
}

func drawPolicy(t *rapid.T, regions []string) Policy {
	p := Policy{Mode: draw(t, "mode", "", "eventual", "session", "bounded")}
	if rapid.Bool().Draw(t, "staleness") {
		p.MaxStaleness, p.Deadline = drawSpan(t), drawSpan(t)
	}
	if rapid.Bool().Draw(t, "partial given") {
		partial := rapid.Bool().Draw(t, "partial")
		p.Partial = &partial
	}
	p.Residency = append(p.Residency, regions[:rapid.IntRange(0, len(regions)).Draw(t, "residency")]...)
	return p
}

func drawFeature(t *rapid.T, name string) Feature {
	f := Feature{Name: name, Kind: draw(t, "kind", Kinds()...), Of: draw(t, "of", "customer", "customer * 2", "size(item)"), Scale: -1,
		Where: draw(t, "where", "", "status != 'cancelled'", "total > 1.5 && item in [\"<a>\"]"), Description: drawText(t), Tags: drawTags(t)}
	drawParameters(t, &f)
	if rapid.Bool().Draw(t, "windowed") {
		f.Window = drawSpan(t)
		f.Pane = draw(t, "pane", DefaultPane(f.Window), f.Window)
		if f.Window/f.Pane > maxWindowPanes {
			f.Pane = f.Window
		}
	}
	f.Exact = (f.Kind == "min" || f.Kind == "max") && rapid.Bool().Draw(t, "exact")
	drawErrors(t, &f)
	return f
}

func drawParameters(t *rapid.T, f *Feature) {
	part := rapid.Float64Range(MinError, MaxError)
	switch f.Kind {
	case "count":
		f.Of, f.By = "", draw(t, "by", "1", "-1", "customer")
	case "sum", "mean":
		f.Scale, f.As = rapid.Int32Range(-1, value.MaxScale).Draw(t, "scale"), draw(t, "as", "", "int64", "float64", "decimal")
		if f.Kind == "mean" {
			f.Weight = draw(t, "weight", "", "2", "total")
		}
	case "recent":
		f.K = rapid.IntRange(1, MaxK).Draw(t, "k")
	case "set":
		f.Max, f.RemoveWhere = rapid.IntRange(1, value.MaxListItems).Draw(t, "max"), draw(t, "remove", "", "status == 'cancelled'")
		f.Observed = f.RemoveWhere != "" && rapid.Bool().Draw(t, "observed")
	case "top":
		f.K, f.By, f.Error = rapid.IntRange(1, MaxK).Draw(t, "k"), draw(t, "by", "1", "customer"), part.Draw(t, "error")
	case "approx_distinct":
		f.Precision = rapid.IntRange(MinPrecision, MaxPrecision).Draw(t, "precision")
	case "quantiles":
		f.Q = rapid.SliceOfNDistinct(rapid.Float64Range(0, 1), 1, 4, func(x float64) float64 { return x + 0 }).Draw(t, "q")
		for i := range f.Q {
			f.Q[i] = math.Abs(f.Q[i])
		}
		f.RelativeError = part.Draw(t, "relative error")
	case "decayed_sum", "ema":
		f.HalfLife, f.Scale = drawSpan(t), rapid.Int32Range(-1, value.MaxScale).Draw(t, "scale")
	case "vector_sum", "vector_mean", "low_rank":
		f.Of, f.Scale = "[total]", rapid.Int32Range(-1, value.MaxScale).Draw(t, "scale")
		if f.Basis = "items@2"; f.Kind != "low_rank" {
			f.Basis, f.Dim, f.Bits = "", rapid.IntRange(1, value.MaxListItems).Draw(t, "dim"), rapid.IntRange(0, MaxBits).Draw(t, "bits")
		}
	}
}

func drawErrors(t *rapid.T, f *Feature) {
	if rapid.Bool().Draw(t, "budget") {
		f.ErrorBudget = rapid.Float64Range(1e-9, 0.999).Draw(t, "error budget")
	}
	fit := ruleOf(f.Kind).distances(nil)
	if fit == nil {
		fit = []string{"abs", "squared"} // every `of` that is drawn is a number
	}
	if rapid.Bool().Draw(t, "sensitive") {
		f.Sensitivity, f.Discrepancy = math.Abs(rapid.Float64().Draw(t, "sensitivity")), draw(t, "discrepancy", fit...)
	}
}

func drawProject(t *rapid.T) *Project {
	compact, fields, err := readSchema([]byte(orderSchema))
	if err != nil {
		t.Fatal(err)
	}
	p := &Project{Name: "p-1_x", Regions: []string{"here", "there", "far"}[:rapid.IntRange(1, 3).Draw(t, "regions")]}
	p.Entities = []Entity{
		{Name: "all", Description: drawText(t)},
		{Name: "user", JoinKeys: []JoinKey{{"user_id", value.Int64}, {"order_id", value.String}}[:rapid.IntRange(1, 2).Draw(t, "keys")]},
	}
	for _, name := range []string{"one", "two"} {
		entity := draw(t, "entity", &p.Entities[0], &p.Entities[1])
		s := Stream{Name: name, Entity: entity.Name, Topic: draw(t, "topic", "p-1_x."+name, name+".Z"), Schema: compact, Fields: fields,
			EventTime: draw(t, "time", 2, 3), Created: draw(t, "created", -1, 2, 3), EventIDHorizon: drawSpan(t), MaxFuture: drawSpan(t),
			EventID:    draw(t, "id", EventID{Field: -1}, EventID{Field: 0}, EventID{Field: -1, Header: "ce_id: x"}),
			Partitions: rapid.Int32Range(1, MaxPartitions).Draw(t, "partitions"), Owner: drawText(t), Description: drawText(t), Tags: drawTags(t)}
		s.Key = append(s.Key, []int{draw(t, "key", 1, 3), draw(t, "key 2", 0, 5)}[:len(entity.JoinKeys)]...)
		p.Streams = append(p.Streams, s)
	}
	for _, name := range []string{"v", "w_x"}[:rapid.IntRange(0, 2).Draw(t, "views")] {
		v := View{Name: name, Stream: draw(t, "stream", "one", "two"), Where: draw(t, "where", "", "customer > 3"), Policy: drawPolicy(t, p.Regions),
			MaxBytes: draw(t, "bytes", 0, 100000), Owner: drawText(t), Description: drawText(t), Tags: drawTags(t)}
		if rapid.Bool().Draw(t, "expires") {
			v.TTL = drawSpan(t)
		}
		for _, f := range []string{"a", "b_c", "d"}[:rapid.IntRange(1, 3).Draw(t, "features")] {
			v.Features = append(v.Features, drawFeature(t, f))
		}
		p.Views = append(p.Views, v)
	}
	for version, data := range []string{"\x00\xff basis", "text\n"} {
		p.Bases = append(p.Bases, Basis{Name: "items", Version: version + 1, Data: []byte(data)})
	}
	if len(p.Views) > 0 {
		p.Services = append(p.Services, drawService(t, p))
	}
	return p
}

func drawService(t *rapid.T, p *Project) Service {
	s := Service{Name: "s", Policy: drawPolicy(t, nil), Owner: drawText(t), Tags: drawTags(t)}
	for i, v := range p.Views {
		sel := Selection{View: v.Name, Version: draw(t, "version", 0, 1, 12), As: draw(t, "as", "", "alias"+string(rune('a'+i))),
			Features: draw(t, "picked", []string{"*"}, []string{"a"}, []string{"a", "*"})}
		if e := p.EntityOf(&v); len(e.JoinKeys) > 0 && rapid.Bool().Draw(t, "renamed") {
			sel.Keys = map[string]string{e.JoinKeys[0].Name: draw(t, "column", "giver id", "x\"")}
		}
		s.Features = append(s.Features, sel)
	}
	return s
}

// TestCanonicalJSONHoldsEverything: whatever a project holds comes back.
func TestCanonicalJSONHoldsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProject(t)
		b := Encode(p)
		q, err := Decode(b)
		if err != nil {
			t.Fatalf("Decode(%s): %v", b, err)
		}
		if !reflect.DeepEqual(without(q), p) {
			t.Fatalf("%s\ncomes back as\n%+v, want\n%+v", b, without(q), p)
		}
	})
}

// TestOneSlipGivesOneProblem: a letter changed in a key of a good definition is
// found, and the key meant is named.
func TestOneSlipGivesOneProblem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := draw(t, "shape", streamShape, viewShape, featureShape, serviceShape)
		name := draw(t, "key", shape.names()...)
		i := rapid.IntRange(0, len(name)-1).Draw(t, "place")
		slip := name[:i] + "z" + name[i+1:]
		if len(name) < 3 || shape.key(slip) != nil {
			return // too short to tell
		}
		if got := Nearest(slip, shape.names()); distance(slip, got, 9) != 1 {
			t.Fatalf("Nearest(%q) = %q, meant %q", slip, got, name)
		}
	})
}

package merge_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// vectors is the bytes of released states: read for ever, never rewritten.
const vectors = "../../testdata/vectors/v1/merge/states.txt"

// vectorBase is the base of every vector.
var vectorBase = merge.Order{
	Time:   stamp.FromMillis(986_083_200_000), // 2001-04-01T00:00:00Z
	Stamp:  stamp.Stamp(986_083_200_000 << stamp.LogicalBits),
	Rank:   1,
	Offset: 1000,
}

// vector is a spec and the events whose state the bytes are.
type vector struct {
	name   string
	spec   merge.Spec
	events []merge.Input
}

// event is the n-th event of a vector: n minutes before the base, the seconds
// and less of it moved by off, ten offsets apart.
func event(n int64, off stamp.Micros, x value.Value, remove bool) merge.Input {
	return merge.Input{X: x, Remove: remove, Order: merge.Order{
		Time:   vectorBase.Time - stamp.Micros(n)*stamp.Minute + off,
		Stamp:  stamp.Stamp((986_083_200_000-n*60_000)<<stamp.LogicalBits | n%3),
		Rank:   1,
		Offset: 1000 - 10*n,
	}}
}

// run is one event a value.
func run(xs ...value.Value) []merge.Input {
	offs := []stamp.Micros{0, stamp.Second, stamp.Millisecond, stamp.Microsecond, -stamp.Second}
	events := make([]merge.Input, len(xs))
	for i, x := range xs {
		events[i] = event(int64(i), offs[i%len(offs)], x, false)
	}
	return events
}

func list(xs ...int64) value.Value {
	items := make([]value.Value, len(xs))
	for i, x := range xs {
		items[i] = value.Int(x)
	}
	return value.Items(items...)
}

// weighted is one event for each pair of a value and its weight.
func weighted(pairs ...int64) []merge.Input {
	var xs []value.Value
	for i := 0; i < len(pairs); i += 2 {
		xs = append(xs, value.Int(pairs[i]))
	}
	events := run(xs...)
	for i := range events {
		events[i].W = value.Int(pairs[2*i+1])
	}
	return events
}

func numbers(n int) []value.Value {
	xs := make([]value.Value, n)
	for i := range xs {
		xs[i] = value.Int(int64(i))
	}
	return xs
}

func vectorList() []vector {
	text, whole, float := value.Of(value.String), value.Of(value.Int64), value.Of(value.Float64)
	cents := value.Type{Kind: value.Decimal, Scale: 2}
	words := run(value.Text("ATL"), value.Text("ORD"), value.Text(""), value.Text("ATL"), value.Text("é"), value.Text("DFW"))
	removed := append(run(value.Text("ATL"), value.Text("ORD")), event(5, 0, value.Text("ORD"), true), event(7, 0, value.Text("JFK"), true))
	great := value.Dec(value.Int128{Hi: -1 << 31})
	stairs := append(run(value.Int(3), value.Int(-4), value.Int(9), value.Int(9), value.Int(700)), event(0, 0, value.Int(3), false))
	slope := mergetest.Directions("slope", 2, 1, 0.6, 0.8)
	all := []vector{
		{"one", merge.Spec{Kind: merge.Count}, run(value.Int(1))},
		{"beyond int64", merge.Spec{Kind: merge.Count}, run(value.Int(-1<<63), value.Int(-1<<63))},
		{"small", merge.Spec{Kind: merge.Sum, Input: whole}, run(value.Int(7), value.Int(-70))},
		{"great", merge.Spec{Kind: merge.Sum, Input: cents, Scale: 2}, run(great, great, great)},
		{"three", merge.Spec{Kind: merge.Mean, Input: float, Scale: 2}, run(value.Int(150), value.Int(275), value.Int(-1))},
		{"stairs", merge.Spec{Kind: merge.Max, Input: whole, Exact: true}, stairs},
		{"stairs", merge.Spec{Kind: merge.Min, Input: float, Exact: true}, run(value.Float(4), value.Float(2.5), value.Float(3), value.Float(-1))},
		{"words", merge.Spec{Kind: merge.Max, Input: text, Exact: true}, words},
		{"weighted", merge.Spec{Kind: merge.Mean, Input: float, Scale: 2, Weight: whole}, weighted(150, 3, 275, 1, -1, -2)},
		{"weights cancel", merge.Spec{Kind: merge.Mean, Input: whole, Weight: cents, WeightScale: 2}, weighted(7, 150, 8, -150)},
		{"all cancels", merge.Spec{Kind: merge.Mean, Input: whole, Weight: cents, WeightScale: 2}, weighted(7, 150, 7, -150)},
		{"decimal", merge.Spec{Kind: merge.Mean, Input: cents, Scale: 2, As: "decimal"}, run(great, value.Dec(value.Int128Of(5)))},
		{"whole", merge.Spec{Kind: merge.Mean, Input: whole, As: "int64", Weight: whole}, weighted(3, 1, 4, 1)},
		{"float", merge.Spec{Kind: merge.Min, Input: float}, run(value.Float(2.5), value.Float(-0.125))},
		{"boolean", merge.Spec{Kind: merge.Max, Input: value.Of(value.Bool)}, run(value.BoolOf(false))},
		{"text", merge.Spec{Kind: merge.Max, Input: text}, words},
		{"decimal", merge.Spec{Kind: merge.Max, Input: cents}, run(great, value.Dec(value.Int128Of(12345)))},
		{"timestamp", merge.Spec{Kind: merge.Min, Input: value.Of(value.Timestamp)}, run(value.Time(vectorBase.Time))},
		{"text", merge.Spec{Kind: merge.Last, Input: text}, words},
		{"null", merge.Spec{Kind: merge.First, Input: whole}, append(run(value.Int(4)), event(9, 0, value.Value{}, false))},
		{"list", merge.Spec{Kind: merge.First, Input: value.ListOf(text)}, run(value.Items(value.Text("a"), value.Value{}, value.Text("bc")))},
		{"words", merge.Spec{Kind: merge.Recent, Input: text, K: 4}, words},
		{"dates", merge.Spec{Kind: merge.Recent, Input: value.Of(value.Date), K: 2}, run(value.DateOf(-1), value.DateOf(11413))},
		{"removed", merge.Spec{Kind: merge.Set, Input: text, Max: 10, Remove: true}, removed},
		{"forty", merge.Spec{Kind: merge.Set, Input: whole, Max: 30}, run(numbers(40)...)},
		{"exact", merge.Spec{Kind: merge.ApproxDistinct, Input: text, Precision: 12}, words},
		{"three", merge.Spec{Kind: merge.VectorSum, Input: value.ListOf(float), Scale: 2, Dim: 3}, run(list(150, 0, -3), list(50, 1, 5))},
		{"cancelled", merge.Spec{Kind: merge.VectorSum, Input: value.ListOf(whole), Dim: 2}, run(list(150, 7), list(-150, -7))},
		{"few bits", merge.Spec{Kind: merge.VectorMean, Input: value.ListOf(float), Scale: 3, Dim: 4, Bits: 4}, run(list(1000, 333, -77, 8), list(-15, 1, 2, 3))},
		{"zeros at the end", merge.Spec{Kind: merge.VectorSum, Input: value.ListOf(whole), Dim: 2, Bits: 2}, run(list(1000, -300))},
		{"great", merge.Spec{Kind: merge.VectorMean, Input: value.ListOf(cents), Scale: 2, Dim: 2}, run(value.Items(great, value.Int(1)), value.Items(great, value.Int(2)))},
		{"one", merge.Spec{Kind: merge.LowRank, Input: value.ListOf(float), Scale: 2, Basis: slope}, run(list(150, 200))},
		{"across", merge.Spec{Kind: merge.LowRank, Input: value.ListOf(float), Scale: 2, Basis: slope}, run(list(-400, 300), list(150, 200), list(7, 0))},
		{"great", merge.Spec{Kind: merge.LowRank, Input: value.ListOf(cents), Scale: 2, Basis: slope}, run(value.Items(great, great), value.Items(great, great))},
		{"dense", merge.Spec{Kind: merge.ApproxDistinct, Input: whole, Precision: 6}, run(numbers(100)...)},
	}
	all = append(all, topVectors()...)
	all = append(all, observedVectors()...)
	all = append(all, quantilesVectors()...)
	all = append(all, decayVectors()...)
	for _, kind := range merge.Kinds() {
		s := merge.Spec{Kind: kind, Input: whole, K: 3, Max: 3, Precision: 12, Q: []float64{0.5}, Error: 0.01, HalfLife: stamp.Hour, Dim: 2, Basis: mergetest.Directions("axis", 2, 1, 1, 0)}
		if s.Feed() == merge.ExactList {
			s.Input = value.ListOf(whole)
		}
		all = append(all, vector{"empty", s, nil})
	}
	return all
}

func (v *vector) fold() merge.State {
	s := v.spec.New()
	for _, in := range v.events {
		s.Add(in)
	}
	return s
}

// line is what the file says of a vector: spec, name, bytes, value.
func (v *vector) line(s merge.State) string {
	typed := string(value.AppendJSON(nil, s.Value(), v.spec.Result()))
	return fmt.Sprintf("%s | %s | %s | %s", v.spec.Key(), v.name, hex.EncodeToString(s.Append(nil, vectorBase)), typed)
}

// TestVectors folds each vector's events to the released bytes, and decodes
// those bytes to the same state and value.
func TestVectors(t *testing.T) {
	released := readVectors(t)
	for _, v := range vectorList() {
		want, ok := released[v.spec.Key()+" | "+v.name]
		if !ok {
			t.Errorf("no vector in the file for\n%s", v.line(v.fold()))
			continue
		}
		delete(released, v.spec.Key()+" | "+v.name)
		if got := v.line(v.fold()); got != want.line {
			t.Errorf("folded\n%s\nreleased\n%s", got, want.line)
		}
		s := v.spec.New()
		if n, err := s.Decode(want.bytes, vectorBase); err != nil || n != len(want.bytes) {
			t.Errorf("%s: %d of %d bytes, %v", v.name, n, len(want.bytes), err)
		} else if got := v.line(s); got != want.line {
			t.Errorf("decoded\n%s\nreleased\n%s", got, want.line)
		}
	}
	for name := range released {
		t.Errorf("vector %s is not tested", name)
	}
}

type released struct {
	line  string
	bytes []byte
}

func readVectors(t *testing.T) map[string]released {
	t.Helper()
	f, err := os.Open(vectors)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]released{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		parts := strings.SplitN(line, " | ", 4)
		b, err := hex.DecodeString(parts[2])
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all[parts[0]+" | "+parts[1]] = released{line, b}
	}
	return all
}

package merge

import (
	"encoding/hex"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func at(n int64) Order { return Order{Time: stamp.Micros(n), Stamp: stamp.Stamp(n), Offset: n} }

func TestRecentNewestFirst(t *testing.T) {
	s := (Spec{Kind: Recent, Input: text, K: 3}).New()
	for i, x := range []string{"a", "b", "a", "c", "d", "b"} {
		s.Add(Input{Order: at(int64(i)), X: value.Text(x)})
	}
	want := value.Items(value.Text("b"), value.Text("d"), value.Text("c"))
	if got := s.Value(); !value.Equal(got, want) {
		t.Errorf("got %s", value.Format(got, texts))
	}
}

func TestSetKeepsWhatWasRemoved(t *testing.T) {
	spec := Spec{Kind: Set, Input: text, Max: 2, Remove: true}
	s := spec.New()
	s.Add(Input{Order: at(5), X: value.Text("a"), Remove: true})
	s.Add(Input{Order: at(3), X: value.Text("a")}) // before its removal
	s.Add(Input{Order: at(4), X: value.Text("b")})
	s.Add(Input{Order: at(1), X: value.Text("c")}) // the third
	if got := s.Value(); !value.Equal(got, value.Items(value.Text("b"))) {
		t.Errorf("got %s", value.Format(got, texts))
	}
	s.Add(Input{Order: at(6), X: value.Text("a")})
	if got := s.Value(); !value.Equal(got, value.Items(value.Text("a"), value.Text("b"))) {
		t.Errorf("got %s", value.Format(got, texts))
	}
}

func TestEmptyListsAreNotNull(t *testing.T) {
	for _, spec := range []Spec{{Kind: Recent, Input: whole, K: 1}, {Kind: Set, Input: whole, Max: 1}} {
		if got := spec.New().Value(); got.Kind != value.List || len(got.L) != 0 {
			t.Errorf("%s: %+v", spec.Kind, got)
		}
	}
}

// check asserts that the links form one list in order, and that the lookup
// knows each item once.
func (l *touches) check(t *rapid.T) {
	seen, newer := 0, none
	for p := l.newest; p != none; p = l.items[p].older {
		if seen++; seen > len(l.items) {
			t.Fatal("a ring of items")
		}
		if l.items[p].newer != newer {
			t.Fatalf("item %d comes after %d, not %d", p, newer, l.items[p].newer)
		}
		if newer != none && l.items[newer].order().Compare(l.items[p].order()) <= 0 {
			t.Fatalf("item %d is not newer than %d", newer, p)
		}
		if got := l.find(l.items[p].parts); got != p {
			t.Fatalf("item %d found at %d", p, got)
		}
		newer = p
	}
	entries := 0
	for _, p := range l.lookup {
		if p != 0 {
			entries++
		}
	}
	if seen != len(l.items) || l.oldest != newer || len(l.lookup) > 0 && entries != seen {
		t.Fatalf("%d items, %d linked, %d in the lookup, oldest %d is %d", len(l.items), seen, entries, newer, l.oldest)
	}
}

func TestTouchesStayLinked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{1, 2, fewItems, fewItems + 1, 40, 100}).Draw(t, "limit")
		l, other := newTouches(whole, limit), newTouches(whole, limit)
		for n := range rapid.IntRange(0, 300).Draw(t, "touches") {
			order := Order{Time: stamp.Micros(rapid.IntRange(0, 300).Draw(t, "time")), Offset: int64(n)}
			item := value.Int(rapid.Int64Range(0, int64(2*limit)).Draw(t, "item"))
			if n%3 == 0 {
				other.add(order, item, false)
			} else {
				l.add(order, item, false)
			}
			l.check(t)
		}
		l.combine(&other)
		l.check(t)
		l.reset()
		l.check(t)
		l.combine(&other)
		l.check(t)
	})
}

func TestItemsTakeNoMoreRoomThanTheLimit(t *testing.T) {
	s := (Spec{Kind: Recent, Input: whole, K: 10}).New()
	feed(s, value.Int(1), value.Int(2), value.Int(3), value.Int(4), value.Int(5), value.Int(6), value.Int(7), value.Int(8), value.Int(9), value.Int(10), value.Int(11))
	if most := 10*64 + 128; s.Size() > most {
		t.Errorf("%d bytes, want at most %d", s.Size(), most)
	}
}

// TestManyItems runs the set at its default size, where most lookups fail.
func TestManyItems(t *testing.T) {
	spec := Spec{Kind: Set, Input: whole, Max: 1000}
	s, base := spec.New(), at(5000)
	for i := range int64(5000) {
		s.Add(Input{Order: at(i * 7919 % 5000), X: value.Int(i * 7919 % 5000 % 1700)})
	}
	// The greatest order of x is that of the greatest i < 5000 with i % 1700 == x.
	want := map[int64]bool{}
	for i := int64(4999); len(want) < 1000; i-- {
		want[i%1700] = true
	}
	got := s.Value()
	for i, x := range got.L {
		if !want[x.N] || i > 0 && got.L[i-1].N >= x.N {
			t.Fatalf("item %d is %d", i, x.N)
		}
	}
	if len(got.L) != 1000 {
		t.Fatalf("%d items", len(got.L))
	}
	back := spec.New()
	b := s.Append(nil, base)
	if n, err := back.Decode(b, base); err != nil || n != len(b) {
		t.Fatal(n, err)
	}
	if again := back.Append(nil, base); string(again) != string(b) {
		t.Error("other bytes after decoding")
	}
	if len(b) > spec.MaxBytes() {
		t.Errorf("%d bytes, MaxBytes is %d", len(b), spec.MaxBytes())
	}
}

// TestDefaultsFitTheLimitOfAKey: a set of its default size fits the 64 KiB
// that plan allows a key.
func TestDefaultsFitTheLimitOfAKey(t *testing.T) {
	for _, in := range scalars {
		if n := (Spec{Kind: Set, Input: in, Max: 1000, Remove: true}).MaxBytes(); n >= 64<<10-64 {
			t.Errorf("set of %s: %d bytes", in, n)
		}
	}
}

func TestTouchesRefuse(t *testing.T) {
	spec := Spec{Kind: Recent, Input: text, K: 2}
	for _, c := range []struct{ bytes, why string }{
		{"03", "3 items, of at most 2"},
		{"01", "1 items, of at most 2, in 0 bytes"},
		{"01" + "80808080", "at 1: bad varint"},
		{"01" + "000000" + "05" + "61", "torn string"},
		{"01" + "000000" + "01" + "ff", "string is not UTF-8"},
		{"01" + "000200" + "0161", "removed"},
		{"02" + "000000" + "0161" + "000000" + "0162", "items out of order"},
		{"02" + "000000" + "0161" + "010000" + "0162", "event time not in its longest unit"},
		{"02" + "000000" + "0161" + "070000" + "0162", "items out of order"}, // a microsecond later
		{"02" + "000000" + "0161" + "0b0000" + "0161", "an item twice"},
	} {
		b, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := spec.New().Decode(b, at(9)); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %s", c.bytes, err, c.why)
		}
	}
}

func TestDecodeBoundsItsMemory(t *testing.T) {
	spec := Spec{Kind: Set, Input: whole, Max: MaxItems}
	b := append([]byte{0xff, 0x1f}, make([]byte, 4)...) // 4095 items in 4 bytes
	s := spec.New()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := s.Decode(b, Order{}); err == nil {
			t.Fatal("decoded")
		}
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / 100; n > 4096 {
		t.Errorf("%d bytes to refuse %d", n, len(b))
	}
}

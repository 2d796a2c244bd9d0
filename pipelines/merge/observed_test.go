package merge

import (
	"encoding/hex"
	"runtime"
	"slices"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

var eu, us = position.Source{Origin: "eu", Incarnation: 1}, position.Source{Origin: "us", Incarnation: 1}

func observedOf(most int) Spec { return Spec{Kind: Set, Input: text, Max: most, Observed: true} }

// adds and removes are operations of a source's log at an offset, whose stamp
// is the offset too.
func adds(of position.Source, offset int64, x string) Input {
	o := at(offset)
	if of == us {
		o.Rank = 1
	}
	return Input{Order: o, Source: of, X: value.Text(x)}
}

func removes(of position.Source, offset int64, x string, seen ...Covered) Input {
	in := adds(of, offset, x)
	in.Remove, in.Seen = true, seen
	return in
}

// onTime is an operation with another event time than that of its offset.
func onTime(at stamp.Micros, in Input) Input {
	in.Order.Time = at
	return in
}

// everyOrder folds operations in every order, and in every order in two parts
// that are combined twice: each time the value is want and the bytes are the
// same.
func everyOrder(t *testing.T, spec Spec, want string, ops ...Input) {
	t.Helper()
	var bytes string
	base := at(1000)
	for n, order := range orders(ops) {
		for cut := range len(order) + 1 {
			s, rest := spec.New(), spec.New()
			for i, in := range order {
				if i < cut {
					s.Add(in)
				} else {
					rest.Add(in)
				}
			}
			s.Combine(rest)
			s.Combine(rest)
			if got := joined(s); got != want {
				t.Fatalf("order %d cut at %d: %q, want %q", n, cut, got, want)
			}
			b := string(s.Append(nil, base))
			if bytes == "" {
				bytes = b
			}
			if b != bytes {
				t.Fatalf("order %d cut at %d: bytes %x, not %x", n, cut, b, bytes)
			}
		}
	}
}

func joined(s State) string {
	var all []string
	for _, x := range s.Value().L {
		all = append(all, string(x.B))
	}
	return strings.Join(all, " ")
}

func orders(ops []Input) [][]Input {
	if len(ops) == 0 {
		return [][]Input{nil}
	}
	var all [][]Input
	for i := range ops {
		for _, rest := range orders(slices.Delete(slices.Clone(ops), i, i+1)) {
			all = append(all, append([]Input{ops[i]}, rest...))
		}
	}
	return all
}

func TestObservedRemoves(t *testing.T) {
	for name, c := range map[string]struct {
		want string
		max  int
		ops  []Input
	}{
		"two adds, of which the remover saw one": {"a", 9, []Input{
			adds(eu, 1, "a"), adds(eu, 2, "a"), removes(eu, 3, "a", Covered{eu, 2})}},
		"two adds, of which the remover saw both": {"", 9, []Input{
			adds(eu, 1, "a"), adds(eu, 2, "a"), removes(eu, 3, "a", Covered{eu, 3})}},
		"two regions added, the remover saw one": {"a", 9, []Input{
			adds(eu, 1, "a"), adds(us, 1, "a"), removes(us, 2, "a", Covered{us, 2})}},
		"two removers saw one add each": {"", 9, []Input{
			adds(eu, 1, "a"), adds(us, 1, "a"), removes(us, 2, "a", Covered{us, 2}), removes(eu, 2, "a", Covered{eu, 2})}},
		"a remove at 5 is there before the add at 3 that it covers": {"", 9, []Input{
			removes(eu, 5, "a", Covered{eu, 4}), adds(eu, 3, "a")}},
		"an add after the remove": {"a", 9, []Input{
			adds(eu, 1, "a"), removes(eu, 2, "a", Covered{eu, 2}), adds(eu, 3, "a")}},
		"an older token that covers less": {"", 9, []Input{
			adds(eu, 1, "a"), adds(eu, 2, "a"), removes(eu, 3, "a", Covered{eu, 3}), removes(eu, 4, "a", Covered{eu, 2})}},
		"a remover who saw nothing": {"a", 9, []Input{
			adds(eu, 1, "a"), removes(eu, 2, "a"), removes(us, 2, "a", Covered{us, 2}, Covered{eu, 0})}},
		"a remove of another element": {"a", 9, []Input{
			adds(eu, 1, "a"), removes(eu, 2, "b", Covered{eu, 2})}},
		"another life of the log": {"a", 9, []Input{
			adds(eu, 1, "a"), removes(us, 2, "a", Covered{position.Source{Origin: "eu", Incarnation: 2}, 9})}},
		"a removed element holds a place": {"b", 2, []Input{
			adds(eu, 1, "a"), adds(eu, 2, "b"), removes(eu, 3, "c")}},
		"a dropped add stays dropped": {"b", 1, []Input{
			adds(eu, 1, "a"), adds(eu, 2, "b"), removes(eu, 3, "b", Covered{eu, 2})}},
		// Whether "a" was dropped in between or not, nothing of it counts that is
		// older than "b".
		"a dropped element comes back": {"a", 1, []Input{
			removes(us, 6, "a", Covered{eu, 100}), adds(us, 7, "b"), adds(eu, 50, "a")}},
		"an add older than a dropped element": {"", 1, []Input{
			adds(eu, 1, "a"), adds(eu, 2, "b"), removes(eu, 3, "a", Covered{eu, 1})}},
		"the event time says what was touched last": {"b", 1, []Input{
			onTime(9, adds(eu, 1, "b")), onTime(5, adds(eu, 2, "a"))}},
		"of two adds the later in the log is forgotten first": {"a", 1, []Input{
			onTime(9, adds(eu, 1, "a")), onTime(3, adds(eu, 2, "a")), onTime(5, adds(eu, 3, "b"))}},
		"what is left of the adds is covered": {"", 1, []Input{
			onTime(9, adds(eu, 1, "a")), onTime(3, adds(eu, 2, "a")), onTime(5, adds(eu, 3, "b")), removes(eu, 10, "a", Covered{eu, 2})}},
		"covers of which an older one is forgotten": {"a c", 2, []Input{
			removes(us, 1, "a", Covered{eu, 100}), removes(us, 9, "a", Covered{eu, 10}), adds(us, 2, "b"), adds(us, 3, "c"), adds(eu, 50, "a")}},
	} {
		t.Run(name, func(t *testing.T) { everyOrder(t, observedOf(c.max), c.want, c.ops...) })
	}
}

// TestObservedManyElements is the set at its default size, with thousands of
// elements that come and go.
func TestObservedManyElements(t *testing.T) {
	spec := Spec{Kind: Set, Input: whole, Max: 1000, Observed: true}
	s, halves := spec.New(), [2]State{spec.New(), spec.New()}
	for i := range int64(9000) {
		in := Input{Order: at(i), Source: eu, X: value.Int(i * 7919 % 1700)}
		if i%3 == 0 {
			in.Remove, in.Seen = true, []Covered{{eu, i - i%7}}
		}
		s.Add(in)
		halves[i*i%5%2].Add(in)
	}
	halves[1].Combine(halves[0])
	b := s.Append(nil, at(9000))
	if string(halves[1].Append(nil, at(9000))) != string(b) {
		t.Error("other bytes in halves")
	}
	back := spec.New()
	if n, err := back.Decode(b, at(9000)); err != nil || n != len(b) || !value.Equal(back.Value(), s.Value()) {
		t.Errorf("%d of %d bytes, %v", n, len(b), err)
	}
	if n := len(s.Value().L); n < 300 || n > 1000 {
		t.Errorf("%d elements", n)
	}
	if planned, _ := spec.Planned(); len(b) > planned {
		t.Errorf("%d bytes, planned are %d", len(b), planned)
	}
}

func TestObservedRefuses(t *testing.T) {
	spec := Spec{Kind: Set, Input: boolean, Max: 2, Observed: true}
	base := Order{Stamp: 9 << 16, Offset: 9}
	for _, c := range []struct{ bytes, why string }{
		{"02" + "01" + "01610100" + "000000" + "01" + "01" + "00000000" + "00", ""},
		{"02" + "00" + "000000" + "01" + "00" + "00", ""}, // touched by a remove that saw nothing
		{"03" + "000002" + "00" + "000000" + "01" + "00" + "00", ""},
		{"03" + "000002" + "01" + "01610100" + "000000" + "01" + "01" + "00000000" + "00", ""},
		{"01" + "000002", ""}, // of an increment: the floor rose and no element changed
		{"01", "bad varint"},
		{"06", "3 elements, of at most 2"},
		{"02", "1 elements, of at most 2, in 0 bytes"},
		{"02" + "02" + "01620100" + "01610100" + "000000" + "01" + "01" + "00000000" + "00", "sources out of order"},
		{"02" + "01" + "01ff0100" + "000000" + "01" + "01" + "00000000" + "00", "source out of range"},
		{"02" + "01" + "0161" + "8080808010" + "00" + "000000" + "01" + "01" + "00000000" + "00", "source out of range"},
		{"02" + "01" + "7f610100" + "000000" + "01" + "01" + "00000000" + "00", "127 of at least 1 bytes"},
		{"02" + "7f" + "01610100" + "000000" + "01", "127 of at least 3 bytes"},
		{"02" + "01" + "01610100" + "000000" + "01" + "00" + "00", "a source that nothing names"},
		{"02" + "01" + "01610105" + "000000" + "01" + "00" + "01" + "0002000000", "a source that nothing names, or covers so far"},
		{"02" + "01" + "01610105" + "000000" + "01" + "00" + "01" + "0005000000", "covers nothing"},
		{"02" + "01" + "01610105" + "000000" + "01" + "00" + "02" + "0000000000" + "0001000002", "covers out of order"},
		{"02" + "01" + "01610105" + "000000" + "01" + "00" + "02" + "0001000000" + "0000000000", "covers out of order"},
		{"02" + "01" + "01610100" + "000000" + "01" + "01" + "00000001" + "00", "later than the element"},
		{"02" + "01" + "01610100" + "000000" + "01" + "02" + "00000000" + "00000000" + "00", "adds out of order"},
		{"02" + "01" + "01610100" + "000000" + "01" + "02" + "00000000" + "00000002" + "00", "adds out of order"},
		{"03" + "000002" + "01" + "01610100" + "000000" + "01" + "01" + "00000002" + "00", "forgotten"},
		{"02" + "00" + "000000" + "01" + "01" + "00000000" + "00", "no such source"},
		{"04" + "00" + "000000" + "01" + "0000" + "000002" + "01" + "0000", "an element twice"},
		{"04" + "00" + "000000" + "01" + "0000" + "000000" + "00" + "0000", "elements out of order"},
		{"03" + "000000" + "00" + "000000" + "01" + "0000", "elements out of order"},
		{"02" + "00" + "000014" + "01" + "0000", "offset out of range"},
		{"02" + "00" + "000200" + "01" + "0000", "a removal out of place"},
		{"02" + "00" + "00010000" + "01" + "0000", "logical stamp out of range"},
		{"02" + "00" + "005000" + "01" + "0000", "stamp out of range"},
	} {
		b, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		s := spec.New()
		n, err := s.Decode(b, base)
		switch {
		case c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%s: %v, want %s", c.bytes, err, c.why)
		case c.why == "" && (err != nil || n != len(b) || string(s.Append(nil, base)) != string(b)):
			t.Errorf("%s: %d bytes, %v", c.bytes, n, err)
		}
	}
}

func TestObservedDecodeBoundsItsMemory(t *testing.T) {
	s := (Spec{Kind: Set, Input: whole, Max: MaxItems, Observed: true}).New()
	b := append([]byte{0xfe, 0x1f}, make([]byte, 40)...) // 2047 elements
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

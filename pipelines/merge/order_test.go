package merge

import (
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func TestOrderBytes(t *testing.T) {
	base := Order{Time: 100 * stamp.Minute, Stamp: 7<<16 | 2, Offset: 500}
	for _, c := range []struct {
		order   Order
		removed bool
		want    string
	}{
		{base, false, "00" + "01" + "02" + "00"},
		{Order{Time: base.Time, Stamp: 7 << 16, Offset: 500}, false, "00" + "00" + "00"},
		{Order{Time: base.Time, Stamp: 7 << 16, Offset: 500}, true, "00" + "02" + "00"},
		{Order{Time: 99 * stamp.Minute, Stamp: 6 << 16, Offset: 499}, false, "08" + "08" + "02"},             // a minute, a millisecond, one
		{Order{Time: base.Time + stamp.Second, Stamp: 8 << 16, Offset: 501}, false, "05" + "04" + "01"},      // a second before
		{Order{Time: base.Time - 90*stamp.Second, Stamp: 7 << 16, Offset: 500}, false, "d105" + "0000"},      // 90 seconds
		{Order{Time: base.Time - 1500, Stamp: 7 << 16, Offset: 500}, false, "e35d" + "0000"},                 // 1500 µs
		{Order{Time: base.Time - 3000, Stamp: 7<<16 | 0xffff, Offset: 500}, false, "1a" + "01ffff03" + "00"}, // 3 ms
	} {
		b := appendOrder(nil, base, c.order, c.removed)
		if got := hex.EncodeToString(b); got != c.want {
			t.Errorf("%+v: %s, want %s", c.order, got, c.want)
		}
		r := reader{b: b}
		if back, removed := r.order(base); r.err != nil || back != c.order || removed != c.removed || r.at != len(b) {
			t.Errorf("%x: %+v %v %v", b, back, removed, r.err)
		}
	}
}

func TestOrderRoundTrip(t *testing.T) {
	any := rapid.Custom(func(t *rapid.T) Order {
		return Order{
			Time:   stamp.Micros(rapid.Int64Range(-maxGap, maxGap).Draw(t, "time")),
			Stamp:  stamp.Stamp(rapid.Uint64().Draw(t, "stamp")),
			Rank:   7,
			Offset: rapid.Int64Min(0).Draw(t, "offset"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		base, o := any.Draw(t, "base"), any.Draw(t, "order")
		r := reader{b: appendOrder(nil, base, o, true)}
		if back, removed := r.order(base); r.err != nil || back != o || !removed || r.at != len(r.b) {
			t.Fatalf("%x: %+v, %v", r.b, back, r.err)
		}
	})
}

func TestOrderRefusesOtherForms(t *testing.T) {
	for _, c := range []struct{ bytes, why string }{
		{"", "at 0: bad varint"},
		{"0000", "at 2: bad varint"},
		{"800000", "at 0: bad varint"},
		{"e103" + "0000", "event time not in its longest unit"}, // 60 seconds
		{"01" + "0000", "event time not in its longest unit"},   // no time is no minutes
		{"ffffffffffffffffff01" + "0000", "event time out of range"},
		{"00" + "0100" + "00", "logical stamp out of range"},
		{"00" + "01808004" + "00", "logical stamp out of range"},
		{"00" + "f8ffffffffffffffff01" + "00", "stamp out of range"},
		{"00" + "04" + "00", "stamp out of range"}, // beyond 48 bits
		{"00" + "00" + "02", "offset out of range"},
	} {
		b, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		r := reader{b: b}
		r.order(Order{Stamp: (1<<48 - 1) << 16})
		if r.err == nil || !strings.Contains(r.err.Error(), c.why) {
			t.Errorf("%s: %v, want %s", c.bytes, r.err, c.why)
		}
	}
}

func TestEventTimesOutOfRangeAreBugs(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.HasPrefix(p.(string), "BUG: ") {
			t.Errorf("got %v", p)
		}
	}()
	appendOrder(nil, Order{}, Order{Time: stamp.NoTime}, false)
}

func TestStatesOfAnotherSpecAreBugs(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.HasPrefix(p.(string), "BUG: ") {
			t.Errorf("got %v", p)
		}
	}()
	(Spec{Kind: Sum, Input: value.Of(value.Int64)}).New().Combine((Spec{Kind: Count}).New())
}

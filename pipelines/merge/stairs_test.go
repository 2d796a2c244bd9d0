package merge

import (
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// happened is an event at a time of an Int64.
func happened(time stamp.Micros, x int64) Input {
	return Input{X: value.Int(x), Order: Order{Time: time, Offset: int64(time)}}
}

func TestStairsAnswerEverySpan(t *testing.T) {
	s := Spec{Kind: Max, Input: whole, Exact: true}.New().(*stairs)
	for _, in := range []Input{happened(10, 5), happened(20, 9), happened(30, 2), happened(40, 7), happened(50, 7), happened(60, 1), happened(35, 7), happened(60, 1)} {
		s.Add(in)
	}
	if len(s.steps) != 3 { // 9@20, 7@50, 1@60
		t.Errorf("%d steps: %+v", len(s.steps), s.steps)
	}
	for from, want := range map[stamp.Micros]value.Value{
		stamp.NoTime: value.Int(9), 20: value.Int(9), 21: value.Int(7), 50: value.Int(7), 51: value.Int(1), 60: value.Int(1), 61: {},
	} {
		if got := s.ValueAt(Moment{At: 99, From: from, Newest: 60}); !value.Equal(got, want) {
			t.Errorf("from %d: %+v, want %+v", from, got, want)
		}
	}
}

// TestStairsKeepARunAndForgetTheRest: only values that fall are all kept.
func TestStairsKeepARunAndForgetTheRest(t *testing.T) {
	falling, rising, mixed := (Spec{Kind: Max, Input: whole, Exact: true}).New(), (Spec{Kind: Max, Input: whole, Exact: true}).New(), (Spec{Kind: Max, Input: whole, Exact: true}).New()
	const n = 5000
	for i := int64(0); i < n; i++ {
		falling.Add(happened(stamp.Micros(i), -i))
		rising.Add(happened(stamp.Micros(i), i))
		mixed.Add(happened(stamp.Micros(i), i*7919%4999))
	}
	for _, c := range []struct {
		s           State
		least, most int
	}{{falling, n, n}, {rising, 1, 1}, {mixed, 2, 60}} {
		if got := len(c.s.(*stairs).steps); got < c.least || got > c.most {
			t.Errorf("%d steps, want %d to %d", got, c.least, c.most)
		}
	}
	if b := falling.Append(nil, Order{}); len(b) > 4*n { // a microsecond, an offset and a value of one further
		t.Errorf("%d bytes for a run of %d", len(b), n)
	}
}

func TestStairsRefuseWhatIsNoStaircase(t *testing.T) {
	for _, c := range []struct{ kind, bytes, why string }{
		{Max, "\x01\x00", "1 steps in 1 bytes"},
		{Max, "\x02\x00\x00\x00\x00\x00\x00", "steps out of order"},                                     // the same time twice
		{Max, "\x02\x00\x00\x00\x04\x00\x00", "steps out of order"},                                     // an older step at a later time
		{Max, "\x02\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x08\x00\x00", "steps out of order"}, // beyond 64 bits
		{Min, "\x02\x00\x00\x00\x08\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "steps out of order"}, // no fall at all
		{Min, "\x02\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x08\x00\x00", "steps out of order"}, // beyond 64 bits
		{Max, "\x02\x00\x00\x00\x28\x00\x80\x00", "bad varint"},
	} {
		s := (Spec{Kind: c.kind, Input: whole, Exact: true}).New()
		s.Add(happened(5, 5))
		before := string(s.Append(nil, Order{}))
		if n, err := s.Decode([]byte(c.bytes), Order{}); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%x: %d, %v, want %s", c.bytes, n, err, c.why)
		}
		if after := string(s.Append(nil, Order{})); after != before {
			t.Errorf("%x: the receiver changed", c.bytes)
		}
	}
}

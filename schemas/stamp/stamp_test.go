package stamp

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNextIsStrictlyIncreasingAndNotBeforeAppendTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev := Stamp(rapid.Uint64Range(0, 1<<62).Draw(t, "prev"))
		ms := rapid.Int64Range(-1000, 1<<45).Draw(t, "ms")
		got := Next(prev, ms)
		if got <= prev {
			t.Fatalf("Next(%d, %d) = %d, not after", prev, ms, got)
		}
		if ms > 0 && got < Stamp(ms)<<LogicalBits {
			t.Fatalf("Next(%d, %d) = %d, before its append time", prev, ms, got)
		}
	})
}

func TestNextCountsWithinAMillisecond(t *testing.T) {
	a := Next(0, 5)
	b := Next(a, 5)
	c := Next(b, 4)
	if a.Millis() != 5 || a.Logical() != 0 || b.Logical() != 1 || c.Logical() != 2 || c.Millis() != 5 {
		t.Fatalf("got %d.%d %d.%d %d.%d", a.Millis(), a.Logical(), b.Millis(), b.Logical(), c.Millis(), c.Logical())
	}
}

func TestFloorAgainstTime(t *testing.T) {
	at := func(s string) Micros {
		m, err := ParseTime(s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		m, pane, want Micros
	}{
		{at("2001-01-01T12:03:20Z"), 5 * Minute, at("2001-01-01T12:00:00Z")},
		{at("2001-01-01T12:00:00Z"), 5 * Minute, at("2001-01-01T12:00:00Z")},
		{at("1969-12-31T23:59:59Z"), Hour, at("1969-12-31T23:00:00Z")},
		{-1, 10, -10}, {-10, 10, -10}, {9, 10, 0},
	} {
		if got := Floor(c.m, c.pane); got != c.want {
			t.Errorf("Floor(%v, %v) = %v, want %v", c.m, c.pane, got, c.want)
		}
	}
	if got := WindowStart(at("2001-01-01T12:03:20Z"), Hour, 5*Minute); got != at("2001-01-01T11:00:00Z") {
		t.Errorf("window start %v", got)
	}
}

func TestFromTimeFloorsBeforeTheEpoch(t *testing.T) {
	if got := FromTime(time.Unix(-1, 999_999_999)); got != -1 {
		t.Fatalf("got %d, want -1", got)
	}
}

func TestParseTime(t *testing.T) {
	for s, want := range map[string]string{
		"2001-03-31T23:00:00Z":            "2001-03-31T23:00:00Z",
		"2001-03-31 23:00:00+02:00":       "2001-03-31T21:00:00Z",
		"2001-03-31T23:00:00.1234567Z":    "2001-03-31T23:00:00.123456Z",
		"1969-12-31T23:59:59.9999999Z":    "1969-12-31T23:59:59.999999Z",
		"0001-01-01T00:00:00Z":            "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999999Z":  "9999-12-31T23:59:59.999999Z",
		"2001-03-31T23:00:00.000001+00:0": "",
		"2001-03-31T23:00:00":             "",
		"yesterday":                       "",
	} {
		got, err := ParseTime(s)
		if want == "" {
			if err == nil {
				t.Errorf("ParseTime(%q) = %v, want an error", s, got)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("ParseTime(%q) = %v, %v, want %s", s, got, err, want)
		}
	}
}

func TestSpans(t *testing.T) {
	for s, want := range map[string]Micros{
		"250ms": 250 * Millisecond, "30s": 30 * Second, "5m": 5 * Minute, "1h": Hour, "7d": 7 * Day,
		"": 0, "0s": 0, "-1s": 0, "1": 0, "h": 0, "1w": 0, "1.5h": 0, "99999999999999d": 0, "1h30m": 0, " 1h": 0,
	} {
		got, err := ParseSpan(s)
		if (err != nil) != (want == 0) || got != want {
			t.Errorf("ParseSpan(%q) = %d, %v", s, got, err)
		}
		if want > 0 {
			if back, err := ParseSpan(FormatSpan(got)); err != nil || back != got {
				t.Errorf("FormatSpan(%d) = %q, which reads as %d", got, FormatSpan(got), back)
			}
		}
	}
}

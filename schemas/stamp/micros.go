package stamp

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Micros is a point in time or a span, in microseconds; points count from
// 1970-01-01T00:00:00Z, in UTC.
type Micros int64

// Spans.
const (
	Microsecond Micros = 1
	Millisecond        = 1000 * Microsecond
	Second             = 1000 * Millisecond
	Minute             = 60 * Second
	Hour               = 60 * Minute
	Day                = 24 * Hour
)

// MinMicros and MaxMicros bound every point in time that Anabranch accepts:
// years 0001 to 9999, the range that RFC 3339 can print.
const (
	MinMicros Micros = -62135596800 * Second
	MaxMicros Micros = 253402300799*Second + 999999
)

// NoTime marks the absence of a point in time; it precedes all others.
const NoTime Micros = math.MinInt64

// FromTime floors t to a microsecond.
func FromTime(t time.Time) Micros {
	return Micros(t.Unix())*Second + Micros(t.Nanosecond()/1000)
}

// FromMillis converts milliseconds since the epoch.
func FromMillis(ms int64) Micros { return Micros(ms) * Millisecond }

// Time is m as a time.Time in UTC.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// Millis is m floored to milliseconds.
func (m Micros) Millis() int64 { return int64(Floor(m, Millisecond) / Millisecond) }

// Valid reports whether m lies in [MinMicros, MaxMicros].
func (m Micros) Valid() bool { return m >= MinMicros && m <= MaxMicros }

// String is m in RFC 3339, UTC, with as many fractional digits as it needs.
func (m Micros) String() string { return string(m.Append(nil)) }

// Append appends m in RFC 3339, UTC, to dst.
func (m Micros) Append(dst []byte) []byte {
	return m.Time().AppendFormat(dst, "2006-01-02T15:04:05.999999Z07:00")
}

// Floor is the greatest multiple of pane (> 0) that is not after m.
func Floor(m, pane Micros) Micros {
	r := m % pane
	if r < 0 {
		r += pane
	}
	return m - r
}

// Epoch is the index of the pane of the given width (> 0) that holds m:
// Epoch(m, pane)*pane == Floor(m, pane).
func Epoch(m, pane Micros) int64 { return int64(Floor(m, pane) / pane) }

// WindowStart is the first instant that a window of the given width, in panes
// of the given width, keeps at time t: floor(t - window, pane).
func WindowStart(t, window, pane Micros) Micros { return Floor(t-window, pane) }

// ParseTime reads RFC 3339 with an optional fraction, floored to microseconds.
// A space may stand for the T. A time without a zone is an error.
func ParseTime(s string) (Micros, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return FromTime(t), nil
		}
	}
	return 0, fmt.Errorf("time %q: want RFC 3339 with a zone, like 2001-03-31T23:00:00Z", s)
}

var units = []struct {
	name string
	span Micros
}{{"d", Day}, {"h", Hour}, {"m", Minute}, {"s", Second}, {"ms", Millisecond}}

// ParseSpan reads a duration of a definition: a positive whole number and one
// unit of ms, s, m, h, d.
func ParseSpan(s string) (Micros, error) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err == nil && n > 0 {
		for _, u := range units {
			if s[digits:] == u.name && n <= int64(MaxMicros/u.span) {
				return Micros(n) * u.span, nil
			}
		}
	}
	return 0, fmt.Errorf("duration %q: want a whole number above 0 and a unit, like 250ms, 30s, 5m, 1h or 7d", s)
}

// FormatSpan prints a span in the largest unit that divides it:
// ParseSpan(FormatSpan(m)) == m for whole milliseconds above 0.
func FormatSpan(m Micros) string {
	for _, u := range units {
		if m%u.span == 0 {
			return strconv.FormatInt(int64(m/u.span), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(m), 10) + "us"
}

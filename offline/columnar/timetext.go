package columnar

import (
	"errors"
	"time"

	"anabranch.dev/anabranch/schemas/stamp"
)

var errTime = errors.New("want RFC 3339, 2001-01-31 18:20 or 2001/01/31 18:20")

// parseTime reads a time in the forms that Times names. Without a zone the result is the wall clock's, as if in UTC.
func parseTime(s []byte) (m stamp.Micros, zoned bool, err error) {
	day, rest, ok := parseDay(s)
	if !ok {
		return 0, false, errTime
	}
	if len(rest) == 0 {
		return day, false, nil
	}
	if rest[0] != 'T' && rest[0] != ' ' && rest[0] != 't' {
		return 0, false, errTime
	}
	clock, rest, ok := parseClock(rest[1:])
	if !ok {
		return 0, false, errTime
	}
	offset, zoned, ok := parseZone(rest)
	if !ok {
		return 0, false, errTime
	}
	return day + clock - offset, zoned, nil
}

// parseDay reads 2001-01-31 or 2001/01/31.
func parseDay(s []byte) (stamp.Micros, []byte, bool) {
	if len(s) < 10 || s[4] != s[7] || s[4] != '-' && s[4] != '/' {
		return 0, s, false
	}
	year, ok1 := decimal(s[:4])
	month, ok2 := decimal(s[5:7])
	day, ok3 := decimal(s[8:10])
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if !ok1 || !ok2 || !ok3 || t.Day() != day || t.Month() != time.Month(month) {
		return 0, s, false
	}
	return stamp.FromTime(t), s[10:], true
}

// parseClock reads 18:20, 18:20:05 or 18:20:05.123456789; digits beyond microseconds are dropped, which floors.
func parseClock(s []byte) (stamp.Micros, []byte, bool) {
	if len(s) < 5 || s[2] != ':' {
		return 0, s, false
	}
	hour, ok1 := decimal(s[:2])
	minute, ok2 := decimal(s[3:5])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, s, false
	}
	m := stamp.Micros(hour)*stamp.Hour + stamp.Micros(minute)*stamp.Minute
	if s = s[5:]; len(s) < 3 || s[0] != ':' {
		return m, s, true
	}
	second, ok := decimal(s[1:3])
	if !ok || second > 59 {
		return 0, s, false
	}
	m += stamp.Micros(second) * stamp.Second
	if s = s[3:]; len(s) == 0 || s[0] != '.' {
		return m, s, true
	}
	n := digits(s[1:])
	unit := stamp.Second / 10
	for _, c := range s[1 : 1+n] {
		m += stamp.Micros(c-'0') * unit
		unit /= 10
	}
	return m, s[1+n:], n > 0
}

// parseZone reads nothing, Z, +02:00, +0200 or +02.
func parseZone(s []byte) (offset stamp.Micros, zoned, ok bool) {
	if len(s) == 0 {
		return 0, false, true
	}
	if s[0] == 'Z' || s[0] == 'z' {
		return 0, true, len(s) == 1
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false, false
	}
	sign := stamp.Micros(1)
	if s[0] == '-' {
		sign = -1
	}
	s = s[1:]
	if len(s) == 5 && s[2] == ':' {
		s = []byte{s[0], s[1], s[3], s[4]}
	}
	if len(s) != 2 && len(s) != 4 {
		return 0, false, false
	}
	hours, ok1 := decimal(s[:2])
	minutes, ok2 := decimal(s[2:])
	ok = ok1 && (ok2 || len(s) == 2) && hours < 24 && minutes < 60
	return sign * (stamp.Micros(hours)*stamp.Hour + stamp.Micros(minutes)*stamp.Minute), true, ok
}

func decimal(s []byte) (int, bool) {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(s) > 0
}

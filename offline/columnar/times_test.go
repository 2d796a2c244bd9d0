package columnar

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func timeOf(c Column, o TimeOptions, x value.Value) (string, error) {
	r, err := NewTimes(c, o)
	if err != nil {
		return "", err
	}
	v := NewVector(c.Type)
	v.Append(x)
	got, err := r.Append(nil, &v, 41)
	if err != nil {
		return "", err
	}
	return got[0].String(), nil
}

func TestTimes(t *testing.T) {
	text := Column{Name: "t", Type: value.Of(value.String)}
	stamped := Column{Name: "t", Type: value.Of(value.Timestamp)}
	local := Column{Name: "t", Type: value.Of(value.Timestamp), Local: true}
	day := Column{Name: "t", Type: value.Of(value.Date)}
	number := Column{Name: "t", Type: value.Of(value.Int64)}
	float := Column{Name: "t", Type: value.Of(value.Float64)}
	berlin := TimeOptions{Zone: "Europe/Berlin"}
	for _, c := range []struct {
		c    Column
		o    TimeOptions
		x    value.Value
		want string // or, with a !, a part of the error
	}{
		{text, TimeOptions{}, value.Text("2001-03-31T23:00:00Z"), "2001-03-31T23:00:00Z"},
		{text, berlin, value.Text("2001-03-31T23:00:00Z"), "2001-03-31T23:00:00Z"},
		{text, TimeOptions{}, value.Text("2001-03-31 23:00:00.1234569+02:00"), "2001-03-31T21:00:00.123456Z"},
		{text, TimeOptions{}, value.Text("2001-03-31 23:00-0130"), "2001-04-01T00:30:00Z"},
		{text, TimeOptions{}, value.Text("2001-03-31 23:00:00+00"), "2001-03-31T23:00:00Z"},
		{text, TimeOptions{}, value.Text("2001/01/31 18:20"), "2001-01-31T18:20:00Z"},
		{text, TimeOptions{}, value.Text("2001-01-31"), "2001-01-31T00:00:00Z"},
		{text, berlin, value.Text("2001-01-31"), "2001-01-30T23:00:00Z"},
		{text, berlin, value.Text("2001-07-31 12:00:00.5"), "2001-07-31T10:00:00.5Z"},
		{text, berlin, value.Text("2001-03-25 02:30"), "!row 41: column \"t\": time 2001-03-25 02:30: does not exist in Europe/Berlin"},
		{text, berlin, value.Text("2001-10-28 02:30"), "!ambiguous in Europe/Berlin"},
		{text, berlin, value.Text("2001-10-28 01:59:59.999999"), "2001-10-27T23:59:59.999999Z"},
		{text, berlin, value.Text("2001-10-28 03:00"), "2001-10-28T02:00:00Z"},
		{text, berlin, value.Text("2001-03-25 01:59"), "2001-03-25T00:59:00Z"},
		{text, berlin, value.Text("2001-03-25 03:00"), "2001-03-25T01:00:00Z"},
		{text, TimeOptions{}, value.Text("2001-02-29"), "!row 41"},
		{text, TimeOptions{}, value.Text("2001-01-31x18:20"), "!row 41"},
		{text, TimeOptions{}, value.Text("2001-01-31 24:00"), "!row 41"},
		{text, TimeOptions{}, value.Text("2001-01-31 18:60"), "!row 41"},
		{text, TimeOptions{}, value.Text("2001-01-31 18:20:"), "!row 41"},
		{text, TimeOptions{}, value.Text("2001-01-31 18:20:05."), "!row 41"},
		{text, TimeOptions{}, value.Text("2001-01-31 18:20:05+1"), "!row 41"},
		{text, TimeOptions{}, value.Text("2001-01/31"), "!row 41"},
		{text, TimeOptions{}, value.Text("yesterday"), "!time yesterday: want RFC 3339"},
		{text, TimeOptions{}, value.Text(""), "!row 41"},
		{text, TimeOptions{}, value.Value{}, "!row 41: column \"t\": time"},
		{text, TimeOptions{}, value.Text("0000-01-01"), "!years 1 to 9999"},
		{stamped, berlin, value.Time(-1), "1969-12-31T23:59:59.999999Z"},
		{local, berlin, value.Time(0), "1969-12-31T23:00:00Z"},
		{local, TimeOptions{}, value.Time(5), "1970-01-01T00:00:00.000005Z"},
		{day, TimeOptions{}, value.DateOf(1), "1970-01-02T00:00:00Z"},
		{day, berlin, value.DateOf(1), "1970-01-01T23:00:00Z"},
		{day, TimeOptions{}, value.DateOf(1 << 60), "!years"},
		{number, TimeOptions{}, value.Int(1), "!--time-unit"},
		{number, TimeOptions{Unit: "s"}, value.Int(-1), "1969-12-31T23:59:59Z"},
		{number, TimeOptions{Unit: "ms"}, value.Int(1500), "1970-01-01T00:00:01.5Z"},
		{number, TimeOptions{Unit: "us"}, value.Int(3), "1970-01-01T00:00:00.000003Z"},
		{number, TimeOptions{Unit: "ns"}, value.Int(-1), "1969-12-31T23:59:59.999999Z"},
		{number, TimeOptions{Unit: "s"}, value.Int(1 << 62), "!years"},
		{number, TimeOptions{Unit: "h"}, value.Int(1), "!time unit"},
		{number, TimeOptions{Unit: "s", Zone: "Mars/Olympus"}, value.Int(1), "!IANA"},
		{float, TimeOptions{Unit: "s"}, value.Float(0.000003), "1970-01-01T00:00:00.000003Z"},
		{float, TimeOptions{Unit: "s"}, value.Float(1700000000.123), "2023-11-14T22:13:20.123Z"},
		{float, TimeOptions{Unit: "ms"}, value.Float(-0.0001), "1969-12-31T23:59:59.999999Z"},
		{float, TimeOptions{Unit: "s"}, value.Float(1e300), "!out of range"},
		{Column{Name: "t", Type: value.Of(value.Bool)}, TimeOptions{}, value.BoolOf(true), "!cannot be a time"},
	} {
		got, err := timeOf(c.c, c.o, c.x)
		if part, bad := strings.CutPrefix(c.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s %v of %v: %s, %v, want an error with %q", c.c.Type, c.o, c.x, got, err, part)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%s %v of %s: %s, %v, want %s", c.c.Type, c.o, c.x.B, got, err, c.want)
		}
	}
}

func TestLocalTimesAreWhatTheZoneShows(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Pacific/Apia", "Africa/Casablanca"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(0, 2_000_000_000).Draw(t, "at"), 0)
		if rapid.Bool().Draw(t, "near") { // within three hours of a change
			if _, end := at.In(zone).ZoneBounds(); !end.IsZero() {
				at = end.Add(time.Duration(rapid.Int64Range(-10800, 10800).Draw(t, "by")) * time.Second)
			}
		}
		shown := at.In(zone).Format("2006-01-02 15:04:05")
		showing := 0 // instants within two days that show the same, in steps that no offset escapes
		for by := -49 * 3600; by <= 49*3600; by += 900 {
			if at.Add(time.Duration(by)*time.Second).In(zone).Format("2006-01-02 15:04:05") == shown {
				showing++
			}
		}
		got, err := timeOf(Column{Type: value.Of(value.String)}, TimeOptions{Zone: zone.String()}, value.Text(shown))
		if showing == 1 && (err != nil || got != stamp.FromTime(at).String()) || showing > 1 && err == nil {
			t.Fatalf("%s in %s, shown by %d: %s, %v, want %s", shown, zone, showing, got, err, at.UTC())
		}
	})
}

func TestKeys(t *testing.T) {
	nan := value.Value{Kind: value.Float64, N: 0x7ff8000000000001}
	for _, c := range []struct {
		from  value.Kind
		to    value.Kind
		x     value.Value
		want  value.Value
		error string
	}{
		{value.Int64, value.Int64, value.Int(-5), value.Int(-5), ""},
		{value.String, value.String, value.Text("007"), value.Text("007"), ""},
		{value.Bytes, value.Bytes, value.Raw([]byte{0}), value.Raw([]byte{0}), ""},
		{value.Int64, value.String, value.Int(-5), value.Text("-5"), ""},
		{value.String, value.Int64, value.Text("17"), value.Int(17), ""},
		{value.String, value.Int64, value.Text("x"), value.Value{}, "row 9: column \"k\": key x: not an int64"},
		{value.Float64, value.Int64, value.Float(3), value.Int(3), ""},
		{value.Float64, value.String, value.Float(3), value.Text("3"), ""},
		{value.Float64, value.Int64, nan, value.Value{}, ""},
		{value.Float64, value.Int64, value.Float(0.5), value.Value{}, "not an integer"},
		{value.Float64, value.Int64, value.Float(1e17), value.Value{}, "not an integer"},
		{value.Int64, value.Int64, value.Value{}, value.Value{}, ""},
		{value.Float64, value.String, value.Value{}, value.Value{}, ""},
		{value.String, value.Bytes, value.Text("x"), value.Value{}, "cannot be a key"},
		{value.Bool, value.Int64, value.BoolOf(true), value.Value{}, "cannot be a key"},
	} {
		v, dst := NewVector(value.Of(c.from)), NewVector(value.Of(c.to))
		v.Append(c.x)
		k, err := NewKeys(Column{Name: "k", Type: v.Type}, c.to)
		if err == nil {
			err = k.Append(&dst, &v, 9)
		}
		if c.error != "" {
			if err == nil || !strings.Contains(err.Error(), c.error) {
				t.Errorf("%s as %s: error %v, want %q", c.from, c.to, err, c.error)
			}
			continue
		}
		if err != nil || !value.Equal(dst.At(0), c.want) {
			t.Errorf("%s as %s: %v, %v, want %v", c.from, c.to, dst, err, c.want)
		}
	}
}

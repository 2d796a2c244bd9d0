package columnar

import (
	"fmt"
	"math/big"
	"strconv"
	"time"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// TimeOptions say what the times of a user's file mean.
type TimeOptions struct {
	Unit string // of plain numbers: s, ms, us or ns since 1970-01-01T00:00:00Z; empty: numbers are refused
	Zone string // IANA name of the zone of times without one; empty: UTC
}

// Times reads a column of event times. Timestamps and dates are themselves; text is RFC 3339, or a date as 2001-01-31 or
// 2001/01/31, or one followed by T or a space, 18:20 or 18:20:05 with any fraction, and optionally a zone. Finer than a
// microsecond is floored. A time without zone is read in the zone of the options.
type Times struct {
	column Column
	unit   string
	zone   *time.Location
}

// NewTimes checks that the column can hold times.
func NewTimes(c Column, o TimeOptions) (*Times, error) {
	switch o.Unit {
	case "", "s", "ms", "us", "ns":
	default:
		return nil, fmt.Errorf("time unit %q: want s, ms, us or ns", o.Unit)
	}
	zone, err := time.LoadLocation(o.Zone)
	if err != nil || o.Zone == "Local" {
		return nil, fmt.Errorf("time zone %q: want an IANA name, like Europe/Berlin", o.Zone)
	}
	switch c.Type.Kind {
	case value.Timestamp, value.Date, value.String:
	case value.Int64, value.Float64:
		if o.Unit == "" {
			return nil, fmt.Errorf("column %q: times are plain numbers: name their unit, s, ms, us or ns (--time-unit)", c.Name)
		}
	default:
		return nil, fmt.Errorf("column %q: %s cannot be a time", c.Name, c.Type)
	}
	return &Times{column: c, unit: o.Unit, zone: zone}, nil
}

// Append adds the times of v to dst. row is the number of v's first row in its table, counting from 1, for errors: a
// null, a text that is no time, a local time that its zone skips or has twice, a time outside the years 1 to 9999.
func (x *Times) Append(dst []stamp.Micros, v *Vector, row int64) ([]stamp.Micros, error) {
	for i := range v.Len() {
		m, err := x.at(v, i)
		if err == nil && !m.Valid() {
			err = fmt.Errorf("not in the years 1 to 9999")
		}
		if err != nil {
			return dst, fmt.Errorf("row %d: column %q: time %s: %w", row+int64(i), x.column.Name, value.Format(v.At(i), v.Type), err)
		}
		dst = append(dst, m)
	}
	return dst, nil
}

func (x *Times) at(v *Vector, i int) (stamp.Micros, error) {
	if v.Null(i) {
		return 0, fmt.Errorf("missing")
	}
	switch v.Type.Kind {
	case value.Timestamp:
		if x.column.Local {
			return x.instant(stamp.Micros(v.N[i]))
		}
		return stamp.Micros(v.N[i]), nil
	case value.Date:
		if v.N[i] > 1<<32 || v.N[i] < -1<<32 {
			return stamp.NoTime, nil
		}
		return x.instant(stamp.Micros(v.N[i]) * stamp.Day)
	case value.Int64:
		n, ok := micros(v.N[i], x.unit)
		if !ok {
			return stamp.NoTime, nil
		}
		return stamp.Micros(n), nil
	case value.Float64:
		return x.number(value.Value{Kind: value.Float64, N: v.N[i]}.Float())
	}
	wall, zoned, err := parseTime(v.Bytes(i))
	if err != nil || zoned {
		return wall, err
	}
	return x.instant(wall)
}

var perMicro = map[string]*big.Rat{"s": big.NewRat(1e6, 1), "ms": big.NewRat(1000, 1), "us": big.NewRat(1, 1), "ns": big.NewRat(1, 1000)}

// number floors a float by its shortest decimal form, which is what its file says: 0.000003 s are 3 µs.
func (x *Times) number(f float64) (stamp.Micros, error) {
	if !(f > -1e18 && f < 1e18) {
		return 0, fmt.Errorf("out of range")
	}
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'e', -1, 64))
	r.Mul(r, perMicro[x.unit])
	n := new(big.Int).Div(r.Num(), r.Denom()) // Euclidean: floors, as the denominator is positive
	if !n.IsInt64() {
		return stamp.NoTime, nil
	}
	return stamp.Micros(n.Int64()), nil
}

// instant is the one moment at which the clocks of the zone show wall.
func (x *Times) instant(wall stamp.Micros) (stamp.Micros, error) {
	if x.zone == time.UTC || !wall.Valid() {
		return wall, nil
	}
	w := wall.Time()
	guess := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), w.Nanosecond(), x.zone)
	begin, end := guess.ZoneBounds()
	near := []time.Time{guess}
	if !begin.IsZero() {
		near = append(near, begin.Add(-1))
	}
	if !end.IsZero() {
		near = append(near, end)
	}
	var found []stamp.Micros
	for _, t := range near {
		found = addShowing(found, wall, t)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return 0, fmt.Errorf("does not exist in %s: clocks skip it", x.zone)
	}
	return 0, fmt.Errorf("is ambiguous in %s: clocks show it twice, at %s and %s", x.zone, found[0], found[1])
}

// addShowing adds the instant that shows wall under the offset in force at t, if that offset is in force then.
func addShowing(found []stamp.Micros, wall stamp.Micros, t time.Time) []stamp.Micros {
	_, offset := t.Zone()
	m := wall - stamp.Micros(offset)*stamp.Second
	if _, there := m.Time().In(t.Location()).Zone(); there != offset {
		return found
	}
	for _, f := range found {
		if f == m {
			return found
		}
	}
	return append(found, m)
}

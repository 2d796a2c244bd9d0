package main

import "testing"

func TestReadTimesNameTheRowThatHasItsOwn(t *testing.T) {
	const now, later = "2026-05-01T00:00:00Z", "2026-05-01T00:02:00Z"
	for _, c := range []struct {
		own  []string
		want string
	}{
		{nil, now}, {[]string{"", ""}, now}, {[]string{later}, later}, {[]string{"", later}, now + " / " + later},
	} {
		a := featuresAnswer{At: now}
		for _, at := range c.own {
			a.Rows = append(a.Rows, featuresRow{At: at})
		}
		if found := readTimes(&a); found != c.want {
			t.Errorf("%q: found %s, want %s", c.own, found, c.want)
		}
	}
}

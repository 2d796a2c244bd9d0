package asoftest

import (
	"fmt"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
)

var (
	nestedPanes   = []stamp.Micros{stamp.Minute, 5 * stamp.Minute, 15 * stamp.Minute, stamp.Hour, 6 * stamp.Hour}
	nestedWindows = []stamp.Micros{5 * stamp.Minute, 20 * stamp.Minute, 55 * stamp.Minute, stamp.Hour, 2 * stamp.Hour, 5 * stamp.Hour, 6 * stamp.Hour, 30 * stamp.Hour}
)

// nest adds features that mean the same as one of the view's through other
// windows, over panes that mostly nest.
func nest(t *rapid.T, v *definition.View) {
	for range rapid.IntRange(0, 2).Draw(t, "nested slots") {
		f := rapid.SampledFrom(v.Features).Draw(t, "nested")
		if f.Window == 0 && f.Exact {
			continue
		}
		for range rapid.IntRange(1, 4).Draw(t, "windows") {
			f.Window = rapid.SampledFrom(nestedWindows).Draw(t, "window")
			f.Pane = min(f.Window, rapid.SampledFrom(nestedPanes).Draw(t, "pane"))
			f.Name = fmt.Sprintf("f%d", len(v.Features))
			v.Features = append(v.Features, f)
		}
	}
}

package compact

import (
	"fmt"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/offline/manifest"
)

func sized(lengths ...int64) []manifest.File {
	files := make([]manifest.File, len(lengths))
	for i, n := range lengths {
		files[i] = manifest.File{Name: fmt.Sprint(i), Length: n}
	}
	return files
}

func TestPlan(t *testing.T) {
	tiers := Tiers{Base: 10, Factor: 4, MaxBytes: 1000}
	for what, c := range map[string]struct {
		files    []int64
		from, to int // equal: nothing
	}{
		"nothing":                           {nil, 0, 0},
		"one":                               {[]int64{5}, 0, 0},
		"two small ones stay small":         {[]int64{5, 5}, 0, 0},
		"small ones amount to more":         {[]int64{5, 5, 5}, 0, 3},
		"the newest only":                   {[]int64{500, 100, 5, 5, 5}, 2, 5},
		"a small one between great ones":    {[]int64{500, 5, 500, 5}, 0, 0},
		"the lowest tier first":             {[]int64{30, 30, 30, 5, 6}, 3, 5},
		"then the next":                     {[]int64{30, 30, 30, 11}, 0, 4},
		"small ones among those of a tier":  {[]int64{40, 5, 40, 5, 40}, 0, 5},
		"never beyond the greatest":         {[]int64{600, 600, 600}, 0, 0},
		"as much as fits":                   {[]int64{150, 150, 150, 150, 150, 150, 150, 150}, 0, 6},
		"a run ends at a greater file":      {[]int64{5, 5, 900, 5, 5, 5}, 3, 6},
		"files of the greatest size remain": {[]int64{1000, 1000, 5}, 0, 0},
	} {
		from, to, ok := Plan(sized(c.files...), tiers)
		if ok != (c.to > c.from) || ok && (from != c.from || to != c.to) {
			t.Errorf("%s: [%d, %d) %v, want [%d, %d)", what, from, to, ok, c.from, c.to)
		}
	}
}

// TestPlansConverge merges until nothing is left and counts: few files remain, and no byte is written often.
func TestPlansConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tiers := Tiers{Base: 16, Factor: 4, MaxBytes: 1 << 14}
		var files []manifest.File
		parts := map[string][]int64{}
		written, total := map[int64]int{}, int64(0)
		for n := range rapid.Int64Range(1, 300).Draw(t, "files") {
			length := rapid.Int64Range(1, 40).Draw(t, "length")
			total += length
			name := fmt.Sprint("f", n)
			files = append(files, manifest.File{Name: name, Length: length})
			parts[name] = []int64{n}
			for {
				from, to, ok := Plan(files, tiers)
				if !ok {
					break
				}
				if to-from < 2 {
					t.Fatalf("merge of %d files", to-from)
				}
				merged := manifest.File{Name: fmt.Sprint("m", len(parts))}
				for _, f := range files[from:to] {
					merged.Length += f.Length
					parts[merged.Name] = append(parts[merged.Name], parts[f.Name]...)
				}
				if merged.Length > tiers.MaxBytes {
					t.Fatalf("a file of %d bytes", merged.Length)
				}
				for _, n := range parts[merged.Name] {
					written[n]++
				}
				files = append(append(files[:from:from], merged), files[to:]...)
			}
			if most := 3*bits.Len64(uint64(total)) + 8; len(files) > most {
				t.Fatalf("%d files remain of %d bytes, want at most %d", len(files), total, most)
			}
		}
		for n, times := range written {
			if times > 6 {
				t.Fatalf("file %d was written again %d times", n, times)
			}
		}
	})
}

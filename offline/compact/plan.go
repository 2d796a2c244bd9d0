package compact

import "anabranch.dev/anabranch/offline/manifest"

// Tiers say which files are merged. The tier of a file is the number of times that Base must be multiplied by Factor to
// hold it.
type Tiers struct {
	Base   int64 // bytes of the lowest tier. Default 16 KiB
	Factor int64 // at least 2. Default 4
	// MaxBytes bounds the files that a merge makes, by the sum of what goes into it. Default 256 MiB.
	MaxBytes int64
}

func (t Tiers) withDefaults() Tiers {
	if t.Base == 0 {
		t.Base = 16 << 10
	}
	if t.Factor == 0 {
		t.Factor = 4
	}
	if t.MaxBytes == 0 {
		t.MaxBytes = 256 << 20
	}
	return t
}

// Plan finds files to merge into one: the indexes [from, to) of at least two that follow one another; false if there are
// none. It takes the lowest tier at which a run of files of that tier or below amounts to a higher one, and of that tier
// the first run; so a merge lifts everything in it by at least one tier, and no byte is merged more often than there are
// tiers up to MaxBytes.
func Plan(files []manifest.File, t Tiers) (from, to int, ok bool) {
	t = t.withDefaults()
	for limit := t.Base; limit < t.MaxBytes; limit *= t.Factor {
		for from := range files {
			if to, total := t.run(files, from, limit); to-from > 1 && total > limit {
				return from, to, true
			}
		}
	}
	return 0, 0, false
}

// run extends from from over files of at most limit bytes, as long as they do not amount to more than MaxBytes.
func (t Tiers) run(files []manifest.File, from int, limit int64) (to int, total int64) {
	for to = from; to < len(files) && files[to].Length <= limit && total+files[to].Length <= t.MaxBytes; to++ {
		total += files[to].Length
	}
	return to, total
}

package fold_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

var rates = flag.Bool("rates", false, "print bytes per key and round of each kind and window")

// sized are features of each kind with the parameters that people leave as they
// are.
var sized = []string{
	"count", "sum, of: total, scale: 2", "mean, of: total, scale: 2", "max, of: total", "max, of: total, exact: true", "last, of: item", "recent, of: item, k: 10", "set, of: item",
	"top, of: item, k: 10", "approx_distinct, of: item", "quantiles, of: total", "decayed_sum, of: total, scale: 2, half_life: 1d", "ema, of: total, scale: 2, half_life: 1d",
}

// TestBytesPerKeyByRate folds 60 days of a key's events at several rates and
// says what its row takes, what a round sends of it after one more event, and
// what the plan counts. -rates prints the table of ops/bench/README.md; without
// it only some are looked at.
func TestBytesPerKeyByRate(t *testing.T) {
	windows, perDay, days := []string{"", ", window: 1h", ", window: 24h", ", window: 7d", ", window: 30d", ", window: 30d, pane: 5m"}, []int{1, 10, 1000}, 60
	if !*rates {
		windows, perDay, days = []string{", window: 7d"}, []int{100}, 10
	}
	if *rates {
		fmt.Printf("| kind | window | %s | planned |\n|---|---|---|---|---|---|\n", "1 a day: row, round | 10 a day | 1000 a day")
	}
	for _, kind := range sized {
		name, _, _ := strings.Cut(kind, ",")
		if !slices.Contains(merge.Kinds(), name) {
			continue
		}
		for _, window := range windows {
			if strings.HasSuffix(kind, "exact: true") && window == "" {
				continue
			}
			s := selling(t, fmt.Sprintf("      - {name: f, kind: %s%s}\n", kind, window))
			cells := ""
			for _, rate := range perDay {
				row, sent := s.bytesAt(t, rate, days)
				if most := s.prog.WorstBytes(); row > most {
					t.Errorf("%s%s, %d a day: a row of %d bytes, at worst %d", kind, window, rate, row, most)
				}
				if row < sent {
					t.Errorf("%s%s, %d a day: %d bytes in a round, %d in the row", kind, window, rate, sent, row)
				}
				cells += fmt.Sprintf(" %d, %d |", row, sent)
			}
			if *rates {
				fmt.Printf("| %s | %s |%s %d |\n", strings.Replace(kind, ", scale: 2", "", 1), strings.TrimPrefix(strings.Replace(window, ", window: ", "", 1), ","), cells, s.prog.PlannedBytes())
			}
		}
	}
}

// bytesAt is the size of a key's row, and of the columns that one more event
// puts into a round, of which the header and the key are left out.
func (s *sales) bytesAt(t *testing.T, rate, days int) (row, sent int) {
	random := rand.New(rand.NewPCG(uint64(rate), 1))
	items := rand.NewZipf(random, 1.1, 5, 9_999)
	m, r := s.prog.New(), &fold.Row{}
	n := int64(rate * days)
	gap := int64(stamp.Day) / int64(rate)
	for i := range n {
		at := stamp.Micros(i*gap + random.Int64N(gap))
		s.step(t, m, r, at, i*1000, fmt.Sprint("item-", items.Uint64()))
	}
	part := r.Part(source)
	head := round.Header{Source: source, Lo: position.Mark{Next: (n - 1) * 1000}, Hi: position.Mark{Next: (n-1)*1000 + 1, Stamp: part.Life.Stamp}}
	empty := len(round.NewWriter(s.prog, head, 1<<30).Finish()[0])
	w := round.NewWriter(s.prog, head, 1<<30)
	w.Add(nil, part)
	return len(s.prog.Append(nil, r)), len(w.Finish()[0]) - empty
}

package merge

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/value"
)

func topOf(k int, e float64) *top {
	return (Spec{Kind: Top, Input: whole, K: k, Error: e, Weight: whole}).New().(*top)
}

// heap adds n events of an item, each of weight w, from an offset on.
func (s *top) heap(item int64, n int, w, offset int64) {
	for i := range int64(n) {
		s.Add(Input{Order: at(offset + i), X: value.Int(item), W: value.Int(w)})
	}
}

// listed is what Value says of an item: count and error, or -1.
func (s *top) listed(item int64) (count, off int64) {
	for _, x := range s.Value().L {
		if x.L[0].N == item {
			return x.L[1].N, x.L[2].N
		}
	}
	return -1, -1
}

func TestTopIsExactWhileFew(t *testing.T) {
	for _, c := range []struct {
		k    int
		e    float64
		want int
	}{{1, 0.5, 16}, {100, 0.5, 200}, {10, 0.01, 800}, {10, 0.003, 2667}, {10, 0.0001, 8192}} {
		s := topOf(c.k, c.e)
		for i := range c.want {
			s.heap(int64(i), 2, int64(i+1), int64(2*i))
		}
		if s.dense || s.Err() != 0 {
			t.Errorf("%v: no longer exact at %d items", c, c.want)
		}
		for i, x := range s.Value().L {
			if n := int64(c.want - 1 - i); x.L[0].N != n || x.L[1].N != 2*(n+1) || x.L[2].N != 0 {
				t.Fatalf("%v: item %d is %v", c, i, x)
			}
		}
		s.heap(-1, 1, 1, 1<<40)
		if !s.dense || s.Err() != c.e {
			t.Errorf("%v: still exact at %d items, error %v", c, c.want+1, s.Err())
		}
		if n := len(s.Append(nil, Order{})); n > (Spec{Kind: Top, Input: whole, K: c.k, Error: c.e}).MaxBytes() {
			t.Errorf("%v: %d bytes", c, n)
		}
	}
}

func TestEventsWithoutWeightAreNotItems(t *testing.T) {
	s := topOf(3, 0.5)
	s.heap(7, 5, 0, 0)
	s.Add(Input{X: value.Int(7)})
	if b := s.Append(nil, Order{}); len(b) != 1 || len(s.Value().L) != 0 || s.Value().Kind != value.List {
		t.Errorf("%x reads %v", b, s.Value())
	}
}

// TestPrunedItemComesBack: an item that was met once, early, among thousands
// is listed when it has become heavy, whether its weight comes in one piece,
// in many, or from a state that knew nothing of the others.
func TestPrunedItemComesBack(t *testing.T) {
	for name, later := range map[string]func(s *top){
		"at once":  func(s *top) { s.heap(-5, 1, 2000, 1<<30) },
		"in bits":  func(s *top) { s.heap(-5, 2000, 1, 1<<30) },
		"combined": func(s *top) { o := topOf(3, 0.05); o.heap(-5, 2000, 1, 1<<30); s.Combine(o) },
	} {
		s := topOf(3, 0.05)
		s.heap(-5, 1, 1, 0)
		for i := range 8000 {
			s.heap(int64(i), 1, 1, int64(i+1))
		}
		if s.list.find(parts{n: -5}) >= 0 {
			t.Fatalf("%s: not pruned", name)
		}
		later(s)
		if n, off := s.listed(-5); n < 2001 || n-off > 2001 {
			t.Errorf("%s: %d less %d of 2001", name, n, off)
		}
	}
}

// TestCellsAreAddedAcrossRegions: what three regions saw of an item is added,
// where the greatest of their cells would be a third of it.
func TestCellsAreAddedAcrossRegions(t *testing.T) {
	all := topOf(3, 0.05)
	for region := range int64(3) {
		s := topOf(3, 0.05)
		for i := range int64(1000) {
			s.heap(1000*region+i, 1, 1, i)
		}
		s.heap(-5, 1, 700, 5000+region)
		all.Combine(s)
	}
	if n, off := all.listed(-5); n < 2100 || n-off > 2100 {
		t.Errorf("%d less %d of 2100", n, off)
	}
}

// zipf is how often each of n items is met in total draws, about as 1/rank.
func zipf(n, total int) []int {
	sum := 0.0
	for i := range n {
		sum += 1 / float64(i+1)
	}
	counts := make([]int, n)
	for i := range counts {
		counts[i] = 1 + int(float64(total)/float64(i+1)/sum)
	}
	return counts
}

// TestBoundsHold feeds skewed and level weights over many sets of items: every
// count is within its bounds, every item beyond the last listed count by the
// error is listed, and no error is above the one promised.
func TestBoundsHold(t *testing.T) {
	level := make([]int, 3000)
	for i := range level {
		level[i] = 1
	}
	hundred := append(slices.Repeat([]int{90}, 100), level[:1000]...)
	for name, counts := range map[string][]int{"zipf": zipf(4000, 20000), "level": level, "hundred": hundred} {
		for set := range int64(6) {
			const k, e = 20, 0.02
			s, total := topOf(k, e), 0
			for i, n := range counts {
				s.heap(int64(spread(uint64(i))>>20)^set<<50, 1, int64(n), int64(i))
				total += n
			}
			true0 := map[int64]int{}
			for i, n := range counts {
				true0[int64(spread(uint64(i))>>20)^set<<50] = n
			}
			last := int64(0)
			for _, x := range s.Value().L {
				n := int64(true0[x.L[0].N])
				if last = x.L[1].N; n > last || n < last-x.L[2].N || x.L[2].N > int64(e*float64(total)) {
					t.Errorf("%s: %d counted %d less %d, total %d", name, n, last, x.L[2].N, total)
				}
				delete(true0, x.L[0].N)
			}
			for _, n := range true0 {
				if float64(n) > float64(last)+e*float64(total) {
					t.Errorf("%s: %d of %d is not listed, %d is", name, n, total, last)
				}
			}
		}
	}
}

// TestChanceOfAnError builds the worst for one row, 1/ε items of equal weight,
// and counts how often an item that is not among them is estimated above ε of
// the total, in all rows and in one.
func TestChanceOfAnError(t *testing.T) {
	const units = errorUnit / 20
	all, one, probes := 0, 0, 0
	for set := range uint64(40) {
		var c cells
		c.clear(units)
		for i := range uint64(20) {
			c.add(spread(set<<20|i), 1)
		}
		for i := range uint64(2500) {
			probes++
			if c.estimate(spread(set<<20|1<<19|i)) >= 1 {
				all++
			}
			if c.rows[c.of(spread(set<<20 | 1<<19 | i))[0]] >= 1 {
				one++
			}
		}
	}
	if part := float64(one) / float64(probes); part < 0.17 || part > 1/4.217 {
		t.Errorf("one row errs in %.3f", part)
	}
	if all > 5 { // 10^-5 of 100,000 is 1
		t.Errorf("all rows err %d times in %d", all, probes)
	}
}

// TestChanceOfMissing counts how often an item with a part φ of the weight is
// not among the candidates: at most about e^(-φ·candidates).
func TestChanceOfMissing(t *testing.T) {
	for _, c := range []struct {
		part, least, most float64 // of e, and how often
		events            int     // that make it up
	}{{0.25, 0.10, 0.20, 1}, {0.25, 0.10, 0.20, 30}, {0.5, 0, 0.04, 1}, {1, 0, 0.006, 3}} {
		missing, runs := 0, 600
		for run := range runs {
			s := topOf(1, 0.1) // 80 candidates
			const others = 400
			for i := range int64(others) {
				s.heap(i, 1, 90, int64(run)<<32|i)
			}
			weight := c.part * 0.1 * others * 90 / (1 - c.part*0.1)
			s.heap(-1, c.events, int64(weight)/int64(c.events), int64(run)<<32|1<<31)
			s.prune()
			if s.list.find(parts{n: -1}) < 0 {
				missing++
			}
		}
		if part := float64(missing) / float64(runs); part < c.least || part > c.most {
			t.Errorf("%+v: missing in %.3f", c, part)
		}
	}
}

// TestRanksAreExponential compares ranks with -log2(u)/w in floats.
func TestRanksAreExponential(t *testing.T) {
	for i := range uint64(20000) {
		x, w := spread(i), spread(i<<32)>>(1+i%63)|1
		switch i % 4 {
		case 0:
			x = ^uint64(0) - x>>(i%40) // u near 1
		case 1:
			x >>= i % 64
		}
		u := new(big.Float).SetUint64(x | 1)
		f, _ := u.Quo(u, big.NewFloat(1<<64)).Float64()
		l := -math.Log2(f)
		if f > 0.9 {
			l = -math.Log1p(-float64(-(x|1))/(1<<64)) / math.Ln2
		}
		want := l / float64(w)
		got := math.Ldexp(1+float64(exponential(x, w)&(1<<fractionBits-1))/(1<<fractionBits), int(exponential(x, w)>>fractionBits)-128)
		// Truncated to 2^-16, and the logarithm is only good to 3·2^-64.
		if over := got/want - 1; over > 1e-9+6/(l*(1<<63)) || over < -1.0/(1<<fractionBits)-6/(l*(1<<63)) {
			t.Fatalf("x %#x, w %d: %v, want %v", x, w, got, want)
		}
	}
	for _, c := range []struct {
		x, w uint64
		want rank
	}{{0, 1, 134 << 16}, {1, 1, 134 << 16}, {1, 64, oneRank}, {1 << 63, 1, 127<<16 | 65535}, {0, 1<<63 - 1, 71 << 16}} {
		if got := exponential(c.x, c.w); got != c.want {
			t.Errorf("%#x, %d: %d|%d", c.x, c.w, got>>16, got&65535)
		}
	}
	if lo := exponential(math.MaxUint64, math.MaxInt64); lo>>fractionBits > 4 {
		t.Errorf("the least rank is %#x", lo)
	}
}

func TestCellsSaturate(t *testing.T) {
	s := topOf(2, 0.5)
	for i := range int64(17) {
		s.heap(i, 1, math.MaxInt64, i)
	}
	s.heap(3, 2, math.MaxInt64, 50)
	if n, off := s.listed(3); n != math.MaxInt64 || off < 0 || off > n {
		t.Errorf("%d less %d", n, off)
	}
	b := s.Append(nil, Order{})
	back := topOf(2, 0.5)
	if n, err := back.Decode(b, Order{}); err != nil || n != len(b) || !value.Equal(back.Value(), s.Value()) {
		t.Errorf("%d of %d bytes, %v", n, len(b), err)
	}
	if quotient(value.Int128{Hi: 1 << 62}, 3) != math.MaxInt64 || quotient(value.Int128{Hi: 1}, 4) != 1<<62 || quotient(value.Int128{Hi: 1}, 2) != math.MaxInt64 {
		t.Error("quotients")
	}
}

func TestTopTakesBack(t *testing.T) {
	few, many := topOf(3, 0.5), topOf(3, 0.5)
	few.heap(1, 1, 9, 0)
	few.heap(2, 1, 4, 1)
	part := topOf(3, 0.5)
	part.heap(2, 1, 4, 1)
	few.Subtract(part)
	alone := topOf(3, 0.5)
	alone.heap(1, 1, 9, 0)
	if !value.Equal(few.Value(), alone.Value()) || few.dense || len(few.list.items) != 1 {
		t.Errorf("exact: %v", few.Value())
	}
	for i := range int64(20) {
		many.heap(i, 1, 5, i)
	}
	whole := topOf(3, 0.5)
	whole.Combine(many)
	whole.heap(1, 1, 500, 99)
	before := whole.Value().Clone()
	whole.heap(77, 1, 50, 100)
	again := topOf(3, 0.5)
	again.heap(77, 1, 50, 100)
	whole.Subtract(again)
	if !value.Equal(whole.Value(), before) {
		t.Errorf("exact from cells: %v, not %v", whole.Value(), before)
	}
	whole.Subtract(many)
	if n, off := whole.listed(1); n != 500 || off != 0 || len(whole.Value().L) != 1 {
		t.Errorf("cells from cells: %v", whole.Value())
	}
	alone.Subtract(many) // more than is in
	alone.Value()
}

func TestTopRefuses(t *testing.T) {
	spec := Spec{Kind: Top, Input: boolean, K: 2, Error: 0.5}
	dense := "01" + "20"
	for _, c := range []struct{ bytes, why string }{
		{"", "at 0: bad varint"},
		{"12", "17 items, of at most 16"},
		{"03" + "0000", "2 items, of at most 16, in 2 bytes"[:10]},
		{"02" + "00" + "01" + "00", "no weight"},
		{"02" + "00" + "01" + "01", "no weight"},
		{"02" + "00" + "01", "bad integer"},
		{"02" + "00" + "02" + "02", "bad boolean"},
		{"02" + "ffffff0f" + "01" + "02", "rank out of range"},
		{"02" + "80808008" + "01" + "02", "rank out of range"},
		{"02" + "80808080808010" + "01" + "02", "rank out of range"},
		{"03" + "000102" + "000002", "items out of order"},
		{"03" + "000102" + "010102", "an item twice"},
		{"03" + "000102" + "ffffffffffffffffff01" + "0002", "rank out of range"},
		{"01" + "00", "no weight"},
		{dense, "16 items, of at most 16, in 0 bytes"},
		{dense + strings.Repeat("0001", 16), "an item twice"},
	} {
		b, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := spec.New().Decode(b, Order{}); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %s", c.bytes, err, c.why)
		}
	}
}

func TestCellsRefuse(t *testing.T) {
	for _, c := range []struct{ bytes, why string }{
		{"05", "bad varint"},
		{"0500" + "46", ""}, // 1 cell, 71 zeros
		{"0500" + "47", "zeros out of range"},
		{"0500" + "05" + "0040", "zeros out of range"}, // zeros after zeros
		{"00", "bad varint"},
	} {
		b, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		var cs cells
		cs.clear(errorUnit / 2) // 8 rows of 9
		r := reader{b: b}
		cs.decode(&r)
		if got := fmt.Sprint(r.err); c.why == "" && r.err != nil || !strings.Contains(got, c.why) {
			t.Errorf("%s: %v, want %s", c.bytes, r.err, c.why)
		}
	}
}

func TestTopDecodeBoundsItsMemory(t *testing.T) {
	s := (Spec{Kind: Top, Input: whole, K: 10, Error: 0.0001}).New()
	b := append([]byte{0xff, 0x1f}, make([]byte, 40)...) // 4094 items
	dense := append([]byte{1, 2}, make([]byte, 40)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := s.Decode(b, Order{}); err == nil {
			t.Fatal("decoded")
		}
		if _, err := s.Decode(dense, Order{}); err == nil {
			t.Fatal("decoded")
		}
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / 200; n > 4096 {
		t.Errorf("%d bytes to refuse %d", n, len(b))
	}
}

// TestFewItemsTakeFewBytes bounds a pane of three items.
func TestFewItemsTakeFewBytes(t *testing.T) {
	s := (Spec{Kind: Top, Input: text, K: 10, Error: 0.01}).New()
	for i, x := range []string{"item-1", "item-2", "item-3", "item-1"} {
		s.Add(Input{Order: at(int64(i)), X: value.Text(x)})
	}
	if n := len(s.Append(nil, Order{})); n > 40 {
		t.Errorf("%d bytes", n)
	}
	if n := s.Size(); n > 1024 {
		t.Errorf("%d bytes of memory", n)
	}
}

func TestWhatMeetsABudgetOfTop(t *testing.T) {
	for _, c := range []struct {
		budget float64
		want   string
	}{{0.02, "error: 0.02"}, {0.9, "error: 0.5"}, {0.0001, "error: 0.0001"}, {0.00001, ""}, {math.NaN(), ""}} {
		if got := (Spec{Kind: Top}).Meet(c.budget); got != c.want {
			t.Errorf("%v: %q, want %q", c.budget, got, c.want)
		}
	}
	if got := (Spec{Kind: Top, Error: 0.02}).Guarantee(); got != 0.02 {
		t.Errorf("guarantee %v", got)
	}
}

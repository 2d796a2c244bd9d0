package link

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestBudgetTable(t *testing.T) {
	b := NewBudget(1000, 500)
	for i, step := range []struct {
		at   time.Duration
		take int64
		wait time.Duration
	}{
		{0, 500, 0},             // the savings
		{0, 3000, 0},            // whole, into debt
		{0, 1, 3 * time.Second}, // waits for that debt
		{time.Second, 0, 2001 * time.Millisecond}, // asking costs nothing
		{3001 * time.Millisecond, 10, 0},
		{time.Hour, 500, 0}, // savings are bounded by burst
		{time.Hour, 10, 0},
		{time.Hour, 10, 10 * time.Millisecond},
	} {
		if got := b.Take(step.take, epoch.Add(step.at)); got != step.wait {
			t.Errorf("step %d: wait %v, want %v", i, got, step.wait)
		}
	}
}

func TestUnlimitedBudgetNeverWaits(t *testing.T) {
	for _, b := range []*Budget{NewBudget(0, 0), new(Budget)} {
		for range 3 {
			if w := b.Take(math.MaxInt64, epoch); w != 0 {
				t.Errorf("wait %v", w)
			}
		}
	}
}

func TestBudgetSurvivesExtremes(t *testing.T) {
	b := NewBudget(1, math.MaxInt64)
	b.Take(math.MaxInt64, epoch)
	b.Take(math.MaxInt64, epoch)
	if w := b.Wait(epoch); w <= 0 {
		t.Errorf("after two enormous rounds: wait %v", w)
	}
	if c := NewBudget(math.MaxInt64, 0).cost(1); c != 1 {
		t.Errorf("cost is %v, want it rounded up to 1ns", c)
	}
}

// model is the bucket in words: a level in bytes that grows with time up to burst, from which rounds are taken whole.
type model struct {
	rate, burst int64
	level       *big.Rat
	at          time.Time
}

func (m *model) take(n int64, now time.Time) *big.Rat {
	gained := new(big.Rat).SetFrac64(m.rate*int64(now.Sub(m.at)), int64(time.Second))
	m.level.Add(m.level, gained)
	if full := new(big.Rat).SetInt64(m.burst); m.level.Cmp(full) > 0 {
		m.level = full
	}
	m.at = now
	wait := new(big.Rat)
	if m.level.Sign() < 0 {
		wait.Quo(new(big.Rat).Neg(m.level), new(big.Rat).SetFrac64(m.rate, int64(time.Second)))
	}
	m.level.Sub(m.level, new(big.Rat).SetInt64(n))
	return wait // nanoseconds
}

func TestBudgetIsABucketWithDebt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Int64Range(1, 1_000_000).Draw(t, "rate")
		burst := rapid.Int64Range(0, 100_000).Draw(t, "burst")
		b, m := NewBudget(rate, burst), &model{rate: rate, burst: burst, level: new(big.Rat).SetInt64(burst), at: epoch}
		now := epoch
		for i := range rapid.IntRange(1, 30).Draw(t, "rounds") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(t, "pause")))
			n := rapid.Int64Range(0, 200_000).Draw(t, "bytes")
			want, _ := m.take(n, now).Float64()
			// Each round and the burst are rounded up to a nanosecond.
			if got := float64(b.Take(n, now)); math.Abs(got-want) > float64(i+2) {
				t.Fatalf("round %d: wait %v ns, want %v", i, got, want)
			}
		}
	})
}

func TestWaitingAsToldKeepsTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Int64Range(1000, 1_000_000).Draw(t, "rate")
		burst := rapid.Int64Range(0, 10_000).Draw(t, "burst")
		b, now, sent, last := NewBudget(rate, burst), epoch, int64(0), int64(0)
		for range 50 {
			last = rapid.Int64Range(1, 50_000).Draw(t, "bytes")
			now = now.Add(b.Take(last, now))
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(100*time.Millisecond)).Draw(t, "pause")))
			sent += last
		}
		allowed := float64(burst) + float64(rate)*now.Sub(epoch).Seconds() + float64(last) + 1
		if float64(sent) > allowed {
			t.Fatalf("%d bytes sent in %v at %d B/s", sent, now.Sub(epoch), rate)
		}
	})
}

func BenchmarkBudget(b *testing.B) {
	bu, now := NewBudget(1_000_000, 1000), epoch
	for b.Loop() {
		now = now.Add(bu.Take(1500, now))
	}
}

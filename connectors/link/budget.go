package link

import (
	"math/bits"
	"time"
)

// Budget is a token bucket in bytes per second in which debt is allowed: a round is sent whole however large it is, and
// the next one waits until it is paid for. Time is an argument and must not go backwards for the waits to be right;
// a smaller one is harmless. A Budget has one owner; the zero value is unlimited.
//
// Law: if every caller waits as told, any interval of length d starts sending at most burst + rate·d bytes, plus
// the one round that goes into debt.
type Budget struct {
	rate, burst int64     // bytes per second, 0: unlimited; bytes
	paid        time.Time // when everything taken so far is paid for
}

// NewBudget returns a budget that is full. bytesPerSecond 0 means unlimited; burst is how many bytes may be saved up.
// It panics on negative numbers.
func NewBudget(bytesPerSecond, burst int64) *Budget {
	if bytesPerSecond < 0 || burst < 0 {
		panic("BUG: link: a budget must not be negative")
	}
	return &Budget{rate: bytesPerSecond, burst: burst}
}

// Wait says how long from now until the debt is paid and the next round may start; 0 if it may start at once.
func (b *Budget) Wait(now time.Time) time.Duration {
	if b.rate == 0 || b.paid.IsZero() {
		return 0
	}
	return max(0, b.paid.Sub(now))
}

// Take charges n bytes, 0 or more, and says how long the caller must wait before it sends them: until what was taken before
// is paid for. What is returned does not depend on n.
func (b *Budget) Take(n int64, now time.Time) time.Duration {
	wait := b.Wait(now)
	if b.rate == 0 || n <= 0 {
		return wait
	}
	if earliest := now.Add(-b.cost(b.burst)); b.paid.IsZero() || b.paid.Before(earliest) {
		b.paid = earliest // savings are bounded
	}
	b.paid = b.paid.Add(b.cost(n))
	return wait
}

// cost is n/rate, rounded up to the nanosecond, at most a century.
func (b *Budget) cost(n int64) time.Duration {
	if b.rate == 0 {
		return 0
	}
	const century = 100 * 365 * 24 * time.Hour
	hi, lo := bits.Mul64(uint64(n), uint64(time.Second))
	lo, carry := bits.Add64(lo, uint64(b.rate)-1, 0)
	hi += carry
	if hi >= uint64(b.rate) {
		return century
	}
	d, _ := bits.Div64(hi, lo, uint64(b.rate))
	return time.Duration(min(d, uint64(century)))
}

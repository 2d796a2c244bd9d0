package mergetest

import (
	"fmt"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Night runs small random histories of c, one for each seed from the given one
// on: one to three sources, up to twelve events and sometimes sixty, five
// replicas that exchange states and increments which are duplicated, reordered,
// lost, relayed and coalesced, that crash and replay; then the laws on the same
// events. It returns the first *Failure. There is no shrinking: the histories are
// small, and some twenty times as many are tried in the time as by Run.
func Night(c Case, seed uint64, histories int) error {
	n := newNight(&c)
	for i := range histories {
		if err := n.safely(seed + uint64(i)); err != nil {
			return &Failure{Case: c.Name, Seed: seed + uint64(i), Err: err}
		}
	}
	return nil
}

// Failure is a history that breaks a law: Night with the case, the seed and 1
// runs it again.
type Failure struct {
	Case string
	Seed uint64
	Err  error
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s: history of seed %d: %v", f.Case, f.Seed, f.Err)
}

func (f *Failure) Unwrap() error { return f.Err }

const (
	// poolSize is how many inputs the histories of some successive seeds are made
	// of: 2^poolBits seeds, so that a long run sees many.
	poolSize = 256
	poolBits = 14
)

// night runs the histories of one case. Nothing of a history is left for the
// next but memory that is overwritten.
type night struct {
	c      *Case
	pool   []merge.Input
	drawn  uint64 // which pool, from 1
	most   int    // MaxBytes
	joins  bool
	parts  bool // the kind has increments
	d      dice
	h      History
	bases  []merge.Order
	want   [][]byte // the bytes of each source's whole log
	free   []merge.State
	net    nightNet
	buf    []byte // what was written last
	text   []byte // a copy of an input's bytes
	mixed  []merge.Input
	hands  [3][]merge.Input
	before []byte // of an argument
}

func newNight(c *Case) *night {
	n := &night{c: c, most: c.Spec.MaxBytes(), joins: c.Spec.Joins()}
	n.h.Logs, n.want = make([][]merge.Input, maxNightSources), make([][]byte, maxNightSources)
	_, n.parts = c.fresh().(merge.Incremental)
	return n
}

// fill draws the pool of a seed.
func (n *night) fill(seed uint64) {
	which := seed>>poolBits + 1
	if n.drawn == which {
		return
	}
	n.drawn, n.pool = which, n.pool[:0]
	inputs := rapid.Custom(n.c.Draw)
	for i := range poolSize {
		n.pool = append(n.pool, inputs.Example(int(which)*poolSize+i))
	}
}

// safely is run with a panic of the state taken for a failure.
func (n *night) safely(seed uint64) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return n.run(seed)
}

// begin draws the history of a seed.
func (n *night) begin(seed uint64) {
	n.fill(seed)
	n.d, n.free = dice{seed}, n.free[:0]
	n.draw()
}

func (n *night) run(seed uint64) error {
	n.begin(seed)
	n.references()
	if err := n.converge(); err != nil {
		return fmt.Errorf("%s: %w", Convergence, err)
	}
	return n.laws(n.d.roll(len(n.h.Logs)))
}

// draw makes a history out of the pool: often of few different inputs, so that
// they recur, and of times that tie.
func (n *night) draw() {
	n.h.Logs, n.h.Seed = n.h.Logs[:1+n.d.roll(maxNightSources)], n.d.state
	for i := range n.h.Logs {
		n.h.Logs[i] = n.h.Logs[i][:0]
	}
	different := []int{1, 2, 3, 8, poolSize}[n.d.roll(5)]
	first, times := n.d.roll(poolSize), n.clock()
	for range n.d.roll(nightLengths[n.d.roll(len(nightLengths))]) {
		i := n.d.roll(len(n.h.Logs))
		in := n.pool[(first+n.d.roll(different))%poolSize]
		in.Order = n.next(i, times)
		n.h.Logs[i] = append(n.h.Logs[i], in)
	}
	n.c.relate(n.h.Logs)
	n.bases = n.bases[:0]
	for i := range n.h.Logs {
		n.bases = append(n.bases, n.h.Base(i))
	}
}

const maxNightSources = 3

var (
	nightLengths = []int{13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 60}

	nightTimes = []stamp.Micros{stamp.FromMillis(start), stamp.FromMillis(start), stamp.FromMillis(start), 0, -1, stamp.MinMicros, stamp.MaxMicros - stamp.Day}
	nightUnits = []stamp.Micros{0, stamp.Microsecond, stamp.Millisecond, stamp.Second, stamp.Minute, stamp.Hour}
	nightGaps  = []int64{1, 1, 1, 2, 1000, 1 << 33}
	nightWaits = []int64{0, 0, 1, 40, 60_000, 1 << 36}
)

// clock is a base and a unit for the event times of a history.
func (n *night) clock() (c nightClock) {
	c.base, c.unit = nightTimes[n.d.roll(len(nightTimes))], nightUnits[n.d.roll(len(nightUnits))]
	return c
}

type nightClock struct{ base, unit stamp.Micros }

// next is the order of a source's next event: stamps and offsets ascend, event
// times do as they like.
func (n *night) next(source int, c nightClock) merge.Order {
	o := merge.Order{Rank: uint32(source), Offset: -1}
	last, at := stamp.Stamp(0), int64(start)
	if log := n.h.Logs[source]; len(log) > 0 {
		o.Offset, last = log[len(log)-1].Order.Offset, log[len(log)-1].Order.Stamp
		at = last.Millis()
	}
	o.Offset += nightGaps[n.d.roll(len(nightGaps))]
	o.Stamp = stamp.Next(last, at+nightWaits[n.d.roll(len(nightWaits))])
	if n.d.roll(10) == 0 {
		c = n.clock()
	}
	o.Time = c.base + c.unit*stamp.Micros(n.d.roll(6))
	return o
}

// get is an empty state: a new one, or one of this history that was reset.
func (n *night) get() merge.State {
	if last := len(n.free) - 1; last >= 0 {
		s := n.free[last]
		n.free = n.free[:last]
		s.Reset()
		return s
	}
	return n.c.fresh()
}

func (n *night) put(states ...merge.State) { n.free = append(n.free, states...) }

// add feeds s, which may keep nothing of the bytes or items that it was fed.
func (n *night) add(s merge.State, inputs []merge.Input) {
	for _, in := range inputs {
		switch {
		case in.X.L != nil:
			in.X = in.X.Clone()
			s.Add(in)
			scribble(in.X)
		case len(in.X.B) > 0:
			n.text = append(n.text[:0], in.X.B...)
			in.X.B = n.text
			s.Add(in)
			scribble(in.X)
		default:
			s.Add(in)
		}
	}
}

func (n *night) fold(inputs []merge.Input) merge.State {
	s := n.get()
	n.add(s, inputs)
	return s
}

// references writes the bytes of each source's log, folded in another order
// and in two parts.
func (n *night) references() {
	for i, log := range n.h.Logs {
		mixed := n.shuffled(log)
		cut := n.d.roll(len(mixed) + 1)
		s, rest := n.fold(mixed[:cut]), n.fold(mixed[cut:])
		s.Combine(rest)
		n.want[i] = s.Append(n.want[i][:0], n.bases[i])
		n.put(s, rest)
	}
}

// shuffled is log in a random order, until the next call.
func (n *night) shuffled(log []merge.Input) []merge.Input {
	n.mixed = append(n.mixed[:0], log...)
	for i := len(n.mixed) - 1; i > 0; i-- {
		j := n.d.roll(i + 1)
		n.mixed[i], n.mixed[j] = n.mixed[j], n.mixed[i]
	}
	return n.mixed
}

// is checks that s has the bytes of a source's whole log.
func (n *night) is(what string, s merge.State, source int) error {
	n.buf = s.Append(n.buf[:0], n.bases[source])
	if string(n.buf) != string(n.want[source]) {
		return fmt.Errorf("%s: bytes %x, folded otherwise %x; %s", what, n.buf, n.want[source], describe(n.h.Logs[source]))
	}
	return nil
}

// reads checks that s reads as the oracle says of inputs.
func (n *night) reads(s merge.State, inputs []merge.Input) error {
	if err := n.c.reads(s, inputs); err != nil {
		return fmt.Errorf("%s: %w; %s", Oracle, err, describe(inputs))
	}
	return nil
}

// take decodes the state that b begins with into s, from memory that is
// overwritten afterwards.
func (n *night) take(s merge.State, b []byte, base merge.Order) error {
	n.buf = append(append(n.buf[:0], b...), 0x5a, 0x01)
	used, err := s.Decode(n.buf, base)
	for i := range n.buf {
		n.buf[i] ^= 0x55
	}
	if err != nil || used != len(b) {
		return fmt.Errorf("%s: %x: %d of %d bytes, %w", RoundTrip, b, used, len(b), err)
	}
	return nil
}

// valueOf is what s reads as, for the caller to keep.
func valueOf(s merge.State) value.Value { return s.Value().Clone() }

package main

import (
	"crypto/sha256"
	"fmt"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// digestRows folds the events of random views' keys and hashes the rows and
// what is read of them.
func digestRows(seed uint64, rows int) (events, results []byte, err error) {
	worlds := rapid.Custom(func(t *rapid.T) *asoftest.World { return asoftest.Draw(t, asoftest.Options{Keys: 1, NoIDs: true}) })
	in, out := sha256.New(), sha256.New()
	for i := range rows {
		w := worlds.Example(int(seed) + i)
		prog, err := fold.Compile(w.Project, w.View)
		if err != nil {
			return nil, nil, fmt.Errorf("world %d: %w", int(seed)+i, err)
		}
		mach, row := prog.New(), fold.Row{}
		for _, e := range w.Of(w.Keys[0]) {
			fmt.Fprintf(in, "%v %v %v %v %v\n", e.Time, e.Stamp, e.Source, e.Offset, e.Fields)
			step(mach, &row, &e)
		}
		b := prog.Append(nil, &row)
		fmt.Fprintf(out, "%d %x\n", len(b), b)
		for _, after := range []stamp.Micros{0, stamp.Hour, 3 * stamp.Day} {
			if newest := row.Newest(); newest != stamp.NoTime {
				fmt.Fprintf(out, "%x\n", values(mach, &row, newest+after))
			}
		}
	}
	return in.Sum(nil), out.Sum(nil), nil
}

func step(mach *fold.Machine, row *fold.Row, e *asof.Event) {
	ev := wire.Event{Time: e.Time, Offset: e.Offset, Fields: e.Fields}
	if mach.Prepare(&ev).OK() {
		mach.Step(row, e.Source, &ev, e.Stamp)
	}
}

// values are all features at a time, as canonical bytes.
func values(mach *fold.Machine, row *fold.Row, at stamp.Micros) (b []byte) {
	which := make([]int, mach.Program().Features())
	for i := range which {
		which[i] = i
	}
	out := make([]fold.Result, len(which))
	mach.Read(row, at, which, out)
	for _, r := range out {
		b = value.Append(append(b, byte(r.Status)), r.Value)
	}
	return b
}

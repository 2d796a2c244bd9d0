package round

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

func idsHead(lo, hi int64) Header {
	return Header{
		View: "^orders", Instance: "0123456789abcdef", Source: position.Source{Origin: "us", Incarnation: 1}, Partition: 3, Epoch: 7, Round: 1,
		Lo: position.Mark{Next: lo}, Hi: position.Mark{Next: hi},
	}
}

func write(head Header, ids []ID, limit int) [][]byte {
	w := NewIDWriter(head, limit)
	for _, id := range ids {
		w.Add(id)
	}
	return w.Finish()
}

func read(pieces [][]byte) (all []ID, err error) {
	for _, b := range pieces {
		head, at, err := DecodeHeader(b)
		if err != nil {
			return nil, err
		}
		ids, err := DecodeIDs(head, b, at)
		if err != nil {
			return nil, err
		}
		all = append(all, ids...)
	}
	return all, nil
}

func TestIDsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := int64(rapid.IntRange(0, 1000).Draw(t, "lo"))
		offset, last, ms := lo, stamp.Stamp(0), int64(978307200000)
		var ids []ID
		for range rapid.IntRange(0, 40).Draw(t, "ids") {
			offset += int64(rapid.IntRange(0, 3).Draw(t, "gap"))
			ms += rapid.SampledFrom([]int64{0, 0, 1, 90_000, -5}).Draw(t, "ms")
			last = stamp.Next(last, ms)
			ids = append(ids, ID{Hash: rapid.Uint64().Draw(t, "hash"), Stamp: last, Offset: offset})
			offset++
		}
		got, err := read(write(idsHead(lo, offset), ids, rapid.SampledFrom([]int{1, 50, 1 << 20}).Draw(t, "limit")))
		if err != nil || !slices.Equal(got, ids) {
			t.Fatalf("%v, %v, want %v", got, err, ids)
		}
	})
}

func TestIDsOutsideTheRoundAreRefused(t *testing.T) {
	at := stamp.Next(0, 1000)
	for name, ids := range map[string][]ID{
		"below":        {{Offset: 4, Stamp: at}},
		"beyond":       {{Offset: 9, Stamp: at}},
		"repeated":     {{Offset: 5, Stamp: at}, {Offset: 5, Stamp: at + 1}},
		"equal stamps": {{Offset: 5, Stamp: at}, {Offset: 6, Stamp: at}},
	} {
		if got, err := read(write(idsHead(5, 9), ids, 1<<20)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAnIDTakesAboutTenBytes(t *testing.T) {
	var ids []ID
	last := stamp.Next(0, 978307200000)
	for i := range int64(10_000) {
		last = stamp.Next(last, 978307200000+i/3)
		ids = append(ids, ID{Hash: uint64(i) * 0x9e3779b97f4a7c15, Stamp: last, Offset: i})
	}
	total := 0
	for _, b := range write(idsHead(0, 10_000), ids, 256<<10) {
		total += len(b)
	}
	if each := float64(total) / 10_000; each > 11.1 {
		t.Errorf("%.2f bytes an id before compression", each)
	}
}

func TestRetractionsWaitForWhatTheyCorrect(t *testing.T) {
	head := idsHead(0, 5)
	head.Source, head.After = head.Source.Retractions(), 7
	pieces := write(head, nil, 1)
	head, _, err := DecodeHeader(pieces[0])
	if err != nil || head.After != 7 {
		t.Fatal(head, err)
	}
	var r Receiver
	if got := r.Step(head, pieces[0], 0, 6); got != Gap {
		t.Errorf("with less folded: %v", got)
	}
	if got := r.Step(head, pieces[0], 0, 7); got != Apply {
		t.Errorf("with as much folded: %v", got)
	}
}

func TestReleasedIDs(t *testing.T) {
	at := stamp.Next(0, 978307200000)
	ids := []ID{{0x0123456789abcdef, at, 10}, {0xfedcba9876543210, at + 1, 11}, {7, stamp.Next(at, 978307201000), 14}}
	b := write(idsHead(10, 15), ids, 1<<20)[0]
	compareVector(t, "piece-ids", b)
	if got, err := read([][]byte{readVector(t, "piece-ids")}); err != nil || !slices.Equal(got, ids) {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzDecodeIDs(f *testing.F) {
	f.Add(write(idsHead(0, 5), []ID{{1, 1 << 16, 0}, {2, 1<<16 | 1, 3}}, 1<<20)[0])
	f.Fuzz(func(t *testing.T, b []byte) {
		head, at, err := DecodeHeader(b)
		if err != nil {
			return
		}
		ids, err := DecodeIDs(head, b, at)
		if err != nil {
			return
		}
		body := NewIDWriter(head, 1<<30)
		for _, id := range ids {
			body.Add(id)
		}
		body.Finish()
		if again := body.pieces[0]; string(again) != string(b[at:]) {
			t.Fatalf("%x reads and is written as %x", b[at:], again)
		}
	})
}

package wire

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/stamp"
)

func retraction() Retraction {
	return Retraction{Stream: "orders", Incarnation: 1, Offset: 1041, Stamp: stamp.Next(0, 978307200000) + 3, AppendMillis: 978307200000, Value: append(AppendFrame(nil, 7), "body"...)}
}

func TestARetractionReadsBack(t *testing.T) {
	want := retraction()
	b := want.Append(nil)
	got, err := DecodeRetraction(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	released, err := os.ReadFile("../../testdata/vectors/v1/online/retraction.hex")
	if err != nil {
		t.Fatal(err)
	}
	if have := hex.EncodeToString(b); have != strings.TrimSpace(string(released)) {
		t.Errorf("released bytes\n%s\nthis code writes\n%s", released, have)
	}
	rec := got.Record([]byte("k"), nil, 3)
	if rec.Offset != want.Offset || rec.AppendMillis != want.AppendMillis || !bytes.Equal(rec.Value, want.Value) || rec.Partition != 3 || string(rec.Key) != "k" {
		t.Errorf("%+v", rec)
	}
}

func TestWhatIsNoRetractionIsRefused(t *testing.T) {
	whole := retraction()
	b := whole.Append(nil)
	for n := range len(b) - len("body") {
		if _, err := DecodeRetraction(b[:n]); err == nil {
			t.Errorf("%d of %d bytes are a retraction", n, len(b))
		}
	}
	b[0] = 2
	if _, err := DecodeRetraction(b); err == nil || !strings.Contains(err.Error(), "not version 1") {
		t.Error(err)
	}
}

func TestRetractedIDs(t *testing.T) {
	for _, offset := range []int64{0, 1, 1 << 40} {
		if got, ok := Retracted(RetractedID(offset)); !ok || got != offset {
			t.Errorf("%d, %t, want %d", got, ok, offset)
		}
	}
	if _, ok := Retracted([]byte("short")); ok {
		t.Error("any id is one")
	}
}

func FuzzDecodeRetraction(f *testing.F) {
	r := retraction()
	f.Add(r.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeRetraction(b); err == nil && !bytes.Equal(r.Append(nil), b) {
			t.Fatalf("%x reads and is written as %x", b, r.Append(nil))
		}
	})
}

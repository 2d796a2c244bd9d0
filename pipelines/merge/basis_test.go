package merge

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestBasisBytes(t *testing.T) {
	b, err := NewBasis(2, 1, []int32{644245094, -858993459}) // 0.6, -0.8
	if err != nil {
		t.Fatal(err)
	}
	const file, hash = "01020166666626cdcccccc", "9d73cd186a59761d" // version, dim, rank, items; of sha256sum
	if got := hex.EncodeToString(b.AppendBinary(nil)); got != file || b.Hash != hash {
		t.Errorf("bytes %s, hash %s, want %s and %s", got, b.Hash, file, hash)
	}
	again, err := DecodeBasis(b.AppendBinary(nil))
	if err != nil || again.Hash != b.Hash || again.Dim != 2 || again.Rank != 1 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestBasisRefuses(t *testing.T) {
	const one = basisOne
	for _, c := range []struct {
		dim, rank int
		u         []int32
		why       string
	}{
		{0, 1, nil, "basis: dim is 1 to 4096, found 0"},
		{4097, 1, make([]int32, 4097), "basis: dim is 1 to 4096, found 4097"},
		{2, 0, nil, "basis: rank is 1 to 2, found 0"},
		{2, 3, make([]int32, 6), "basis: rank is 1 to 2, found 3"},
		{2, 1, []int32{one}, "basis: 2 x 1 items, at most 65536 in all, found 1"},
		{4096, 17, make([]int32, 4096*17), "basis: 4096 x 17 items, at most 65536 in all, found 69632"},
		{1, 1, []int32{one + 1}, "basis: item 0 is beyond 1"},
		{2, 1, []int32{0, -one - 1}, "basis: item 1 is beyond 1"},
		{2, 1, []int32{one, 1 << 26}, "basis: columns 0 and 0 are not orthonormal"},
		{2, 2, []int32{one, 0, 0, 0}, "basis: columns 1 and 1 are not orthonormal"},
		{2, 2, []int32{one, one, 0, 0}, "basis: columns 0 and 1 are not orthonormal"},
		{2, 2, []int32{one, 1 << 11, 0, one}, "basis: columns 0 and 1 are not orthonormal"}, // 1.9e-6
	} {
		if _, err := NewBasis(c.dim, c.rank, c.u); err == nil || err.Error() != c.why {
			t.Errorf("%d x %d: %v, want %s", c.dim, c.rank, err, c.why)
		}
	}
	if _, err := NewBasis(2, 2, []int32{one, 1 << 9, -1 << 9, one}); err != nil { // 4.8e-7
		t.Error(err)
	}
}

func TestDecodeBasisRefuses(t *testing.T) {
	good, _ := NewBasis(1, 1, []int32{basisOne})
	file := string(good.AppendBinary(nil))
	for b, why := range map[string]string{
		"":                        "basis: not version 1",
		"\x02" + file[1:]:         "basis: not version 1",
		file[:1]:                  "basis: at 1: bad varint",
		file[:4]:                  "basis: 1 bytes of items, want 4 * 1 * 1",
		file + "\x00":             "basis: 5 bytes of items, want 4 * 1 * 1",
		"\x01\x81\x00" + file[2:]: "basis: at 1: bad varint",
		"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01": "basis: 0 bytes of items",
	} {
		if _, err := DecodeBasis([]byte(b)); err == nil || !strings.HasPrefix(err.Error(), why) {
			t.Errorf("%x: %v, want %s", b, err, why)
		}
	}
}

func FuzzDecodeBasis(f *testing.F) {
	for _, b := range []*Basis{hadamard(f, 1, 1), hadamard(f, 4, 3), hadamard(f, 16, 2)} {
		f.Add(b.AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := DecodeBasis(in)
		if err != nil {
			return
		}
		if out := b.AppendBinary(nil); !bytes.Equal(in, out) {
			t.Fatalf("%x written back as %x", in, out)
		}
		if s := (Spec{Kind: LowRank, Input: floats, Basis: b}); s.Validate() != nil || !s.New().Value().IsNull() {
			t.Fatalf("%x cannot be used: %v", in, s.Validate())
		}
	})
}

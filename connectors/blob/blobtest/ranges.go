package blobtest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"

	"anabranch.dev/anabranch/connectors/blob"
)

func mustOpen(t *testing.T, s blob.Store, name string, size int64) blob.Object {
	t.Helper()
	o, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	if o.Size() != size {
		t.Fatalf("open %q: size %d, want %d", name, o.Size(), size)
	}
	return o
}

// wantRange compares one ReadAt with what the same read of a bytes.Reader gives, error included.
func wantRange(t *testing.T, o blob.Object, data []byte, off int64, n int) {
	t.Helper()
	got, want := make([]byte, n), make([]byte, n)
	gotN, gotErr := o.ReadAt(got, off)
	wantN, wantErr := bytes.NewReader(data).ReadAt(want, off)
	endOK := wantErr == nil && gotErr == io.EOF && off+int64(n) == int64(len(data)) // io.ReaderAt allows either
	if gotN != wantN || !bytes.Equal(got[:gotN], want[:wantN]) || (gotErr != wantErr && !endOK) {
		t.Errorf("read %d at %d of %d: %d bytes, %v; want %d, %v", n, off, len(data), gotN, gotErr, wantN, wantErr)
	}
}

func testRanges(t *testing.T, s blob.Store) {
	for i, size := range []int{0, 1, 64 << 10, 64<<10 + 1, 1<<20 + 17} {
		data, name := noise(size, uint64(i)), fmt.Sprint("r/", i)
		mustCreate(t, s, name, data)
		o := mustOpen(t, s, name, int64(size))
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		for _, off := range []int64{0, 1, int64(size) - 1, int64(size), int64(size) + 1, int64(size) / 2} {
			for _, n := range []int{0, 1, 10, size, size + 1} {
				if off >= 0 && (n > 0 || off < int64(size)) {
					wantRange(t, o, data, off, n)
				}
			}
		}
		var wg sync.WaitGroup
		for range 4 {
			seed := rng.Uint64()
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(2, seed))
				for range 25 {
					wantRange(t, o, data, rng.Int64N(int64(size)+1), 1+rng.IntN(size+2)>>rng.IntN(16))
				}
			})
		}
		wg.Wait()
		if _, err := o.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
			t.Errorf("read at -1: error is %v", err)
		}
	}
}

func testBig(t *testing.T, s blob.Store) {
	data := noise(bigBytes, 3)
	info, err := s.Upload(t.Context(), "big/1", iotest.HalfReader(bytes.NewReader(data)))
	if err != nil || info.SizeBytes != bigBytes || info.Name != "big/1" {
		t.Fatalf("upload: %+v, %v", info, err)
	}
	wantObject(t, s, "big/1", data)
	o := mustOpen(t, s, "big/1", bigBytes)
	for _, off := range []int64{0, 8<<20 - 10, 16<<20 - 1, bigBytes - 70000, bigBytes - 5} {
		wantRange(t, o, data, off, 20)
		wantRange(t, o, data, off, 3<<20)
	}
	got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("sequential read: %d bytes, %v", len(got), err)
	}
}

package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
)

// bigBytes is the size of the suite's large object: several parts of a multipart upload and a rest.
const bigBytes = 21<<20 + 12345

// Run holds the stores that open returns to the contract of package blob. open is called once for each subtest and
// returns an empty store; what it needs to clean up it registers with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s blob.Store)
	}{
		{"what was created is read back", testReadback},
		{"a missing object is ErrNotFound", testNotFound},
		{"create never replaces", testCreateExists},
		{"concurrent creates have one winner", testOneWinner},
		{"readers never see a part", testWholeOrNothing},
		{"caller keeps its slices", testOwnership},
		{"names are checked", testNames},
		{"list is sorted and filtered", testList},
		{"delete is idempotent", testDelete},
		{"ranges match the whole", testRanges},
		{"a big object survives", testBig},
		{"an upload can be repeated", testUploadAgain},
		{"a broken source leaves nothing", testBrokenSource},
		{"open objects never mix contents", testReplacedWhileOpen},
		{"any sequence of operations equals a map", testModel},
		{"a done context stops everything", testContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func noise(n int, seed uint64) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	data := make([]byte, n)
	rand.NewChaCha8(key).Read(data)
	return data
}

func mustCreate(t *testing.T, s blob.Store, name string, data []byte) {
	t.Helper()
	if err := s.Create(t.Context(), name, data); err != nil {
		t.Fatal(err)
	}
}

func wantObject(t *testing.T, s blob.Store, name string, want []byte) {
	t.Helper()
	got, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("get %q: %d bytes that differ from the %d written", name, len(got), len(want))
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
	for _, other := range []error{blob.ErrExists, blob.ErrNotFound, blob.ErrUnknown} {
		if other != want && errors.Is(err, other) {
			t.Fatalf("error %v is also %v", err, other)
		}
	}
}

func testReadback(t *testing.T, s blob.Store) {
	for i, size := range []int{0, 1, 100, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1 << 20} {
		for j, name := range []string{"a%d", "dir/b%d", "d/e/e_p/view@v1/x=1/c%d.parquet"} {
			data, name := noise(size, uint64(i*8+j)), fmt.Sprintf(name, i)
			mustCreate(t, s, name, data)
			wantObject(t, s, name, data)
		}
	}
}

func testNotFound(t *testing.T, s blob.Store) {
	mustCreate(t, s, "dir/x", []byte("x"))
	for _, name := range []string{"y", "dir", "dir/y", "dir/x/z", "other/dir/x"} {
		_, err := s.Get(t.Context(), name)
		wantError(t, err, blob.ErrNotFound)
		_, err = s.Open(t.Context(), name)
		wantError(t, err, blob.ErrNotFound)
	}
}

func testCreateExists(t *testing.T, s blob.Store) {
	mustCreate(t, s, "n/1", []byte("first"))
	wantError(t, s.Create(t.Context(), "n/1", []byte("second")), blob.ErrExists)
	wantError(t, s.Create(t.Context(), "n/1", []byte("first")), blob.ErrExists)
	wantObject(t, s, "n/1", []byte("first"))
}

func testOneWinner(t *testing.T, s blob.Store) {
	const names, writers = 12, 12
	won := make([][]int, names)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range names {
				err := s.Create(t.Context(), fmt.Sprintf("log/%03d", n), noise(1000+w, uint64(w)))
				if err == nil {
					mu.Lock()
					won[n] = append(won[n], w)
					mu.Unlock()
				} else if !errors.Is(err, blob.ErrExists) {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	wg.Wait()
	for n, winners := range won {
		if len(winners) != 1 {
			t.Fatalf("object %d was created by writers %v, want exactly one", n, winners)
		}
		wantObject(t, s, fmt.Sprintf("log/%03d", n), noise(1000+winners[0], uint64(winners[0])))
	}
}

// testWholeOrNothing reads names while they are being written.
func testWholeOrNothing(t *testing.T, s blob.Store) {
	const names, size = 10, 1 << 20
	data := noise(size, 7)
	var wg sync.WaitGroup
	for n := range names {
		name := fmt.Sprintf("w/%d", n)
		wg.Go(func() {
			if n%2 == 0 {
				if err := s.Create(t.Context(), name, data); err != nil {
					t.Error(err)
				}
			} else if _, err := s.Upload(t.Context(), name, bytes.NewReader(data)); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			got, err := s.Get(t.Context(), name)
			for ; errors.Is(err, blob.ErrNotFound); got, err = s.Get(t.Context(), name) {
				time.Sleep(time.Millisecond)
			}
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d of %d bytes, %v", name, len(got), size, err)
			}
		})
	}
	wg.Wait()
}

func testOwnership(t *testing.T, s blob.Store) {
	data := []byte("mine")
	mustCreate(t, s, "o", data)
	copy(data, "XXXX")
	got, err := s.Get(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	copy(got, "YYYY")
	wantObject(t, s, "o", []byte("mine"))
}

func testNames(t *testing.T, s blob.Store) {
	long := strings.Repeat("x", blob.MaxComponentBytes+1)
	for _, name := range []string{"", ".", "..", "/", "/abs", "a/", "a//b", "a/../b", "../a", ".hidden", "a/.tmp/b", "a b", "a\\b", "ä", "a\x00",
		long, strings.Repeat("d/", blob.MaxNameBytes/2+1)} {
		_, getErr := s.Get(t.Context(), name)
		_, openErr := s.Open(t.Context(), name)
		_, upErr := s.Upload(t.Context(), name, strings.NewReader("x"))
		for _, err := range []error{s.Create(t.Context(), name, nil), s.Delete(t.Context(), name), getErr, openErr, upErr} {
			if err == nil || errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrUnknown) {
				t.Fatalf("name %q: error is %v, want a plain one", name, err)
			}
		}
	}
	wantNames(t, s, "")
}

func wantNames(t *testing.T, s blob.Store, prefix string, want ...string) {
	t.Helper()
	infos, err := s.List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range infos {
		got = append(got, i.Name)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("list %q: %q, want %q", prefix, got, want)
	}
}

func testList(t *testing.T, s blob.Store) {
	wantNames(t, s, "")
	wantNames(t, s, "no/such/dir")
	for _, name := range []string{"b/2", "a", "b/10", "b/1", "b-1", "c/d/e"} {
		mustCreate(t, s, name, []byte(name))
	}
	wantNames(t, s, "", "a", "b-1", "b/1", "b/10", "b/2", "c/d/e")
	wantNames(t, s, "b", "b-1", "b/1", "b/10", "b/2")
	wantNames(t, s, "b/", "b/1", "b/10", "b/2")
	wantNames(t, s, "b/1", "b/1", "b/10")
	wantNames(t, s, "c/d/", "c/d/e")
	wantNames(t, s, "c/d/e", "c/d/e")
	wantNames(t, s, "c/x/")
	infos, err := s.List(t.Context(), "c")
	if err != nil || len(infos) != 1 || infos[0].SizeBytes != 5 || time.Since(infos[0].Modified).Abs() > time.Hour {
		t.Fatalf("list c: %+v, %v", infos, err)
	}
}

func testDelete(t *testing.T, s blob.Store) {
	mustCreate(t, s, "d/1", []byte("x"))
	mustCreate(t, s, "d/2", []byte("y"))
	for range 2 {
		if err := s.Delete(t.Context(), "d/1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), "d"); err != nil { // no object, though others stand below
		t.Fatal(err)
	}
	wantNames(t, s, "", "d/2")
	mustCreate(t, s, "d/1", []byte("again"))
	wantObject(t, s, "d/1", []byte("again"))
}

func testUploadAgain(t *testing.T, s blob.Store) {
	data := noise(100_000, 4)
	for range 2 {
		if _, err := s.Upload(t.Context(), "u/unique", bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		wantObject(t, s, "u/unique", data)
	}
	wantError(t, s.Create(t.Context(), "u/unique", data), blob.ErrExists)
}

func testBrokenSource(t *testing.T, s blob.Store) {
	broken := errors.New("source broke")
	for i, size := range []int{0, 1000, 9 << 20} {
		name := fmt.Sprint("broken/", i)
		_, err := s.Upload(t.Context(), name, io.MultiReader(bytes.NewReader(noise(size, 5)), iotest.ErrReader(broken)))
		wantError(t, err, broken)
		_, err = s.Get(t.Context(), name)
		wantError(t, err, blob.ErrNotFound)
	}
	wantNames(t, s, "")
}

// testReplacedWhileOpen replaces an object under an open reader, which callers never do: the reader must get the old
// bytes, or an error, or (if it fetched nothing yet) the new ones, never a mixture.
func testReplacedWhileOpen(t *testing.T, s blob.Store) {
	const size = 3 << 20
	before, after := bytes.Repeat([]byte("a"), size), bytes.Repeat([]byte("b"), size)
	if _, err := s.Upload(t.Context(), "x", bytes.NewReader(before)); err != nil {
		t.Fatal(err)
	}
	o := mustOpen(t, s, "x", size)
	wantRange(t, o, before, 0, 10)
	if _, err := s.Upload(t.Context(), "x", bytes.NewReader(after)); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(p)) {
		if n, err := o.ReadAt(p, off); n > 0 && (err == nil || err == io.EOF) && !bytes.Equal(p[:n], before[:n]) {
			t.Fatalf("read at %d shows the new content to a reader of the old", off)
		}
	}
}

func testContext(t *testing.T, s blob.Store) {
	mustCreate(t, s, "c/1", noise(200_000, 6))
	ctx, cancel := context.WithCancel(t.Context())
	o, err := s.Open(ctx, "c/1")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	cancel()
	_, readErr := o.ReadAt(make([]byte, 10), 0)
	_, getErr := s.Get(ctx, "c/1")
	_, openErr := s.Open(ctx, "c/1")
	_, listErr := s.List(ctx, "")
	_, upErr := s.Upload(ctx, "c/2", strings.NewReader("x"))
	for _, err := range []error{readErr, getErr, openErr, listErr, s.Create(ctx, "c/3", nil), s.Delete(ctx, "c/1")} {
		wantError(t, err, context.Canceled)
	}
	if !errors.Is(upErr, context.Canceled) {
		t.Fatalf("upload: %v", upErr)
	}
	wantNames(t, s, "", "c/1")
}

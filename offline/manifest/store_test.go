package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/blob/blobtest"
)

var ctx = context.Background()

func TestLoadFindsTheNewestWhateverTheHintSays(t *testing.T) {
	s := blobtest.NewMemory()
	if got, err := Load(ctx, s, shopOrders); err != nil || got.Number != 0 || got.ID != shopOrders {
		t.Fatalf("no manifest: %+v, %v", got, err)
	}
	m := begun(t, 1)
	for n := int64(1); n <= 40; n++ {
		if err := Commit(ctx, s, m); err != nil {
			t.Fatal(err)
		}
		for _, hint := range []string{"", "1", fmt.Sprint(n / 2), fmt.Sprint(n), fmt.Sprint(n + 1), "99999", "-3", "rubbish", "18446744073709551616"} {
			s.Delete(ctx, shopOrders.hint())
			if hint != "" {
				s.Upload(ctx, shopOrders.hint(), strings.NewReader(hint))
			}
			if got, err := Load(ctx, s, shopOrders); err != nil || got.Number != n {
				t.Fatalf("hint %q: loaded %d of %d: %v", hint, got.Number, n, err)
			}
		}
		m = must(t, m, Add{file(fmt.Sprint("f", n), iv(0, n-1, n))})
	}
}

func TestLoadRefusesAnotherTablesManifest(t *testing.T) {
	s := blobtest.NewMemory()
	m := begun(t, 1)
	other := shopOrders
	other.Origin = "us"
	s.Create(ctx, other.manifest(1), m.Encode())
	if _, err := Load(ctx, s, other); err == nil || !strings.Contains(err.Error(), "it is manifest 1 of shop/orders/eu/1") {
		t.Error(err)
	}
}

// appendOne adds one file of one offset at the table's end, as a compactor does.
func appendOne(s blob.Store, writer string) error {
	m, err := Load(ctx, s, shopOrders)
	if err != nil {
		return err
	}
	_, err = Update(ctx, s, m, func(m Manifest) (Manifest, error) {
		if m.Number == 0 {
			return Next(m, writer, 0, Rewrite{Header: header("h"), Starts: starts(1)})
		}
		next := m.Partitions[0].Mark.Next
		return Next(m, writer, 0, Add{file(writer, iv(0, next, next+1))})
	})
	return err
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	dir, err := blob.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]blob.Store{"memory": blobtest.NewMemory(), "directory": dir} {
		t.Run(name, func(t *testing.T) {
			if err := appendOne(s, "first"); err != nil {
				t.Fatal(err)
			}
			const writers, commits = 6, 8
			var group sync.WaitGroup
			for w := range writers {
				group.Go(func() {
					for c := range commits {
						if err := appendOne(s, fmt.Sprintf("w%dc%d", w, c)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			m, err := Load(ctx, s, shopOrders)
			if err != nil || m.Number != 1+writers*commits || m.Rows() != writers*commits {
				t.Fatalf("manifest %d with %d rows: %v", m.Number, m.Rows(), err)
			}
		})
	}
}

// TestCommitUnderEveryFault repeats a commit until it succeeds, whatever failed, and finds it once.
func TestCommitUnderEveryFault(t *testing.T) {
	blobtest.EachFault(t, func(t *testing.T, s blob.Store, inner *blobtest.Memory, settle func()) {
		m := begun(t, 1)
		changes := []Change{Add{file("a", iv(0, 0, 3))}, Add{file("b", iv(0, 3, 4))}}
		for try := 0; ; try++ {
			err := run(t, s, m, changes)
			if err == nil {
				break
			}
			if !errors.Is(err, blobtest.ErrInjected) || try > 2 {
				t.Fatalf("try %d: %v", try, err)
			}
		}
		settle()
		got, err := Load(ctx, inner, shopOrders)
		if err != nil || got.Number != 3 || got.Rows() != 4 || len(got.Files) != 2 {
			t.Fatalf("manifest %d with %d files: %v", got.Number, len(got.Files), err)
		}
	})
}

func run(t *testing.T, s blob.Store, first Manifest, changes []Change) error {
	m, err := Load(ctx, s, shopOrders)
	if err != nil {
		return err
	}
	m, err = Update(ctx, s, m, func(m Manifest) (Manifest, error) {
		return Next(m, "w", 0, Rewrite{Header: first.Header, Starts: starts(1)})
	})
	for _, c := range changes {
		if err != nil {
			return err
		}
		m, err = Update(ctx, s, m, func(m Manifest) (Manifest, error) { return Next(m, "w", 0, c) })
	}
	return err
}

func TestALostAnswerToAnotherWritersNumberIsAConflict(t *testing.T) {
	inner := blobtest.NewMemory()
	for _, fault := range []blobtest.Fault{blobtest.LostRequest, blobtest.LostReply, blobtest.Delayed} {
		id := shopOrders
		id.Origin = fault.String()
		m := begun(t, 1)
		m.ID = id
		theirs := m
		theirs.Writer = "theirs"
		if err := Commit(ctx, inner, theirs); err != nil {
			t.Fatal(err)
		}
		s := blobtest.NewFaulty(inner)
		s.FailAt(1, fault)
		if err := Commit(ctx, s, m); !errors.Is(err, ErrConflict) {
			t.Errorf("%s: %v", fault, err)
		}
		if err := Commit(ctx, s, theirs); err != nil {
			t.Errorf("%s: our own manifest, found again: %v", fault, err)
		}
	}
}

func TestOrphansAndDamageAreReported(t *testing.T) {
	s := blobtest.NewMemory()
	data := []byte("not really parquet")
	sum := sha256.Sum256(data)
	good := file("good", iv(0, 0, 1))
	good.Length, good.SHA256 = int64(len(data)), hex.EncodeToString(sum[:])
	m := must(t, begun(t, 1), Add{good})
	s.Upload(ctx, shopOrders.File("good.parquet"), strings.NewReader(string(data)))
	s.Upload(ctx, shopOrders.File("lost.parquet"), strings.NewReader("x"))
	orphans, err := Orphans(ctx, s, m)
	if err != nil || len(orphans) != 1 || orphans[0].Name != shopOrders.File("lost.parquet") {
		t.Errorf("%v, %v", orphans, err)
	}
	if err := Verify(ctx, s, shopOrders, good); err != nil {
		t.Error(err)
	}
	s.Upload(ctx, shopOrders.File("good.parquet"), strings.NewReader("damaged, as it is"))
	if err := Verify(ctx, s, shopOrders, good); err == nil {
		t.Error("damage was not found")
	}
}

func FuzzDecode(f *testing.F) {
	m := Manifest{ID: shopOrders}
	m, err := Next(m, "w", 7, Rewrite{Header: header("h"), Starts: starts(2), Files: []File{file("a", iv(0, 0, 5), iv(1, 0, 1)), file("b", iv(1, 1, 2))}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Encode())
	m, err = Next(m, "w", 8, Merge{[]string{"a.parquet", "b.parquet"}, file("merged", iv(0, 0, 5), iv(1, 0, 2))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Encode())
	f.Add([]byte(`{"version":2}`))
	f.Add(append(m.Encode(), "{}"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		again, err := Decode(m.Encode())
		if err != nil || string(again.Encode()) != string(m.Encode()) {
			t.Fatalf("decode of encode: %v", err)
		}
	})
}

func TestDecodeIsStrict(t *testing.T) {
	good := string(encoded(begun(t, 1)))
	for what, c := range map[string]struct{ bad, err string }{
		"unknown member":  {strings.Replace(good, `"number"`, `"extra":1,"number"`, 1), "unknown field"},
		"newer version":   {strings.Replace(good, `"version":1`, `"version":2`, 1), "version 2, this program reads 1"},
		"trailing":        {good + "{}", "after top-level value"},
		"other parent":    {strings.Replace(good, `"parent":0`, `"parent":7`, 1), "number 1 after 7"},
		"truncated":       {good[:len(good)/2], "manifest"},
		"mark of nothing": {strings.Replace(good, `"mark":{"next":0`, `"mark":{"next":5`, 1), "the files reach"},
	} {
		if _, err := Decode([]byte(c.bad)); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", what, err, c.err)
		}
	}
}

func encoded(m Manifest) []byte { return m.Encode() }

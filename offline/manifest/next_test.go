package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

var shopOrders = ID{Project: "shop", Stream: "orders", Source: position.Source{Origin: "eu", Incarnation: 1}}

func header(hash string) Header {
	return Header{StreamHash: hash, Schema: `{"type":"record"}`, Log: Log{ClusterID: "c", Topic: "shop.orders", TopicID: strings.Repeat("a", 32)}}
}

func starts(n int) []Partition {
	list := make([]Partition, n)
	for i := range list {
		list[i].Epoch = -1
	}
	return list
}

func file(name string, ivs ...Interval) File {
	f := File{Name: name + ".parquet", Length: 10, SHA256: fmt.Sprintf("%064x", len(name)), Intervals: ivs}
	for _, iv := range ivs {
		f.Rows += iv.Rows
	}
	if f.Rows > 0 {
		f.MinTime, f.MaxTime, f.MinCreated, f.MaxCreated = 1, 2, 3, 4
	}
	return f
}

func iv(p int32, lo, hi int64) Interval {
	return Interval{Partition: p, Lo: lo, Hi: hi, Rows: hi - lo, Stamp: stamp.Stamp(hi)}
}

func must(t *testing.T, m Manifest, c Change) Manifest {
	t.Helper()
	n, err := Next(m, "w", m.At+1, c)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func begun(t *testing.T, partitions int) Manifest {
	return must(t, Manifest{ID: shopOrders}, Rewrite{Header: header("h1"), Starts: starts(partitions)})
}

func TestFilesCoverEveryOffsetOnce(t *testing.T) {
	m := must(t, begun(t, 2), Add{file("a", iv(0, 0, 5), iv(1, 0, 2))})
	for what, c := range map[string]struct {
		file File
		err  string // empty: accepted
	}{
		"follows":               {file("b", iv(0, 5, 9)), ""},
		"both follow":           {file("b", iv(0, 5, 9), iv(1, 2, 3)), ""},
		"hole":                  {file("b", iv(0, 6, 9)), "hole from offset 5 to 6"},
		"overlap":               {file("b", iv(0, 4, 9)), "begins at offset 4, the table ends at 5"},
		"again, another name":   {file("b", iv(0, 0, 5), iv(1, 0, 2)), "begins at offset 0"},
		"one follows, one not":  {file("b", iv(0, 5, 6), iv(1, 0, 2)), "partition 1: an addition begins at offset 0"},
		"empty interval":        {file("b", iv(0, 5, 5)), "interval [5, 5)"},
		"no such partition":     {file("b", iv(2, 0, 1)), "partition 2 of 2"},
		"partition twice":       {file("b", iv(0, 5, 6), iv(0, 6, 7)), "out of order"},
		"covers nothing":        {file("b"), "covers nothing"},
		"more rows than room":   {file("b", Interval{Partition: 0, Lo: 5, Hi: 6, Rows: 2, Stamp: 9}), "2 rows in the interval"},
		"stamp falls":           {file("b", Interval{Partition: 0, Lo: 5, Hi: 6, Rows: 1, Stamp: 4}), "stamp falls"},
		"other file, same name": {func() File { f := file("a", iv(0, 5, 9)); f.SHA256 = strings.Repeat("0", 64); return f }(), "listed twice"},
		"bad name":              {file("../b", iv(0, 5, 9)), "not a name"},
	} {
		n, err := Next(m, "w", 9, Add{c.file})
		switch {
		case c.err == "" && (err != nil || n.Number != 3 || len(n.Files) != 2):
			t.Errorf("%s: %v, manifest %d with %d files", what, err, n.Number, len(n.Files))
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || n.Number != m.Number):
			t.Errorf("%s: error %v, want %q", what, err, c.err)
		}
	}
	if len(m.Files) != 1 || m.Partitions[0].Mark.Next != 5 {
		t.Error("Next changed the manifest it was given")
	}
}

func TestRepeatedChangesAreNoOps(t *testing.T) {
	m := begun(t, 1)
	merge := Merge{Names: []string{"a.parquet", "b.parquet"}, File: file("abc", iv(0, 0, 9))}
	for _, c := range []Change{
		Rewrite{Header: header("h1"), Starts: starts(1)},
		Add{file("a", iv(0, 0, 5))}, Add{file("b", iv(0, 5, 9))}, merge, Forget{Names: []string{"a.parquet"}},
	} {
		m = must(t, m, c)
		if again := must(t, m, c); again.Number != m.Number || again.Writer != m.Writer {
			t.Errorf("%T: repeated, it made manifest %d after %d", c, again.Number, m.Number)
		}
	}
	if len(m.Retired) != 1 || m.Retired[0].Name != "b.parquet" || len(m.Files) != 1 {
		t.Errorf("%+v", m)
	}
}

func TestMergeReplacesExactlyWhatItCovers(t *testing.T) {
	m := begun(t, 2)
	for _, f := range []File{file("a", iv(0, 0, 5)), file("b", iv(1, 0, 4)), file("c", iv(0, 5, 7), iv(1, 4, 5)), file("d", iv(0, 7, 8))} {
		m = must(t, m, Add{f})
	}
	abc := file("merged", iv(0, 0, 7), iv(1, 0, 5))
	for what, c := range map[string]struct {
		merge Merge
		ok    bool
	}{
		"whole":         {Merge{[]string{"a.parquet", "b.parquet", "c.parquet"}, abc}, true},
		"out of order":  {Merge{[]string{"b.parquet", "a.parquet", "c.parquet"}, abc}, false},
		"not adjacent":  {Merge{[]string{"a.parquet", "c.parquet"}, abc}, false},
		"fewer rows":    {Merge{[]string{"a.parquet", "b.parquet"}, abc}, false},
		"unknown file":  {Merge{[]string{"x.parquet"}, abc}, false},
		"beyond end":    {Merge{[]string{"c.parquet", "d.parquet", "e.parquet"}, abc}, false},
		"nothing":       {Merge{nil, abc}, false},
		"own name kept": {Merge{[]string{"a.parquet", "b.parquet", "c.parquet"}, func() File { f := abc; f.Name = "a.parquet"; return f }()}, false},
	} {
		n, err := Next(m, "w", 100, c.merge)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
		if c.ok && (len(n.Files) != 2 || n.Files[0].Name != "merged.parquet" || len(n.Retired) != 3 || n.Partitions[0].Mark != m.Partitions[0].Mark) {
			t.Errorf("%s: %+v", what, n)
		}
	}
}

func TestRewriteRetiresEverything(t *testing.T) {
	m := must(t, begun(t, 1), Add{file("a", iv(0, 0, 5))})
	m = must(t, m, Rewrite{Header: header("h2"), Starts: starts(2), Files: []File{file("b", iv(0, 0, 9)), file("c", iv(0, 9, 10), iv(1, 0, 3))}})
	if len(m.Files) != 2 || len(m.Partitions) != 2 || m.Partitions[0].Mark.Next != 10 || m.Partitions[1].Mark.Next != 3 || m.Header.StreamHash != "h2" {
		t.Errorf("%+v", m)
	}
	if len(m.Retired) != 1 || m.Retired[0] != (Retired{"a.parquet", 3, m.At}) {
		t.Errorf("retired %+v", m.Retired)
	}
}

func TestFilesExpireOnlyAfterTheGracePeriod(t *testing.T) {
	m := must(t, begun(t, 1), Add{file("a", iv(0, 0, 5))})
	m, err := Next(m, "w", 1000, Merge{[]string{"a.parquet"}, file("merged", iv(0, 0, 5))})
	if err != nil {
		t.Fatal(err)
	}
	// A reader may have loaded manifest 2, which lists a, until 1000.
	if got := m.Expired(1000); len(got) != 0 {
		t.Errorf("expired at once: %v", got)
	}
	if got := m.Expired(1001); !slices.Equal(got, []string{"a.parquet"}) {
		t.Errorf("expired %v", got)
	}
	late, err := Next(m, "w", 5, Add{file("b", iv(0, 5, 6))}) // a writer whose clock is behind
	if err != nil || late.At < m.At {
		t.Errorf("time went back from %v to %v (%v)", m.At, late.At, err)
	}
}

// TestMarksFollowAModel adds and merges at random and compares with one set of offsets for each partition.
func TestMarksFollowAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const partitions = 3
		m, err := Next(Manifest{ID: shopOrders}, "w", 0, Rewrite{Header: header("h"), Starts: starts(partitions)})
		if err != nil {
			t.Fatal(err)
		}
		covered := [partitions]map[int64]bool{{}, {}, {}}
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			if len(m.Files) > 1 && rapid.Bool().Draw(t, "merge") {
				m = mergeSome(t, m, step)
			} else {
				m = addSome(t, m, step, &covered)
			}
			for p := range partitions {
				if n := int64(len(covered[p])); m.Partitions[p].Mark.Next != n {
					t.Fatalf("partition %d: mark %d, %d offsets are covered", p, m.Partitions[p].Mark.Next, n)
				}
			}
			if back, err := Decode(m.Encode()); err != nil || string(back.Encode()) != string(m.Encode()) {
				t.Fatalf("decode of encode: %v", err)
			}
		}
	})
}

func addSome(t *rapid.T, m Manifest, step int, covered *[3]map[int64]bool) Manifest {
	var ivs []Interval
	fits := true
	for p := range covered {
		lo := rapid.Int64Range(0, int64(len(covered[p]))+2).Draw(t, "lo")
		hi := lo + rapid.Int64Range(0, 4).Draw(t, "length")
		if rapid.IntRange(0, 3).Draw(t, "near") > 0 {
			lo = int64(len(covered[p]))
			hi = max(hi, lo)
		}
		if hi > lo {
			ivs = append(ivs, iv(int32(p), lo, hi))
			fits = fits && lo == int64(len(covered[p]))
		}
	}
	fits = fits && len(ivs) > 0
	n, err := Next(m, "w", 0, Add{file(fmt.Sprint("f", step), ivs...)})
	if (err == nil) != fits {
		t.Fatalf("add %v: %v", ivs, err)
	}
	if err != nil {
		return m
	}
	for _, v := range ivs {
		for o := v.Lo; o < v.Hi; o++ {
			if covered[v.Partition][o] {
				t.Fatalf("offset %d of partition %d is covered twice", o, v.Partition)
			}
			covered[v.Partition][o] = true
		}
	}
	return n
}

func mergeSome(t *rapid.T, m Manifest, step int) Manifest {
	from := rapid.IntRange(0, len(m.Files)-1).Draw(t, "from")
	to := rapid.IntRange(from+1, len(m.Files)).Draw(t, "to")
	f := Union(m.Files[from:to])
	f.Name, f.Length, f.SHA256 = fmt.Sprint("m", step, ".parquet"), 1, strings.Repeat("b", 64)
	var names []string
	for _, old := range m.Files[from:to] {
		names = append(names, old.Name)
	}
	n, err := Next(m, "w", 0, Merge{names, f})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOverlapIsTyped(t *testing.T) {
	m := must(t, begun(t, 1), Add{file("a", iv(0, 0, 5))})
	_, err := Next(m, "w", 0, Add{file("b", iv(0, 3, 6))})
	if e, ok := errors.AsType[*OverlapError](err); !ok || e.Lo != 3 || e.Next != 5 || e.Partition != 0 {
		t.Errorf("%v", err)
	}
}

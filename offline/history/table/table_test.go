package table

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

var user = &definition.Entity{Name: "user", JoinKeys: []definition.JoinKey{{Name: "user_id", Type: value.String}}}

// stream has fields of these names: the first a string, the others int64, and those that begin with ? unusable.
func stream(names ...string) *definition.Stream {
	s := &definition.Stream{Name: "s", Partitions: 4, EventID: definition.EventID{Field: 0}}
	for i, name := range names {
		f := definition.Field{Name: strings.TrimPrefix(name, "?"), Type: value.Of(value.Int64)}
		if i == 0 {
			f.Type = value.Of(value.String)
		}
		if name[0] == '?' {
			f.Type = value.Type{}
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

func TestColumnsNeverClashWithFields(t *testing.T) {
	for what, c := range map[string]struct {
		fields []string
		key    string
	}{
		"plain":         {[]string{"name", "key"}, "__key"},
		"taken":         {[]string{"name", "__offset"}, "___key"},
		"in other case": {[]string{"name", "__OFFSET"}, "___key"},
		"taken twice":   {[]string{"name", "__key", "___stamp"}, "____key"},
		"of no column":  {[]string{"name", "__other"}, "__key"},
	} {
		l := Full(stream(c.fields...), user)
		if l.Key() != c.key || l.Schema.Validate() != nil || len(l.Schema) != len(c.fields)+len(systemNames) {
			t.Errorf("%s: key in %q, columns %q", what, l.Key(), l.Schema.Names())
		}
	}
}

func TestLayoutsHaveTheirColumns(t *testing.T) {
	s := stream("name", "n", "?map")
	full, few := Full(s, user), Project(s, user, []bool{false, true, true}, true)
	if got := strings.Join(full.Schema.Names(), " "); got != "name n map __key __event_timestamp __created_timestamp __append_time __partition __offset __stamp __event_id __schema_id __observed" {
		t.Errorf("full: %s", got)
	}
	if got := strings.Join(few.Schema.Names(), " "); got != "n __key __event_timestamp __created_timestamp __partition __offset __stamp __event_id __observed" {
		t.Errorf("projected: %s", got)
	}
	if !slices.Equal(few.Fields(), []int{1}) || full.Schema[2].Type.Kind != value.Bytes || !full.Schema[2].Nullable {
		t.Errorf("%v, %+v", few.Fields(), full.Schema[2])
	}
	raw := Full(s, &definition.Entity{JoinKeys: []definition.JoinKey{{Name: "k", Type: value.Bytes}}})
	if k := raw.Schema[raw.Schema.Index("__key")]; k.Type.Kind != value.Bytes {
		t.Errorf("a bytes key is kept as %s", k.Type)
	}
}

// plain is one row as the model has it.
type plain struct {
	partition    int32
	key          string
	time, offset int64
	stamp        stamp.Stamp
	n            int64
	id, observed string
}

func (p plain) row(raw []byte) Row {
	ev := &wire.Event{
		Key: []byte(p.key), Time: stamp.Micros(p.time), Created: stamp.Micros(p.time + 5), Partition: p.partition, Offset: p.offset,
		ID: []byte(p.id), HasID: p.id != "", Observed: optional(p.observed), SchemaID: 7,
		Fields: []value.Value{{Kind: value.String, B: []byte("name-" + p.key)}, {Kind: value.Int64, N: p.n}, {}},
	}
	return Row{Event: ev, Stamp: p.stamp, AppendMillis: 11, Raw: func(field int) ([]byte, bool) { return raw, field == 2 && raw != nil }}
}

// optional is nil for an empty text.
func optional(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func drawRows(t *rapid.T) []plain {
	var rows []plain
	next := map[int32]int64{}
	for range rapid.IntRange(0, 120).Draw(t, "rows") {
		p := plain{
			partition: rapid.Int32Range(0, 3).Draw(t, "partition"),
			key:       strings.Repeat("k", rapid.IntRange(0, 10).Draw(t, "common")) + rapid.SampledFrom([]string{"", "a", "b", "\x00", "ÿ"}).Draw(t, "key"),
			time:      rapid.Int64Range(-3, 3).Draw(t, "time"), n: rapid.Int64().Draw(t, "n"),
			id: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "id"), observed: rapid.SampledFrom([]string{"", "t1", "t2"}).Draw(t, "observed"),
		}
		p.offset, p.stamp = next[p.partition], stamp.Stamp(1<<62+next[p.partition])
		next[p.partition] += rapid.Int64Range(1, 3).Draw(t, "step")
		rows = append(rows, p)
	}
	return rows
}

func sorted(rows []plain) []plain {
	out := slices.Clone(rows)
	slices.SortFunc(out, func(a, b plain) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), strings.Compare(a.key, b.key), cmp.Compare(a.time, b.time), cmp.Compare(a.stamp, b.stamp))
	})
	return out
}

func fileOf(t interface{ Fatal(...any) }, l *Layout, rows []plain, groupRows int) *columnar.File {
	b := columnar.NewBatch(l.Schema)
	for _, p := range rows {
		l.Append(b, p.row([]byte("map")))
	}
	var buf bytes.Buffer
	w, err := l.NewWriter(&buf, Options{GroupRows: groupRows})
	if err == nil {
		err = w.AppendRuns(b, l.Sort(b))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := columnar.Open(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// read is what a cursor or a merge says of its row.
func read(c *Cursor) plain {
	b, i := c.Row()
	id, _ := c.ID()
	seen, _ := c.Observed()
	p := plain{observed: string(seen), partition: c.Partition(), key: string(c.Key()), time: int64(c.Time()), offset: c.Offset(), stamp: c.Stamp(), id: string(id)}
	if col := b.Column("n"); col != nil {
		p.n = col.N[i]
	}
	return p
}

// TestMergedRunsAreTheSortedRows spreads rows over files and memory and reads them back, with and without a set of keys.
func TestMergedRunsAreTheSortedRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := stream("name", "n", "?map")
		observed := rapid.Bool().Draw(t, "observed tokens")
		full, few := Full(s, user), Project(s, user, []bool{false, true, false}, observed)
		rows := drawRows(t)
		for i := range rows {
			if !observed {
				rows[i].observed = ""
			}
		}
		parts := make([][]plain, 3)
		for _, p := range rows {
			i := rapid.IntRange(0, 2).Draw(t, "part")
			parts[i] = append(parts[i], p)
		}
		groups := rapid.IntRange(1, 20).Draw(t, "group rows")
		files := []*columnar.File{fileOf(t, full, parts[0], groups), fileOf(t, full, parts[1], groups)}
		memory := columnar.NewBatch(few.Schema)
		for _, p := range parts[2] {
			few.Append(memory, p.row(nil))
		}
		runs := few.Sort(memory)
		var keys Keys
		if rapid.Bool().Draw(t, "few keys") {
			keys = drawKeys(t, rows)
		}
		var got []plain
		for partition := range s.Partitions {
			got = append(got, mergeAll(t, few, files, memory, runs, partition, keys)...)
		}
		want := slices.DeleteFunc(sorted(rows), func(p plain) bool {
			return keys != nil && !slices.ContainsFunc(keys, func(k []byte) bool { return string(k) == p.key })
		})
		if !slices.Equal(got, want) {
			t.Fatalf("keys %q:\n got %v\nwant %v", keys, got, want)
		}
	})
}

func mergeAll(t *rapid.T, l *Layout, files []*columnar.File, memory *columnar.Batch, runs []Run, partition int32, keys Keys) (got []plain) {
	var cursors []*Cursor
	for i, f := range files {
		if err := l.Check(f); err != nil {
			t.Fatal(err)
		}
		c, err := l.OfFile(f, partition, keys, i)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		cursors = append(cursors, c)
	}
	for _, run := range runs {
		if run.Partition == partition {
			cursors = append(cursors, l.OfRun(memory, run, keys, 2))
		}
	}
	m, err := NewMerge(cursors)
	for ; err == nil && m.Top() != nil; err = m.Step() {
		got = append(got, read(m.Top()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func drawKeys(t *rapid.T, rows []plain) Keys {
	set := map[string]bool{}
	for range rapid.IntRange(0, 50).Draw(t, "keys") {
		if len(rows) > 0 && rapid.Bool().Draw(t, "known") {
			set[rows[rapid.IntRange(0, len(rows)-1).Draw(t, "row")].key] = true
		} else {
			set[rapid.StringN(0, 4, -1).Draw(t, "unknown")] = true
		}
	}
	keys := Keys{}
	for k := range set {
		keys = append(keys, []byte(k))
	}
	slices.SortFunc(keys, bytes.Compare)
	return keys
}

func TestKeysFromIsALinearSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := drawKeys(t, nil)
		x := []byte(rapid.StringN(0, 4, -1).Draw(t, "x"))
		from := rapid.IntRange(0, len(keys)).Draw(t, "from")
		want := from
		for want < len(keys) && bytes.Compare(keys[want], x) < 0 {
			want++
		}
		if got := keys.from(from, x); got != want {
			t.Fatalf("from(%d, %q) in %q is %d, want %d", from, x, keys, got, want)
		}
	})
}

func TestRowGroupsWithoutAWantedKeyArePassedOver(t *testing.T) {
	l := Full(stream("name", "n", "?map"), user)
	var rows []plain
	for i := range int64(40) {
		rows = append(rows, plain{key: fmt.Sprintf("k%02d", 2*i), offset: i, stamp: stamp.Stamp(i), time: 1})
	}
	f := fileOf(t, l, rows, 10)
	for what, c := range map[string]struct {
		keys   []string
		groups int
	}{
		"all":                     {nil, 4},
		"one":                     {[]string{"k20"}, 1},
		"outside the bounds":      {[]string{"a", "z"}, 0},
		"between, by the filters": {[]string{"k21", "k23", "k61"}, 0},
		"in two":                  {[]string{"k00", "k01", "k78"}, 2},
	} {
		var keys Keys
		for _, k := range c.keys {
			keys = append(keys, []byte(k))
		}
		cur, err := l.OfFile(f, 0, keys, 0)
		if err != nil || len(cur.groups) != c.groups {
			t.Fatalf("%s: %d row groups, want %d (%v)", what, len(cur.groups), c.groups, err)
		}
	}
	if cur, err := l.OfFile(f, 1, nil, 0); err != nil || len(cur.groups) != 0 {
		t.Fatalf("another partition: %v", err)
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	l := Full(stream("name", "n"), user)
	write := func(schema columnar.Schema, o columnar.Options, rows ...[]value.Value) *columnar.File {
		var buf bytes.Buffer
		w, err := columnar.NewWriter(&buf, schema, o)
		if err != nil {
			t.Fatal(err)
		}
		b := columnar.NewBatch(schema)
		for _, r := range rows {
			b.Append(r...)
		}
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := columnar.Open(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	row := func(partition int64) (r []value.Value) {
		for _, c := range l.Schema {
			switch v := (value.Value{Kind: c.Type.Kind, N: 1}); {
			case c.Name == "__partition":
				r = append(r, value.Value{Kind: value.Int64, N: partition})
			case c.Type.Kind == value.String || c.Type.Kind == value.Bytes:
				r = append(r, value.Value{Kind: c.Type.Kind, B: []byte("x")})
			default:
				r = append(r, v)
			}
		}
		return r
	}
	by := columnar.Options{SortedBy: l.SortedBy()}
	for what, c := range map[string]struct {
		file *columnar.File
		err  string
	}{
		"ours":           {write(l.Schema, by, row(1), row(1)), ""},
		"empty":          {write(l.Schema, by), ""},
		"two partitions": {write(l.Schema, by, row(1), row(2)), "several partitions"},
		"unsorted":       {write(l.Schema, columnar.Options{}, row(1)), "sorted by"},
		"column missing": {write(l.Schema[1:], by, row(1)[1:]), `column "name"`},
	} {
		err := l.Check(c.file)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", what, err, c.err)
		}
	}
}

package compact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/blob/blobtest"
	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/offline/history/historytest"
	"anabranch.dev/anabranch/offline/history/tail"
	"anabranch.dev/anabranch/offline/manifest"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/value"
)

var ctx = context.Background()

func compactor(t testing.TB, p *definition.Project, r *historytest.Region, s blob.Store, change ...func(*Config)) *Compactor {
	t.Helper()
	cfg := Config{
		Project: p, Stream: "orders", Origin: position.Source{Origin: r.Name, Incarnation: 1},
		Kafka: r.Kafka, Registry: r.Registry, Store: s, TempDir: t.TempDir(), Patience: 10 * time.Second,
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func runOnce(t testing.TB, c *Compactor) Result {
	t.Helper()
	res, err := c.RunOnce(historytest.Soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// small makes many files out of few events.
func small(cfg *Config) {
	cfg.MaxRows, cfg.GroupRows = 40, 7
	cfg.Tiers = Tiers{Base: 1, Factor: 1 << 30, MaxBytes: 2} // nothing is merged
}

// row is one row of a table as any reader of Parquet sees it.
type row map[string]value.Value

// rows reads all files that the newest manifest lists, and checks them against what it says of them.
func rows(t testing.TB, c *Compactor, s blob.Store) []row {
	t.Helper()
	m, err := manifest.Load(ctx, s, c.id)
	if err != nil {
		t.Fatal(err)
	}
	var all []row
	for _, f := range m.Files {
		if err := manifest.Verify(ctx, s, m.ID, f); err != nil {
			t.Fatal(err)
		}
		all = append(all, rowsOf(t, s, m.ID, f)...)
	}
	return all
}

func rowsOf(t testing.TB, s blob.Store, id manifest.ID, f manifest.File) []row {
	t.Helper()
	data, err := s.Get(ctx, id.File(f.Name))
	if err != nil {
		t.Fatal(err)
	}
	file, err := columnar.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if file.Rows() != f.Rows {
		t.Fatalf("%s has %d rows, the manifest says %d", f.Name, file.Rows(), f.Rows)
	}
	var all []row
	for g := range file.RowGroups() {
		b := &columnar.Batch{}
		if err := file.ReadRowGroup(g, file.Names(), b); err != nil {
			t.Fatal(err)
		}
		for i := range b.Rows {
			r := row{}
			for c, col := range b.Schema {
				if v := b.Cols[c].At(i); !v.IsNull() {
					r[col.Name] = v.Clone()
				}
			}
			all = append(all, r)
			if p := r["___partition"].N; p != b.Column("___partition").N[0] {
				t.Fatalf("%s: row group %d holds partitions %d and %d", f.Name, g, p, b.Column("___partition").N[0])
			}
		}
	}
	if !slices.IsSortedFunc(all, inOrder) {
		t.Fatalf("%s is not sorted", f.Name)
	}
	for _, r := range all {
		iv, ok := f.Interval(int32(r["___partition"].N))
		if o := r["___offset"].N; !ok || o < iv.Lo || o >= iv.Hi {
			t.Fatalf("%s: offset %d lies outside %+v", f.Name, o, iv)
		}
	}
	return all
}

func inOrder(a, b row) int {
	for _, name := range []string{"___partition", "___key", "___event_timestamp", "___stamp"} {
		if c := value.Compare(a[name], b[name]); c != 0 {
			return c
		}
	}
	return 0
}

// rowOf is the row that an event should be.
func rowOf(ev historytest.Event) row {
	num := func(n int64) value.Value { return value.Value{Kind: value.Int64, N: n} }
	at := func(n int64) value.Value { return value.Value{Kind: value.Timestamp, N: n} }
	r := row{
		"___partition": num(int64(ev.Partition)), "___offset": num(ev.Offset), "___stamp": num(int64(ev.Stamp)),
		"___key": {Kind: value.String, B: []byte(ev.Key)}, "___event_timestamp": at(ev.Time), "___created_timestamp": at(ev.Created),
		"___schema_id": num(int64(ev.SchemaID)), "extra": {Kind: value.Bytes, B: ev.Extra},
	}
	for name, v := range ev.Values {
		r[name] = v
	}
	if ev.HasID {
		r["___event_id"] = value.Value{Kind: value.Bytes, B: []byte(ev.ID)}
	}
	return r
}

// same compares a table with the accepted events of a region, as sets in one order.
func same(t testing.TB, got []row, want []historytest.Event) {
	t.Helper()
	byPosition := func(a, b row) int {
		if c := value.Compare(a["___partition"], b["___partition"]); c != 0 {
			return c
		}
		return value.Compare(a["___offset"], b["___offset"])
	}
	slices.SortFunc(got, byPosition)
	if len(got) != len(want) {
		t.Fatalf("%d rows of %d", len(got), len(want))
	}
	for i, ev := range want {
		w, g := rowOf(ev), got[i]
		if appended := g["___append_time"]; appended.Kind != value.Timestamp || ev.Values["known_at"].N != ev.Created && appended.N != ev.Created {
			t.Fatalf("row %d: append time %v", i, appended)
		}
		delete(g, "___append_time")
		for name := range g {
			if !value.Equal(g[name], w[name]) {
				t.Fatalf("row %d, column %s: %v, want %v", i, name, g[name], w[name])
			}
		}
		if len(g) != len(w) {
			t.Fatalf("row %d has %d values, want %d: %v", i, len(g), len(w), w)
		}
	}
}

func TestTheTableIsTheLog(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	rng := rand.New(rand.NewPCG(1, 2))
	s := blobtest.NewMemory()
	c := compactor(t, p, r, s, small)
	if res := runOnce(t, c); res.Files != 0 || res.Manifest != 1 {
		t.Fatalf("empty log: %+v", res)
	}
	for range 3 {
		r.Send(t, rng, 150)
		var told []Progress
		c.cfg.Progress = func(p Progress) { told = append(told, p) }
		res := runOnce(t, c)
		want := r.Accepted(t)
		same(t, rows(t, c, s), want)
		if res.Files < 2 || res.Events+res.Quarantined != 150 || res.Quarantined == 0 {
			t.Fatalf("%+v", res)
		}
		if last := told[len(told)-1]; last.Total != 150 || last.Read != 150 {
			t.Errorf("progress ended at %+v", last)
		}
		checkFrontier(t, r, res.Frontier)
	}
	if res := runOnce(t, c); res.Files != 0 || res.Manifest == 0 {
		t.Errorf("nothing new: %+v", res)
	}
}

// checkFrontier compares marks with the ends of the log and the stamps of its last records.
func checkFrontier(t testing.TB, r *historytest.Region, f position.Frontier) {
	t.Helper()
	for p, mark := range r.Ends(t) {
		got := f[position.Log{Stream: "orders", Source: position.Source{Origin: r.Name, Incarnation: 1}, Partition: int32(p)}]
		if got != mark {
			t.Fatalf("partition %d: frontier %+v, the log ends at %+v", p, got, mark)
		}
	}
}

func TestMetadataSaysWhatAFileIs(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	r.Send(t, rand.New(rand.NewPCG(3, 3)), 50)
	s := blobtest.NewMemory()
	c := compactor(t, p, r, s, func(cfg *Config) { cfg.Version = "v1.2" })
	runOnce(t, c)
	m, _ := manifest.Load(ctx, s, c.id)
	data, _ := s.Get(ctx, m.ID.File(m.Files[0].Name))
	f, err := columnar.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	meta := f.Metadata()
	iv := m.Files[0].Intervals[0]
	if meta["anabranch.origin"] != "eu" || meta["anabranch.version"] != "v1.2" || meta["anabranch.stream_hash"] != m.Header.StreamHash ||
		!strings.HasPrefix(meta["anabranch.intervals"], fmt.Sprintf("0:0-%d 1:", iv.Hi)) {
		t.Errorf("%v", meta)
	}
	if may, err := f.MayContain(0, "___key", value.Value{Kind: value.String, B: []byte("no such key")}); err != nil || may {
		t.Errorf("no bloom filter on the key: %v %v", may, err)
	}
}

func TestMergingChangesNoRow(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	rng := rand.New(rand.NewPCG(5, 6))
	s := blobtest.NewMemory()
	clock := time.Unix(1_700_000_000, 0)
	c := compactor(t, p, r, s, small, func(cfg *Config) {
		cfg.Tiers = Tiers{Base: 1 << 14, Factor: 4, MaxBytes: 1 << 20}
		cfg.Now, cfg.Grace = func() time.Time { return clock }, time.Hour
	})
	merged := 0
	for range 6 {
		r.Send(t, rng, 130)
		merged += runOnce(t, c).Merged
		same(t, rows(t, c, s), r.Accepted(t))
	}
	m, _ := manifest.Load(ctx, s, c.id)
	if merged < 6 || len(m.Files) > 8 || len(m.Retired) != merged {
		t.Fatalf("%d merged, %d files, %d retired", merged, len(m.Files), len(m.Retired))
	}
	clock = clock.Add(time.Hour)
	if res := runOnce(t, c); res.Deleted != 0 {
		t.Errorf("%d files deleted within the grace period", res.Deleted)
	}
	clock = clock.Add(time.Second)
	if res := runOnce(t, c); res.Deleted != merged {
		t.Errorf("%d files deleted of %d", res.Deleted, merged)
	}
	m, _ = manifest.Load(ctx, s, c.id)
	left, _ := s.List(ctx, m.ID.Files())
	if len(m.Retired) != 0 || len(left) != len(m.Files) {
		t.Errorf("%d retired, %d objects for %d files", len(m.Retired), len(left), len(m.Files))
	}
	same(t, rows(t, c, s), r.Accepted(t))
}

// TestEveryFaultOfTheStore fails each operation in each way and runs again: the rows are there exactly once.
func TestEveryFaultOfTheStore(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	r.Send(t, rand.New(rand.NewPCG(7, 8)), 90)
	want := r.Accepted(t)
	blobtest.EachFault(t, func(t *testing.T, s blob.Store, inner *blobtest.Memory, settle func()) {
		for try := 0; ; try++ {
			c := compactor(t, p, r, s, small, func(cfg *Config) {
				cfg.Tiers, cfg.Grace = Tiers{Base: 1 << 14, Factor: 4, MaxBytes: 1 << 20}, time.Nanosecond
			})
			_, err := c.RunOnce(historytest.Soon(t))
			if err == nil {
				break
			}
			if try > 2 || !errors.Is(err, blobtest.ErrInjected) {
				t.Fatalf("try %d: %v", try, err)
			}
		}
		settle()
		c := compactor(t, p, r, inner, small)
		same(t, rows(t, c, inner), want)
		m, _ := manifest.Load(ctx, inner, c.id)
		if len(m.Files) != 1 || len(m.Retired) != 0 {
			t.Errorf("%d files, %d retired: merging and cleaning up were not part of it", len(m.Files), len(m.Retired))
		}
		orphans, err := manifest.Orphans(ctx, inner, m)
		if err != nil || len(orphans) > 1 {
			t.Errorf("%d orphans of one fault: %v", len(orphans), err)
		}
		runOnce(t, c)
		same(t, rows(t, c, inner), want)
	})
}

func TestRacingCompactorsDoubleNothing(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	rng := rand.New(rand.NewPCG(9, 10))
	s := blobtest.NewMemory()
	lost := 0
	for round := 0; round < 4 || lost == 0 && round < 30; round++ {
		r.Send(t, rng, 150)
		results := make(chan Result)
		for range 3 {
			c := compactor(t, p, r, s, small, func(cfg *Config) { cfg.Tiers = Tiers{Base: 1 << 14, Factor: 4, MaxBytes: 1 << 20} })
			go func() {
				res, err := c.RunOnce(context.Background())
				if err != nil {
					t.Error(err)
				}
				results <- res
			}()
		}
		for range 3 {
			lost += (<-results).Lost
		}
		c := compactor(t, p, r, s)
		same(t, rows(t, c, s), r.Accepted(t))
		m, _ := manifest.Load(ctx, s, c.id)
		if orphans, err := manifest.Orphans(ctx, s, m); err != nil || len(orphans) > 0 {
			t.Errorf("%d orphans: %v", len(orphans), err)
		}
	}
	if lost == 0 {
		t.Error("no race was ever lost: the test raced nothing")
	}
}

func TestAGapHaltsAndSkipsNothing(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	rng := rand.New(rand.NewPCG(11, 12))
	s := blobtest.NewMemory()
	c := compactor(t, p, r, s)
	r.Send(t, rng, 60)
	runOnce(t, c)
	before := rows(t, c, s)
	next := r.Ends(t)[1].Next
	r.Trim(t, 1, next-1) // what is in the table may go
	r.Send(t, rng, 60)
	res := runOnce(t, c)
	if res.Events == 0 {
		t.Fatalf("%+v", res)
	}
	next = res.Frontier[position.Log{Stream: "orders", Source: position.Source{Origin: "eu", Incarnation: 1}, Partition: 1}].Next
	r.Send(t, rng, 60)
	r.Trim(t, 1, next+3)
	_, err := c.RunOnce(historytest.Soon(t))
	gap, ok := errors.AsType[*kafka.GapError](err)
	if !ok || gap.Partition != 1 || gap.Want != next || gap.LogStart != next+3 {
		t.Fatalf("%v", err)
	}
	if !halts(err) || len(rows(t, c, s)) <= len(before) {
		t.Error("a gap must halt compaction and leave the table as it is")
	}
	fresh := compactor(t, p, r, blobtest.NewMemory())
	if _, err := fresh.RunOnce(historytest.Soon(t)); err == nil {
		t.Error("a new table began beyond offset 0 without being told to")
	}
	declared := compactor(t, p, r, blobtest.NewMemory(), func(cfg *Config) {
		cfg.Starts = []position.Mark{{}, {Next: next + 3, Stamp: 5}, {}}
	})
	if res := runOnce(t, declared); res.Events == 0 {
		t.Errorf("declared start: %+v", res)
	}
}

func TestAnotherTopicOfTheNameHalts(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	rng := rand.New(rand.NewPCG(13, 14))
	s := blobtest.NewMemory()
	r.Send(t, rng, 30)
	runOnce(t, compactor(t, p, r, s))
	r.Recreate(t)
	r.Send(t, rng, 90)
	_, err := compactor(t, p, r, s).RunOnce(historytest.Soon(t))
	if _, ok := errors.AsType[*kafka.IdentityError](err); !ok || !halts(err) {
		t.Fatalf("%v", err)
	}
}

func TestAnUnknownSchemaHoldsItsPartitionAlone(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	rng := rand.New(rand.NewPCG(15, 16))
	s := blobtest.NewMemory()
	c := compactor(t, p, r, s, small)
	r.Send(t, rng, 60)
	at := r.Ends(t)[2].Next
	r.SendValue(t, 2, []byte{0, 0, 0, 99, 99, 1, 2, 3})
	r.Send(t, rng, 60)
	ends := r.Ends(t)
	for range 2 {
		res, err := c.RunOnce(historytest.Soon(t))
		e, ok := errors.AsType[*tail.SchemaError](err)
		if !ok || e.Partition != 2 || e.Offset != at || e.ID != 99<<8|99 || halts(err) {
			t.Fatalf("%v", err)
		}
		for i, next := range []int64{ends[0].Next, ends[1].Next, at} {
			log := position.Log{Stream: "orders", Source: position.Source{Origin: "eu", Incarnation: 1}, Partition: int32(i)}
			if got := res.Frontier[log].Next; got != next {
				t.Errorf("partition %d is compacted up to %d, want %d", i, got, next)
			}
		}
	}
}

func TestAChangedDefinitionWritesTheTableAnew(t *testing.T) {
	old, changed := historytest.Project(t, ""), historytest.Project(t, `, {"name": "note", "type": "string", "default": "none"}`)
	r := historytest.Start(t, old, "eu")
	rng := rand.New(rand.NewPCG(17, 18))
	s := blobtest.NewMemory()
	r.Send(t, rng, 90)
	runOnce(t, compactor(t, old, r, s, small))
	before, _ := manifest.Load(ctx, s, manifest.ID{Project: "shop", Stream: "orders", Source: position.Source{Origin: "eu", Incarnation: 1}})
	r.Send(t, rng, 30)
	c := compactor(t, changed, r, s, small)
	res := runOnce(t, c)
	m, _ := manifest.Load(ctx, s, c.id)
	if !res.Rewritten || m.Number != before.Number+1 || len(m.Retired) != len(before.Files) {
		t.Fatalf("%+v; manifest %d after %d with %d retired", res, m.Number, before.Number, len(m.Retired))
	}
	got, want := rows(t, c, s), r.Accepted(t)
	for i := range got {
		note := string(got[i]["note"].B)
		if delete(got[i], "note"); note != "none" && note != "later" {
			t.Fatalf("row %d: note %q", i, note)
		}
	}
	same(t, got, want)
	checkFrontier(t, r, res.Frontier)

	r.Trim(t, 0, 2)
	_, err := compactor(t, old, r, s).RunOnce(historytest.Soon(t))
	if e, ok := errors.AsType[*DefinitionError](err); !ok || e.Have != m.Header.StreamHash || !halts(err) {
		t.Fatalf("the log has lost its start: %v", err)
	}
	if again, _ := manifest.Load(ctx, s, c.id); again.Number != m.Number {
		t.Error("a table that cannot be written anew was changed")
	}
}

func TestRunGoesOnAfterFailuresAndStopsAtAHalt(t *testing.T) {
	p := historytest.Project(t, "")
	r := historytest.Start(t, p, "eu")
	rng := rand.New(rand.NewPCG(19, 20))
	r.Send(t, rng, 60)
	inner := blobtest.NewMemory()
	s := blobtest.NewFaulty(inner)
	s.FailAt(4, blobtest.Refused)
	c := compactor(t, p, r, s)
	done := make(chan error)
	go func() { done <- c.Run(historytest.Soon(t), time.Millisecond) }()
	for {
		if m, err := manifest.Load(ctx, inner, c.id); err == nil && len(m.Files) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	r.Recreate(t)
	// Which of the halts is found depends on when the topic went: before the
	// log is identified, or between that and its being read.
	if err := <-done; !halts(err) {
		t.Errorf("%v", err)
	}
}

package state

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// idProgram is a program of the stream without features, in three regions.
func idProgram(t testing.TB) *fold.Program {
	yaml := slices.Concat([]byte(shopYAML[:len("\nproject: shop\n")]), []byte("regions: [{name: ap}, {name: eu}, {name: us}]\n"), []byte(shopYAML[len("\nproject: shop\nregions: [{name: eu}, {name: us}]\n"):]))
	p, err := definition.Parse([]definition.File{{Name: "shop.yaml", Data: yaml}, {Name: "order.avsc", Data: []byte(orderSchema)}})
	if err != nil {
		t.Fatal(err)
	}
	prog, err := fold.Compile(p, &definition.View{Name: "^orders", Stream: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

// idRegion is one region of a simulation: its log, what it took back of it, and
// a shard of the ids on a disk that crashes.
type idRegion struct {
	src   position.Source
	log   []event
	back  []int64 // offsets, in the order of the log of retractions
	fs    *vfs.MemFS
	store *Store
	shard *Shard
}

type idWorld struct {
	t       testing.TB
	prog    *fold.Program
	rng     *rand.Rand
	regions []*idRegion
	closed  *Closings
}

func newIDWorld(t testing.TB, prog *fold.Program, seed uint64, names ...string) *idWorld {
	w := &idWorld{t: t, prog: prog, rng: rand.New(rand.NewPCG(seed, seed)), closed: NewClosings()}
	for _, name := range names {
		r := &idRegion{src: position.Source{Origin: name, Incarnation: 1}, fs: vfs.NewCrashableMem()}
		w.regions = append(w.regions, r)
		w.open(r)
	}
	return w
}

func (w *idWorld) open(r *idRegion) {
	r.store = openMem(w.t, r.fs, 1<<20)
	v, err := r.store.OpenIDs("^orders", instance, r.src.Origin, w.prog)
	if err != nil {
		w.t.Fatal(err)
	}
	r.shard = v.Shards[0]
}

func (w *idWorld) close() {
	for _, r := range w.regions {
		r.store.Close()
	}
}

// crash loses what was not flushed, and some of what was not synced.
func (w *idWorld) crash(r *idRegion) {
	if w.rng.IntN(2) == 0 { // what was flushed is on disk
		if err := r.store.db.LogData(nil, pebble.Sync); err != nil {
			w.t.Fatal(err)
		}
	}
	image := r.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[w.rng.IntN(3)], RNG: w.rng})
	r.store.Close()
	r.fs = image
	w.open(r)
}

func (w *idWorld) sources() (list []position.Source) {
	for _, r := range w.regions {
		list = append(list, r.src)
	}
	return list
}

// fold folds up to n events of the own log, and what was taken back of them.
func (w *idWorld) fold(r *idRegion, n int) {
	from := int(r.shard.Mark(r.src).Next)
	feed(w.t, r.shard, r.src, r.log, from, min(len(r.log), from+n))
	back := r.src.Retractions()
	for at := r.shard.Mark(back).Next; at < int64(len(r.back)); at++ {
		if r.back[at] >= r.shard.Mark(r.src).Next {
			return // the own log comes first
		}
		tx := r.shard.Begin()
		of := wire.Retraction{Stream: "orders", Incarnation: 1, Offset: r.back[at]}
		if err := tx.TakeBack(back, of, nil, stamp.Stamp(at)+1); err != nil {
			w.t.Fatal(err)
		}
		tx.Advance(back, position.Mark{Next: at + 1, Stamp: stamp.Stamp(at) + 1})
		tx.Commit()
	}
}

// ship sends the ids that a region counted to another.
func (w *idWorld) ship(from, to *idRegion) {
	head := round.Header{View: "^orders", Instance: instance, Source: from.src, Lo: to.shard.Mark(from.src)}
	if w.rng.IntN(3) == 0 {
		head.Lo = position.Mark{} // all of it again
	}
	head, pieces, err := from.shard.Round(to.src.Origin, head, 1+w.rng.IntN(60))
	if err != nil {
		w.t.Fatal(err)
	}
	tx := to.shard.Begin()
	for _, b := range pieces {
		h, at, err := round.DecodeHeader(b)
		if err != nil {
			w.t.Fatal(err)
		}
		ids, err := round.DecodeIDs(h, b, at)
		if err == nil {
			err = tx.Hear(from.src, ids)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if len(pieces) > 0 {
		tx.Advance(from.src, head.Hi)
	}
	tx.Commit()
}

// takeBack appends what is due, as the worker does: when all that was taken
// back is folded.
func (w *idWorld) takeBack(r *idRegion) (n int) {
	if r.shard.Mark(r.src.Retractions()).Next < int64(len(r.back)) {
		return 0
	}
	due, err := r.shard.DueNow(w.closed, w.sources(), 1+w.rng.IntN(4))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range due {
		r.back = append(r.back, d.Offset)
	}
	return len(due)
}

func (w *idWorld) flush(r *idRegion) {
	if err := r.shard.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

// quiet lets everything be folded, shipped and taken back.
func (w *idWorld) quiet() {
	for _, r := range w.regions {
		w.closed.Add(Closing{Stream: "orders", Source: r.src, Closed: noon + 1000*stamp.Hour, Ends: []int64{int64(len(r.log))}})
	}
	for more := true; more; {
		more = false
		for _, r := range w.regions {
			w.fold(r, len(r.log))
			for _, to := range w.regions {
				if to != r {
					w.ship(r, to)
				}
			}
		}
		for _, r := range w.regions {
			more = w.takeBack(r) > 0 || more
			w.fold(r, 0)
		}
	}
}

// copiesOf is the model: what is out by the definition, by region.
func copiesOf(w *idWorld) map[string][]int64 {
	type rec struct {
		origin string
		offset int64
		ms     int64
		stamp  stamp.Stamp
	}
	byID, out := map[[2]int][]rec{}, map[string][]int64{}
	for _, r := range w.regions {
		last := map[[2]int]int64{}
		for i, st := range stamps(r.log) {
			id := [2]int{r.log[i].user, r.log[i].id}
			if at, ok := last[id]; r.log[i].id == 0 || ok && st.Millis()-at <= hour {
				continue
			}
			last[id] = st.Millis()
			byID[id] = append(byID[id], rec{r.src.Origin, int64(i), st.Millis(), st})
		}
	}
	for _, list := range byID {
		slices.SortFunc(list, func(a, b rec) int { return cmp.Or(cmp.Compare(a.stamp, b.stamp), cmp.Compare(a.origin, b.origin)) })
		last := int64(-1 << 60)
		for _, c := range list {
			if c.ms-last <= hour {
				out[c.origin] = append(out[c.origin], c.offset)
			} else {
				last = c.ms
			}
		}
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}

func drawIDLog(t *rapid.T) (log []event) {
	app := int64(0)
	for range rapid.IntRange(0, 12).Draw(t, "events") {
		app += rapid.SampledFrom([]int64{0, 0, 1, hour / 20, hour / 3, hour / 2, hour}).Draw(t, "gap")
		if app >= 2*hour {
			break // what is that late is forgotten
		}
		log = append(log, event{user: 1, id: rapid.IntRange(0, 3).Draw(t, "id"), total: 1, app: app})
	}
	return log
}

// Whatever order logs are folded and ids shipped in, and whoever crashes: what
// the definition says is taken back, nothing else ever is, and nothing twice.
func TestExactlyTheCopiesAreTakenBack(t *testing.T) {
	prog := idProgram(t)
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"eu", "us", "ap"}[:rapid.IntRange(2, 3).Draw(rt, "regions")]
		w := newIDWorld(t, prog, rapid.Uint64().Draw(rt, "seed"), names...)
		defer w.close()
		for _, r := range w.regions {
			r.log = drawIDLog(rt)
		}
		for range rapid.IntRange(0, 60).Draw(rt, "steps") {
			r, other := w.regions[w.rng.IntN(len(names))], w.regions[w.rng.IntN(len(names))]
			switch w.rng.IntN(8) {
			case 0, 1, 2:
				w.fold(r, 1+w.rng.IntN(4))
			case 3, 4:
				if r != other {
					w.ship(r, other)
				}
			case 5:
				w.takeBack(r)
			case 6:
				w.flush(r)
				if w.rng.IntN(2) == 0 {
					w.crash(r)
				}
			case 7:
				w.crash(r)
			}
		}
		w.quiet()
		want := copiesOf(w)
		for _, r := range w.regions {
			got := slices.Clone(r.back)
			slices.Sort(got)
			if !slices.Equal(got, want[r.src.Origin]) {
				rt.Fatalf("%s took back %v, want %v; logs %v", r.src.Origin, r.back, want[r.src.Origin], logsOf(w))
			}
			if r.shard.Due() != 0 {
				rt.Fatalf("%d are due still in %s", r.shard.Due(), r.src.Origin)
			}
		}
	})
}

// What was found out is not found out again after a crash: it is stored.
func TestWhatIsDueSurvivesACrash(t *testing.T) {
	w := newIDWorld(t, idProgram(t), 2, "eu", "us")
	defer w.close()
	eu, us := w.regions[0], w.regions[1]
	eu.log, us.log = []event{{user: 1, id: 7}}, []event{{user: 1, id: 7, app: 5}, {user: 1, id: 8, app: 6}}
	w.fold(eu, 1)
	w.fold(us, 2)
	w.ship(eu, us)
	for range 100 {
		w.flush(us)
		w.crash(us) // as often as it takes to lose none of it
		if us.shard.Mark(us.src).Next == 2 && us.shard.Mark(eu.src).Next == 1 {
			break
		}
		w.fold(us, 2)
		w.ship(eu, us)
	}
	if us.shard.Due() != 1 {
		t.Fatalf("%d are due, want 1", us.shard.Due())
	}
	if w.takeBack(us); !slices.Equal(us.back, []int64{0}) {
		t.Fatalf("took back %v, want the first", us.back)
	}
}

func logsOf(w *idWorld) string {
	s := ""
	for _, r := range w.regions {
		s += fmt.Sprint(r.src.Origin, r.log, " ")
	}
	return s
}

func TestIDsThatAreTwoHorizonsOldAreForgotten(t *testing.T) {
	w := newIDWorld(t, idProgram(t), 1, "eu", "us")
	defer w.close()
	eu := w.regions[0]
	for i := range 300 {
		eu.log = append(eu.log, event{user: 1, id: i + 1})
	}
	w.fold(eu, 300)
	w.flush(eu)
	count := func(tag byte) (n int) {
		if err := eu.shard.each(tag, nil, func(_, _ []byte) (bool, error) { n++; return true, nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if count(tagCopies) != 300 || count(tagOffset) != 300 {
		t.Fatalf("%d ids at %d places, want 300", count(tagCopies), count(tagOffset))
	}
	for i := range 8 {
		eu.log = append(eu.log, event{user: 1, id: 1000 + i, app: 2*hour + int64(i+1)*hour/8})
		w.fold(eu, 1)
		w.flush(eu)
	}
	if count(tagCopies) != 8 || count(tagOffset) != 8 {
		t.Errorf("%d ids at %d places, want the last 8", count(tagCopies), count(tagOffset))
	}
}

// A retraction that the log has twice, or of a record that the view did not
// count, changes nothing; also when the first was flushed long ago.
func TestARetractionCountsOnce(t *testing.T) {
	fs := vfs.NewMem()
	store := openMem(t, fs, 1)
	view := openView(t, store, program(t))
	log := []event{{user: 1, id: 9, total: 4}, {user: 1, id: 8, total: 4}, {user: 1, id: 9, total: 4}}
	feed(t, view.Shards[0], eu, log, 0, len(log))
	back := eu.Retractions()
	take := func(v *View, at, offset int64) {
		s := v.Shards[0]
		ev := log[offset].wire(s.view.Prog, at)
		of := wire.Retraction{Stream: "orders", Incarnation: 1, Offset: offset, Stamp: stamps(log)[offset]}
		tx := s.Begin()
		if err := tx.TakeBack(back, of, ev, stamp.Stamp(at)+1); err != nil {
			t.Fatal(err)
		}
		tx.Advance(back, position.Mark{Next: at + 1, Stamp: stamp.Stamp(at) + 1})
		tx.Commit()
	}
	take(view, 0, 0)
	take(view, 1, 0)
	take(view, 2, 2) // the copy within the log never counted
	if n := count(t, view); n != 1 {
		t.Fatalf("%d events, want 1", n)
	}
	if err := view.Shards[0].Flush(); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = openMem(t, fs, 1)
	defer store.Close()
	view = openView(t, store, program(t))
	take(view, 3, 0)
	if n, c := count(t, view), view.Shards[0].Counts(); n != 1 || c.Retracted != 1 {
		t.Fatalf("%d events, %d taken back, want 1 and 1", n, c.Retracted)
	}
}

func TestStoredCopiesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []heldCopy
		for i := range rapid.IntRange(0, 5).Draw(t, "copies") {
			c := heldCopy{}
			c.Source = rapid.SampledFrom([]position.Source{eu, us, {Origin: "ap", Incarnation: 2}}).Draw(t, "source")
			c.Stamp, c.Offset = stamp.Stamp(i+1)<<20, int64(rapid.IntRange(0, 1<<40).Draw(t, "offset"))
			if c.Source == eu {
				c.rest, c.back = [8]byte{byte(i), 7}, rapid.Bool().Draw(t, "back")
			}
			list = append(list, c)
		}
		b := appendCopies(nil, list, eu)
		got, err := decodeCopies(b, eu)
		if err != nil || !slices.Equal(got, list) {
			t.Fatalf("%v, %v, want %v", got, err, list)
		}
		if _, err := decodeCopies(b[:len(b)-1], eu); err == nil {
			t.Fatal("torn copies passed")
		}
	})
}

func FuzzDecodeCopies(f *testing.F) {
	f.Add(appendCopies(nil, []heldCopy{{rest: [8]byte{1}}}, position.Source{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := decodeCopies(b, eu)
		if err == nil && len(list) > len(b) {
			t.Fatalf("%d copies out of %d bytes", len(list), len(b))
		}
	})
}

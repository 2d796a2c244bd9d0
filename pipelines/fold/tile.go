package fold

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"anabranch.dev/anabranch/pipelines/merge"
)

// A tile holds the Combine of all panes there are of a stretch of 16, 256 or
// 4,096 epochs, aligned, that is over: a later pane has begun. So a window of
// 30 days over panes of 5 minutes is read from tens of states. Tiles are made
// out of panes and of finer tiles, are in memory only, and change no value and
// no byte: where one is missing, what it would be made of is read. Reads never
// make any.
//
// Whoever changes a pane changes the tiles over it in the same act: an event is
// added to them (each), a pane that rolls in is combined into them, one that is
// replaced has them made anew (retile), and one that is gone takes them with it
// (trim).
//
// Not running totals: a total up to each pane would answer a window with one
// Subtract, but only for kinds that have one, and a late event would have to be
// added to the totals of all panes after its own; it is added to three tiles.

const (
	levels    = 3
	levelBits = 4
	// fewPanes are read one by one, without tiles.
	fewPanes = 64
	// leastParts is how many panes and finer tiles make a tile worth its memory.
	leastParts = 4
)

// tiling is the tiles of one group of panes by level, each sorted by epoch.
type tiling [levels][]tile

type tile struct {
	epoch  int64 // over panes from epoch<<shift(level) on
	states []merge.State
}

func shift(level int) int { return levelBits * (level + 1) }

// tilingOf is the tiling of group g (> 0), or nil.
func (part *Part) tilingOf(g int) *tiling {
	if part.tilings == nil {
		return nil
	}
	return part.tilings[g-1]
}

// find is the place of the tile over a pane's epoch, or where it would be.
func (x *tiling) find(level int, epoch int64) (int, bool) {
	if tiles := x[level]; len(tiles) > 0 { // mostly there are no gaps
		i := epoch>>shift(level) - tiles[0].epoch
		if i >= 0 && i < int64(len(tiles)) && tiles[i].epoch == tiles[0].epoch+i {
			return int(i), true
		}
	}
	return slices.BinarySearchFunc(x[level], epoch>>shift(level), func(t tile, e int64) int { return cmp.Compare(t.epoch, e) })
}

// each calls fn with the states of each tile over a pane's epoch.
func (part *Part) each(g int, epoch int64, fn func([]merge.State)) {
	x := part.tilingOf(g)
	if x == nil || epoch == part.lastEpoch(g) { // over which there is none
		return
	}
	for level := range x {
		if i, ok := x.find(level, epoch); ok {
			fn(x[level][i].states)
		}
	}
}

func (part *Part) lastEpoch(g int) int64 {
	panes := part.Groups[g-1]
	return panes[len(panes)-1].Epoch
}

// tile makes the tiles that the pane at i, which is new, makes due: those that
// it closes, or, if it came late, those over it.
func (p *Program) tile(part *Part, g, i int) {
	if !p.groups[g].crowded {
		return
	}
	if part.tilingOf(g) == nil {
		p.tileAll(part, g)
		return
	}
	panes := part.Groups[g-1]
	if i == len(panes)-1 {
		i--
	}
	for level := 0; i >= 0 && level < levels; level++ {
		p.make(part, g, level, panes[i].Epoch)
	}
}

// Tile makes the tiles of a row that was decoded, for faster reads. The row is
// the caller's alone meanwhile.
func (p *Program) Tile(r *Row) {
	for i := range r.Parts {
		for g := 1; g < len(p.groups); g++ {
			if p.groups[g].crowded && r.Parts[i].tilingOf(g) == nil {
				p.tileAll(&r.Parts[i], g)
			}
		}
	}
}

// tileAll makes all tiles of a group that has many panes.
func (p *Program) tileAll(part *Part, g int) {
	panes := part.Groups[g-1]
	if len(panes) <= fewPanes {
		return
	}
	if part.tilings == nil {
		part.tilings = make([]*tiling, len(part.Groups))
	}
	part.tilings[g-1] = &tiling{}
	for level := range levels {
		for i := range panes {
			if i == 0 || panes[i].Epoch>>shift(level) != panes[i-1].Epoch>>shift(level) {
				p.make(part, g, level, panes[i].Epoch)
			}
		}
	}
}

// retile makes anew the tiles over panes that were replaced or came, by their
// epochs, ascending, and those that the first of them closes.
func (p *Program) retile(part *Part, g int, epochs []int64) {
	if !p.groups[g].crowded || len(epochs) == 0 {
		return
	}
	x := part.tilingOf(g)
	if x == nil {
		p.tileAll(part, g)
		return
	}
	for level := range levels {
		for _, e := range epochs {
			if i, ok := x.find(level, e); ok {
				x[level] = slices.Delete(x[level], i, i+1)
			}
		}
	}
	before, _ := part.find(g, epochs[0])
	for level := range levels {
		if before > 0 {
			p.make(part, g, level, part.Groups[g-1][before-1].Epoch)
		}
		for n, e := range epochs {
			if n == 0 || epochs[n-1]>>shift(level) != e>>shift(level) {
				p.make(part, g, level, e)
			}
		}
	}
}

// make makes the tile over a pane's epoch, if its stretch is over, it is not
// there and there is enough to make it of.
func (p *Program) make(part *Part, g, level int, epoch int64) {
	x := part.tilingOf(g)
	from := epoch >> shift(level) << shift(level)
	until := from + 1<<shift(level)
	if until > part.lastEpoch(g) {
		return
	}
	at, ok := x.find(level, epoch)
	if ok {
		return
	}
	n := 0
	for w := part.walk(g, from, until, level); w.next() != nil; n++ {
	}
	if n < leastParts {
		return
	}
	t := tile{epoch: epoch >> shift(level), states: p.NewStates(g)}
	w := part.walk(g, from, until, level)
	for states := w.next(); states != nil; states = w.next() {
		combine(t.states, states)
	}
	x[level] = slices.Insert(x[level], at, t)
}

// trim drops the tiles that begin before the first epoch which is kept.
func (part *Part) trim(g int, oldest int64) {
	x := part.tilingOf(g)
	if x == nil {
		return
	}
	if len(part.Groups[g-1]) == 0 {
		part.tilings[g-1] = nil
		return
	}
	for level := range x {
		n := 0
		for n < len(x[level]) && x[level][n].epoch<<shift(level) < oldest {
			n++
		}
		x[level] = slices.Delete(x[level], 0, n)
	}
}

func (part *Part) tilesSize(perState int) int {
	const perTiling, perTile = 96, 32
	size := 0
	for _, x := range part.tilings {
		if x == nil {
			continue
		}
		size += perTiling
		for level := range x {
			for i := range x[level] {
				size += perTile
				for _, s := range x[level][i].states {
					size += perState + s.Size()
				}
			}
		}
	}
	return size
}

// walker goes over a stretch of panes, in tiles where they lie within it.
type walker struct {
	panes      []Pane // those to come
	x          *tiling
	first, end int64 // epochs: first <= e < end
	below      int   // the levels of tiles that it takes
	looked     [levels]int64
}

// walk begins a walk over the panes of group g from epoch first on and before
// end, in tiles of the levels below.
func (part *Part) walk(g int, first, end int64, below int) walker {
	panes := part.Groups[g-1]
	w := walker{panes: panes[seek(panes, first):], x: part.tilingOf(g), first: first, end: end, below: below}
	for level := range w.looked {
		w.looked[level] = math.MinInt64
	}
	return w
}

// seek is the place of the first pane at or after an epoch.
func seek(panes []Pane, epoch int64) int {
	if len(panes) == 0 || panes[0].Epoch >= epoch {
		return 0
	}
	n := len(panes)
	if i := epoch - panes[0].Epoch; i < int64(n) { // it is there or before, as epochs ascend
		if n = int(i); panes[n].Epoch == epoch {
			return n
		}
	}
	return sort.Search(n, func(j int) bool { return panes[j].Epoch >= epoch })
}

// next is the states of the next pane or tile; nil: there are no more.
func (w *walker) next() []merge.State {
	if len(w.panes) == 0 || w.panes[0].Epoch >= w.end {
		return nil
	}
	if t, until := w.over(w.panes[0].Epoch); t != nil {
		w.panes = w.panes[seek(w.panes, until):]
		return t.states
	}
	states := w.panes[0].States
	w.panes = w.panes[1:]
	return states
}

// over is the largest tile that lies within the stretch and begins where the
// walk stands, before the pane of an epoch; and where it ends.
func (w *walker) over(epoch int64) (*tile, int64) {
	if w.x == nil {
		return nil, 0
	}
	for level := w.below - 1; level >= 0; level-- {
		at := epoch >> shift(level)
		if w.looked[level] == at {
			continue // it is not there, or not within
		}
		w.looked[level] = at
		until := (at + 1) << shift(level)
		if at<<shift(level) < w.first || until > w.end {
			continue
		}
		if i, ok := w.x.find(level, epoch); ok {
			return &w.x[level][i], until
		}
	}
	return nil, 0
}

package training

import (
	"bytes"
	"cmp"
	"slices"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// order is the rows of a chunk in the order in which one pass sweeps them:
// by partition, key and time.
type order struct {
	texts  []byte  // key texts, one after another
	ends   []int   // where the text of each row ends
	part   []int32 // partition of each row, -1 for a null key
	sorted []int32 // rows with a key, in order
	place  []int32 // of each row with a key, in sorted
	jobs   []job
}

// job is the rows of one partition: sorted[from:to].
type job struct {
	partition int32
	from, to  int
}

func (o *order) key(row int32) []byte {
	from := 0
	if row > 0 {
		from = o.ends[row-1]
	}
	return o.texts[from:o.ends[row]]
}

// newOrder sorts a chunk for a pass.
func newOrder(s *spine, p *pass, c *chunk) *order {
	n := c.rows()
	o := &order{ends: make([]int, n), part: make([]int32, n), place: make([]int32, n)}
	columns := make([]*columnar.Vector, len(p.keys))
	for j, name := range p.keys {
		columns[j] = &c.keys[s.index(name, p.entity.JoinKeys[j].Type)]
	}
	values := make([]value.Value, len(p.keys))
	for row := range n {
		o.part[row] = -1
		if keyOf(values, columns, row) {
			from := len(o.texts)
			o.texts = wire.AppendKey(o.texts, p.entity.JoinKeys, values)
			o.part[row] = wire.Partition(o.texts[from:], p.stream.Partitions)
			o.sorted = append(o.sorted, int32(row))
		}
		o.ends[row] = len(o.texts)
	}
	slices.SortFunc(o.sorted, func(a, b int32) int {
		if x := cmp.Compare(o.part[a], o.part[b]); x != 0 {
			return x
		}
		return cmp.Or(bytes.Compare(o.key(a), o.key(b)), cmp.Compare(c.times[a], c.times[b]), cmp.Compare(a, b))
	})
	for i, row := range o.sorted {
		o.place[row] = int32(i)
	}
	o.split()
	return o
}

// keyOf reads a row's join keys and reports whether none is null.
func keyOf(values []value.Value, columns []*columnar.Vector, row int) bool {
	for j, v := range columns {
		if v.Null(row) {
			return false
		}
		values[j] = v.At(row)
	}
	return true
}

func (o *order) split() {
	for from, to := 0, 0; from < len(o.sorted); from = to {
		p := o.part[o.sorted[from]]
		for to = from + 1; to < len(o.sorted) && o.part[o.sorted[to]] == p; to++ {
		}
		o.jobs = append(o.jobs, job{p, from, to})
	}
}

// keys are the distinct keys of a job, ascending.
func (o *order) keys(j job) [][]byte {
	var keys [][]byte
	for _, row := range o.sorted[j.from:j.to] {
		if k := o.key(row); len(keys) == 0 || !bytes.Equal(k, keys[len(keys)-1]) {
			keys = append(keys, k)
		}
	}
	return keys
}

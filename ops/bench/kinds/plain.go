package main

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// plain is ordinary Go around a value of type T.
type plain[T any] struct {
	v T
	p *methods[T]
}

// methods are what an application would write. write lists what it would keep,
// as numbers and texts.
type methods[T any] struct {
	init  func() T
	add   func(v *T, i int)
	merge func(v, o *T)
	read  func(v *T)
	write func(b []byte, v *T) []byte
}

func (s *plain[T]) add(i int)              { s.p.add(&s.v, i) }
func (s *plain[T]) merge(o sketch)         { s.p.merge(&s.v, &o.(*plain[T]).v) }
func (s *plain[T]) read()                  { s.p.read(&s.v) }
func (s *plain[T]) encode(b []byte) []byte { return s.p.write(b, &s.v) }

func of[T any](kind, name string, m methods[T]) subject {
	return subject{kind, name, func() sketch { return &plain[T]{m.init(), &m} }}
}

// sink keeps what is read from being optimized away.
var sink any

func number(b []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
}

func text(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func plains() []subject {
	return slices.Concat(scalars(), collections(), vectorial())
}

func zero[T any]() (v T) { return v }

// decayed is a sum that is brought to the time of each event.
type decayed struct{ sum, weight, at float64 }

func (d *decayed) to(at float64) {
	if at > d.at {
		f := math.Exp2((d.at - at) / 3.6e9)
		d.sum, d.weight, d.at = d.sum*f, d.weight*f, at
	}
}

// lastOne is the newest text.
type lastOne struct {
	at int64
	s  string
}

func scalars() []subject {
	floatSum := methods[float64]{
		init: zero[float64], add: func(v *float64, i int) { *v += floats[i] }, merge: func(v, o *float64) { *v += *o },
		read: func(v *float64) { sink = *v }, write: func(b []byte, v *float64) []byte { return number(b, *v) },
	}
	counter := methods[int64]{
		init: zero[int64], add: func(v *int64, i int) { *v++ }, merge: func(v, o *int64) { *v += *o },
		read: func(v *int64) { sink = *v }, write: func(b []byte, v *int64) []byte { return binary.AppendVarint(b, *v) },
	}
	greatest := floatSum
	greatest.add = func(v *float64, i int) { *v = max(*v, floats[i]) }
	greatest.merge = func(v, o *float64) { *v = max(*v, *o) }
	newest := methods[lastOne]{
		init: zero[lastOne], merge: func(v, o *lastOne) {
			if o.at > v.at {
				*v = *o
			}
		},
		add: func(v *lastOne, i int) {
			if times[i] > v.at {
				*v = lastOne{times[i], items[i]}
			}
		},
		read:  func(v *lastOne) { sink = v.s },
		write: func(b []byte, v *lastOne) []byte { return text(binary.AppendVarint(b, v.at), v.s) },
	}
	fading := methods[decayed]{
		init: zero[decayed],
		add: func(v *decayed, i int) {
			v.to(float64(times[i]))
			f := math.Exp2((float64(times[i]) - v.at) / 3.6e9)
			v.sum, v.weight = v.sum+f*floats[i], v.weight+f
		},
		merge: func(v, o *decayed) {
			v.to(o.at)
			f := math.Exp2((o.at - v.at) / 3.6e9)
			v.sum, v.weight = v.sum+f*o.sum, v.weight+f*o.weight
		},
		read:  func(v *decayed) { sink = v.sum / v.weight },
		write: func(b []byte, v *decayed) []byte { return number(number(number(b, v.sum), v.weight), v.at) },
	}
	return []subject{
		of("count", "int64", counter), of("sum", "float64", floatSum), of("mean", "float64 and int64", floatSum),
		of("max", "float64", greatest), of("last", "time and string", newest),
		of("decayed_sum", "float64, math.Exp2", fading),
	}
}

func collections() []subject {
	set := methods[map[string]int64]{
		init: func() map[string]int64 { return map[string]int64{} },
		add: func(v *map[string]int64, i int) {
			if i%4 == 0 {
				delete(*v, items[i])
			} else {
				(*v)[items[i]] = times[i]
			}
		},
		merge: func(v, o *map[string]int64) { maps.Copy(*v, *o) },
		read:  func(v *map[string]int64) { sink = slices.Sorted(maps.Keys(*v)) },
		write: func(b []byte, v *map[string]int64) []byte {
			for s, n := range *v {
				b = binary.AppendVarint(text(b, s), n)
			}
			return b
		},
	}
	counts := set
	counts.add = func(v *map[string]int64, i int) { (*v)[items[i]]++ }
	counts.merge = func(v, o *map[string]int64) {
		for s, n := range *o {
			(*v)[s] += n
		}
	}
	counts.read = func(v *map[string]int64) {
		all := slices.SortedFunc(maps.Keys(*v), func(a, b string) int { return cmp.Compare((*v)[b], (*v)[a]) })
		sink = all[:min(10, len(all))]
	}
	distinct := set
	distinct.add = func(v *map[string]int64, i int) { (*v)[users[i]] = 0 }
	distinct.read = func(v *map[string]int64) { sink = len(*v) }
	sorted := methods[[]float64]{
		init: zero[[]float64], add: func(v *[]float64, i int) { *v = append(*v, waits[i]) },
		merge: func(v, o *[]float64) { *v = append(*v, *o...) },
		read: func(v *[]float64) {
			all := slices.Sorted(slices.Values(*v))
			sink = [2]float64{all[len(all)/2], all[len(all)*99/100]}
		},
		write: func(b []byte, v *[]float64) []byte {
			for _, x := range *v {
				b = number(b, x)
			}
			return b
		},
	}
	return []subject{
		of("set", "map", set), of("recent", "slice of 10", recents()), of("top", "map of counts", counts),
		of("approx_distinct", "map", distinct), of("quantiles", "slice, sorted to read", sorted),
	}
}

// recents is the last ten distinct items in the order of arrival.
func recents() methods[[]string] {
	touch := func(v *[]string, x string) {
		if i := slices.Index(*v, x); i >= 0 {
			*v = slices.Delete(*v, i, i+1)
		}
		if *v = append(*v, x); len(*v) > 10 {
			*v = slices.Delete(*v, 0, 1)
		}
	}
	return methods[[]string]{
		init: zero[[]string], add: func(v *[]string, i int) { touch(v, items[i]) },
		merge: func(v, o *[]string) {
			for _, x := range *o {
				touch(v, x)
			}
		},
		read: func(v *[]string) { sink = slices.Clone(*v) },
		write: func(b []byte, v *[]string) []byte {
			for _, x := range *v {
				b = text(b, x)
			}
			return b
		},
	}
}

func vectorial() []subject {
	sum := methods[[]float64]{
		init: func() []float64 { return make([]float64, dim) },
		add: func(v *[]float64, i int) {
			for j, x := range vectors[i] {
				(*v)[j] += x
			}
		},
		merge: func(v, o *[]float64) {
			for j, x := range *o {
				(*v)[j] += x
			}
		},
		read: func(v *[]float64) { sink = slices.Clone(*v) },
		write: func(b []byte, v *[]float64) []byte {
			for _, x := range *v {
				b = number(b, x)
			}
			return b
		},
	}
	return []subject{of("vector_sum", "[]float64", sum), of("vector_mean", "[]float64", sum), of("low_rank", "[]float64, all of it", sum)}
}

package basis

import (
	"context"
	"errors"
	"fmt"
	"math"

	"anabranch.dev/anabranch/pipelines/merge"
)

// Rows hands out every row, in the same order each time: a number that tells it
// from the others, and its items, which belong to the reader and are valid until
// fn returns. Nil items are a row that is null.
type Rows func(ctx context.Context, fn func(id uint64, x []float64) error) error

// Config says what to find.
type Config struct {
	// Rank is how many directions, from 1 to the rows' length.
	Rank int
	// Sample is about how many rows to use, those whose identities hash least; 0:
	// all.
	Sample int64
	// Skip leaves out rows of another length than most; otherwise they are an
	// error.
	Skip bool
	// Seed of the Gaussian matrix and of the sample.
	Seed uint64
	// Oversampling is how many columns more than Rank are iterated. Default 10.
	Oversampling int
	// Powers is how many power iterations. Default 2; -1: none.
	Powers int
	// Progress is told which pass over the rows begins. Default: nobody is.
	Progress func(pass, passes int)
}

// Fit is a basis and how well it fits.
type Fit struct {
	Basis *merge.Basis // without name and version
	Rows  Count
	// Energy is for each direction the part of Σ|x|² of the rows used that lies
	// in it, greatest first.
	Energy []float64
	// HeldOut is how many rows were kept aside. Error, if there are any, is what
	// the basis misses of them: √(Σ|x − UUᵀx|² / Σ|x|²), from 0 to 1.
	HeldOut int64
	Error   float64
}

// Count is what rows there are.
type Count struct {
	All   int64 // with null ones
	Null  int64
	Other int64 // of another length than Dim
	Used  int64 // in the products
	Dim   int
}

// finder is one run of Find.
type finder struct {
	cfg    Config
	rows   Rows
	survey survey
	share  uint64 // identities that hash below are in the sample
	scale  float64
	pass   int
}

// Find makes a basis of the rows; see the package. The context ends it early.
func Find(ctx context.Context, rows Rows, cfg Config) (*Fit, error) {
	if cfg.Oversampling == 0 {
		cfg.Oversampling = 10
	}
	if cfg.Powers == 0 {
		cfg.Powers = 2
	}
	if cfg.Progress == nil {
		cfg.Progress = func(int, int) {}
	}
	f := &finder{cfg: cfg, rows: rows}
	if err := f.count(ctx); err != nil {
		return nil, err
	}
	q := gaussian(f.survey.dim, min(f.survey.dim, cfg.Rank+cfg.Oversampling), cfg.Seed)
	q.orthonormalize()
	for range 1 + max(cfg.Powers, 0) {
		z := zeros(q.rows(), q.columns())
		used := 0
		if err := f.split(ctx, func(heldOut bool, x matrix) {
			if !heldOut {
				used += x.rows()
				z.add(x, true, times(x, q))
			}
		}); err != nil {
			return nil, err
		}
		if used < cfg.Rank {
			return nil, fmt.Errorf("%d rows are too few for %d directions: want at least as many, beside the tenth that is held out", used, cfg.Rank)
		}
		z.orthonormalize()
		q = z
	}
	return f.directions(ctx, q)
}

// passes is how many times the rows are read.
func (f *finder) passes() int { return 3 + max(f.cfg.Powers, 0) }

func (f *finder) next() {
	f.pass++
	f.cfg.Progress(f.pass, f.passes())
}

// count is the first pass: lengths, and how large the items are.
func (f *finder) count(ctx context.Context) error {
	f.next()
	if err := f.rows(ctx, func(_ uint64, x []float64) error { f.survey.add(x); return nil }); err != nil {
		return err
	}
	s := &f.survey
	if err := s.settle(f.cfg.Skip); err != nil {
		return err
	}
	if f.cfg.Rank < 1 || f.cfg.Rank > s.dim {
		return fmt.Errorf("rank %d: vectors of %d items have 1 to %d directions", f.cfg.Rank, s.dim, s.dim)
	}
	if s.dim*f.cfg.Rank > merge.MaxBasisItems {
		return fmt.Errorf("rank %d: a basis has at most %d items, so at most %d directions of %d items each", f.cfg.Rank, merge.MaxBasisItems, merge.MaxBasisItems/s.dim, s.dim)
	}
	if s.greatest() == 0 {
		return errors.New("every row is zero")
	}
	f.share = math.MaxUint64
	if n := s.rows(); f.cfg.Sample > 0 && f.cfg.Sample < n {
		f.share = uint64(float64(f.cfg.Sample) / float64(n) * (1 << 63) * 2)
	}
	_, exponent := math.Frexp(s.greatest())
	f.scale = math.Ldexp(1, -exponent) // so that no square is out of range
	return nil
}

// blockRows is how many rows are multiplied at once.
const blockRows = 256

// split is one pass over all rows of the sample, in blocks that are fn's until
// it returns; those that are held out come in blocks of their own.
func (f *finder) split(ctx context.Context, fn func(heldOut bool, x matrix)) error {
	f.next()
	dim := f.survey.dim
	parts := [2][]float64{}
	flush := func(out bool) {
		i := index(out)
		if len(parts[i]) > 0 {
			fn(out, matrixOf(parts[i], dim))
			parts[i] = parts[i][:0]
		}
	}
	err := f.rows(ctx, func(id uint64, x []float64) error {
		h := mix(id ^ mix(f.cfg.Seed))
		if len(x) != dim || h > f.share {
			return nil
		}
		out := mix(h)%10 == 0
		i := index(out)
		for _, v := range x {
			parts[i] = append(parts[i], v*f.scale)
		}
		if len(parts[i]) == blockRows*dim {
			flush(out)
		}
		return ctx.Err()
	})
	flush(false)
	flush(true)
	return err
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mix is a permutation of 64 bits that looks random (splitmix64).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

package basis

import (
	"context"
	"math"

	"anabranch.dev/anabranch/pipelines/merge"
)

// moments are sums over rows x, in the coordinates of Q.
type moments struct {
	rows   int64
	gram   matrix  // Σ (Qᵀx)(Qᵀx)ᵀ
	energy float64 // Σ |x|²
}

func (m *moments) add(x, q matrix) {
	p := times(x, q)
	m.rows += int64(x.rows())
	m.gram.add(p, true, p)
	for _, v := range x.Data {
		m.energy += v * v
	}
}

// directions is the last pass: the leading directions within Q, what lies in
// them, and what is missed of the rows held out.
func (f *finder) directions(ctx context.Context, q matrix) (*Fit, error) {
	var sums [2]moments
	for i := range sums {
		sums[i].gram = zeros(q.columns(), q.columns())
	}
	if err := f.split(ctx, func(out bool, x matrix) { sums[index(out)].add(x, q) }); err != nil {
		return nil, err
	}
	used, held := &sums[0], &sums[1]
	v := matrixOf(append([]float64{}, used.gram.Data...), q.columns())
	v.eigen()
	v = v.leading(f.cfg.Rank)
	fit := &Fit{
		Rows:    Count{All: f.survey.null + f.survey.other() + f.survey.rows(), Null: f.survey.null, Other: f.survey.other(), Used: used.rows, Dim: f.survey.dim},
		Energy:  make([]float64, f.cfg.Rank),
		HeldOut: held.rows,
	}
	seen := used.along(v)
	for j := range fit.Energy {
		fit.Energy[j] = share(seen[j], used.energy)
	}
	if held.energy > 0 {
		found := 0.0
		for _, e := range held.along(v) {
			found += e
		}
		fit.Error = math.Sqrt(1 - share(found, held.energy))
	}
	var err error
	fit.Basis, err = fixed(times(q, v))
	return fit, err
}

// leading is the last n columns in reverse: eigenvectors come with the greatest
// last.
func (m matrix) leading(n int) matrix {
	out := zeros(m.Rows, n)
	for i := range m.Rows {
		for j := range n {
			out.Data[i*n+j] = m.at(i, m.Cols-1-j)
		}
	}
	return out
}

// along is the energy in each direction v, in the coordinates of Q: vᵀ·gram·v.
func (m *moments) along(v matrix) []float64 {
	g := times(m.gram, v)
	energy := make([]float64, v.columns())
	for j := range energy {
		for i := range v.rows() {
			energy[j] += v.at(i, j) * g.at(i, j)
		}
	}
	return energy
}

// share is a part of a whole, from 0 to 1 whatever was lost to rounding.
func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return min(max(part/whole, 0), 1)
}

// fixed rounds orthonormal columns to 2^-BasisBits, each with the sign that makes
// its greatest item positive: the first of those that are equally great.
func fixed(u matrix) (*merge.Basis, error) {
	items := make([]int32, len(u.Data))
	for j := range u.columns() {
		top := 0.0
		for i := range u.rows() {
			if x := u.at(i, j); math.Abs(x) > math.Abs(top) {
				top = x
			}
		}
		for i := range u.rows() {
			items[i*u.columns()+j] = int32(math.RoundToEven(math.Ldexp(math.Copysign(1, top)*u.at(i, j), merge.BasisBits)))
		}
	}
	return merge.NewBasis(u.rows(), u.columns(), items)
}

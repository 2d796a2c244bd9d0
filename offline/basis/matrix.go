package basis

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// matrix is a dense matrix in rows.
type matrix blas64.General

func (m matrix) rows() int    { return m.Rows }
func (m matrix) columns() int { return m.Cols }

// at is the item in row i and column j.
func (m matrix) at(i, j int) float64 { return m.Data[i*m.Stride+j] }

func zeros(rows, columns int) matrix {
	return matrix{Rows: rows, Cols: columns, Stride: columns, Data: make([]float64, rows*columns)}
}

// matrixOf is data, which it shares, in rows.
func matrixOf(data []float64, columns int) matrix {
	return matrix{Rows: len(data) / columns, Cols: columns, Stride: columns, Data: data}
}

// gaussian draws independent items from the normal distribution.
func gaussian(rows, columns int, seed uint64) matrix {
	m, rng := zeros(rows, columns), rand.New(rand.NewPCG(seed, 0x6261736973))
	for i := range m.Data {
		m.Data[i] = rng.NormFloat64()
	}
	return m
}

// add is m += a·b, or aᵀ·b.
func (m matrix) add(a matrix, transposed bool, b matrix) {
	t := blas.NoTrans
	if transposed {
		t = blas.Trans
	}
	blas64.Gemm(t, blas.NoTrans, 1, blas64.General(a), blas64.General(b), 1, blas64.General(m))
}

// times is a·b.
func times(a, b matrix) matrix {
	m := zeros(a.Rows, b.Cols)
	m.add(a, false, b)
	return m
}

// orthonormalize replaces the columns, at most as many as rows, by an orthonormal
// basis of a space that holds theirs (Householder QR).
func (m matrix) orthonormalize() {
	a, tau := blas64.General(m), make([]float64, m.Cols)
	work := make([]float64, 1)
	lapack64.Geqrf(a, tau, work, -1)
	work = make([]float64, int(work[0]))
	lapack64.Geqrf(a, tau, work, len(work))
	lapack64.Orgqr(a, tau, work[:1], -1)
	work = make([]float64, max(len(work), int(work[0])))
	lapack64.Orgqr(a, tau, work, len(work))
}

// eigen is the eigenvalues of a symmetric matrix, ascending, and their
// eigenvectors, which take its place as columns.
func (m matrix) eigen() []float64 {
	a, values := blas64.Symmetric{N: m.Rows, Stride: m.Stride, Data: m.Data, Uplo: blas.Upper}, make([]float64, m.Rows)
	work := make([]float64, 1)
	lapack64.Syev(lapack.EVCompute, a, values, work, -1)
	work = make([]float64, int(work[0]))
	if !lapack64.Syev(lapack.EVCompute, a, values, work, len(work)) {
		panic("BUG: basis: no eigenvalues of a finite symmetric matrix")
	}
	return values
}

package basis

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
)

// rowsOf hands out rows by their index.
func rowsOf(list [][]float64) Rows {
	return func(_ context.Context, fn func(uint64, []float64) error) error {
		for i, x := range list {
			if err := fn(uint64(i), append(x[:0:0], x...)); err != nil {
				return err
			}
		}
		return nil
	}
}

func find(t testing.TB, list [][]float64, cfg Config) *Fit {
	t.Helper()
	fit, err := Find(context.Background(), rowsOf(list), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return fit
}

// mixture draws rows whose energy along direction j of an orthonormal basis
// falls as the square of spread[j].
func mixture(rng *rand.Rand, n, dim int, spread []float64) (rows, directions [][]float64) {
	for range spread {
		directions = append(directions, orthogonal(rng, dim, directions))
	}
	for range n {
		x := make([]float64, dim)
		for j, d := range directions {
			c := rng.NormFloat64() * spread[j]
			for i := range x {
				x[i] += c * d[i]
			}
		}
		rows = append(rows, x)
	}
	return rows, directions
}

// orthogonal draws a vector of length 1 at right angles to others (Gram and
// Schmidt, twice).
func orthogonal(rng *rand.Rand, dim int, others [][]float64) []float64 {
	v := make([]float64, dim)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	for range 2 {
		for _, o := range others {
			c := dotOf(v, o)
			for i := range v {
				v[i] -= c * o[i]
			}
		}
		length := math.Sqrt(dotOf(v, v))
		for i := range v {
			v[i] /= length
		}
	}
	return v
}

func dotOf(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// column is a direction of a basis as numbers.
func column(b *merge.Basis, j int) []float64 {
	v := make([]float64, b.Dim)
	for i := range v {
		v[i] = math.Ldexp(float64(b.U[i*b.Rank+j]), -merge.BasisBits)
	}
	return v
}

// missed is the length of what a basis misses of x.
func missed(b *merge.Basis, x []float64) float64 {
	rest := append([]float64{}, x...)
	for j := range b.Rank {
		u := column(b, j)
		c := dotOf(u, x)
		for i := range rest {
			rest[i] -= c * u[i]
		}
	}
	return math.Sqrt(dotOf(rest, rest))
}

func TestAKnownSubspaceIsRecovered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		dim, rank := rapid.IntRange(2, 40).Draw(t, "dim"), 0
		rank = rapid.IntRange(1, min(dim, 6)).Draw(t, "rank")
		spread := make([]float64, rank)
		for j := range spread {
			spread[j] = 1 / float64(1+j)
		}
		list, directions := mixture(rng, 400, dim, spread)
		fit, err := Find(context.Background(), rowsOf(list), Config{Rank: rank, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		for j, d := range directions {
			if m := missed(fit.Basis, d); m > 1e-7 {
				t.Fatalf("direction %d is missed by %g", j, m)
			}
		}
		total := 0.0
		for _, e := range fit.Energy {
			total += e
		}
		if math.Abs(total-1) > 1e-9 || fit.Error > 1e-6 || fit.HeldOut+fit.Rows.Used != 400 {
			t.Fatalf("energy %v, error %v, %d rows held out, %d used", total, fit.Error, fit.HeldOut, fit.Rows.Used)
		}
	})
}

// TestEnergiesAreThoseOfTheEigenvectors holds the directions against the
// eigenvectors of AᵀA by Jacobi's method, where noise fills all dimensions.
func TestEnergiesAreThoseOfTheEigenvectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const dim, rank = 30, 4
	spread := make([]float64, dim)
	for j := range spread {
		spread[j] = math.Pow(0.7, float64(j)) + 0.02
	}
	list, _ := mixture(rng, 3000, dim, spread)
	cfg := Config{Rank: rank, Seed: 11}
	fit := find(t, list, cfg)
	gram, total, heldMissed, held := make([][]float64, dim), 0.0, 0.0, 0.0
	for i := range gram {
		gram[i] = make([]float64, dim)
	}
	for id, x := range list {
		if mix(mix(uint64(id)^mix(cfg.Seed)))%10 == 0 {
			heldMissed += math.Pow(missed(fit.Basis, x), 2)
			held += dotOf(x, x)
			continue
		}
		total += dotOf(x, x)
		for i := range x {
			for j := range x {
				gram[i][j] += x[i] * x[j]
			}
		}
	}
	for j, want := range jacobi(gram)[:rank] {
		if got := fit.Energy[j] * total; math.Abs(got-want) > 1e-4*want {
			t.Errorf("direction %d holds %v, eigenvalue %v", j, got, want)
		}
	}
	if want := math.Sqrt(heldMissed / held); math.Abs(fit.Error-want) > 1e-6 {
		t.Errorf("error %v of rows held out, want %v", fit.Error, want)
	}
}

// jacobi is the eigenvalues of a symmetric matrix, greatest first.
func jacobi(a [][]float64) []float64 {
	n := len(a)
	for range 30 {
		for p := range n {
			for q := p + 1; q < n; q++ {
				if a[p][q] == 0 {
					continue
				}
				angle := math.Atan2(2*a[p][q], a[q][q]-a[p][p]) / 2
				s, c := math.Sincos(angle)
				for k := range n {
					a[k][p], a[k][q] = c*a[k][p]-s*a[k][q], s*a[k][p]+c*a[k][q]
				}
				for k := range n {
					a[p][k], a[q][k] = c*a[p][k]-s*a[q][k], s*a[p][k]+c*a[q][k]
				}
			}
		}
	}
	values := make([]float64, n)
	for i := range a {
		values[i] = a[i][i]
	}
	for i := range values {
		for j := range values[:i] {
			if values[i] > values[j] {
				values[i], values[j] = values[j], values[i]
			}
		}
	}
	return values
}

// TestColumnsAreOrthonormalAndPointUp also where the rows have fewer directions
// than are asked for.
func TestColumnsAreOrthonormalAndPointUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, spread := range [][]float64{{1, 1, 1, 1, 1, 1, 1, 1}, {1, 0.5}, {1}} {
		list, _ := mixture(rng, 300, 50, spread)
		fit := find(t, list, Config{Rank: 8})
		for j := range 8 {
			u := column(fit.Basis, j)
			top := 0.0
			for _, x := range u {
				if math.Abs(x) > math.Abs(top) {
					top = x
				}
			}
			if top <= 0 {
				t.Errorf("the greatest item of direction %d is %v", j, top)
			}
			for k := range j + 1 {
				want := 0.0
				if j == k {
					want = 1
				}
				if got := dotOf(u, column(fit.Basis, k)); math.Abs(got-want) > 50*math.Ldexp(1, -merge.BasisBits) {
					t.Errorf("columns %d and %d: %g", j, k, got)
				}
			}
			if j >= len(spread) && fit.Energy[j] > 1e-12 {
				t.Errorf("direction %d holds %g of rows that have %d", j, fit.Energy[j], len(spread))
			}
			if j > 0 && fit.Energy[j] > fit.Energy[j-1]+1e-12 {
				t.Errorf("energies %v", fit.Energy)
			}
		}
	}
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	list, _ := mixture(rng, 2000, 64, []float64{1, 0.8, 0.6, 0.4, 0.2, 0.1, 0.1, 0.1})
	one, two := find(t, list, Config{Rank: 5, Seed: 1}), find(t, list, Config{Rank: 5, Seed: 1})
	if !bytes.Equal(one.Basis.AppendBinary(nil), two.Basis.AppendBinary(nil)) || one.Error != two.Error {
		t.Error("the same seed gives other bytes")
	}
	other := find(t, list, Config{Rank: 5, Seed: 2})
	if bytes.Equal(one.Basis.AppendBinary(nil), other.Basis.AppendBinary(nil)) {
		t.Error("another seed gives the same bytes")
	}
	// The unit that items are counted in is nothing to the directions, however
	// large or small.
	for _, exponent := range []int{-900, 40, 1000} {
		var scaled [][]float64
		for _, x := range list {
			y := make([]float64, len(x))
			for i := range x {
				y[i] = math.Ldexp(x[i], exponent)
			}
			scaled = append(scaled, y)
		}
		if fit := find(t, scaled, Config{Rank: 5, Seed: 1}); !bytes.Equal(one.Basis.AppendBinary(nil), fit.Basis.AppendBinary(nil)) {
			t.Errorf("rows times 2^%d give other bytes", exponent)
		}
	}
}

func TestASampleIsAboutAsLargeAsAsked(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 11))
	list, directions := mixture(rng, 20_000, 10, []float64{1, 0.1})
	fit := find(t, list, Config{Rank: 2, Sample: 2000, Seed: 3})
	if n := fit.Rows.Used + fit.HeldOut; n < 1800 || n > 2200 || fit.HeldOut < 100 || fit.HeldOut > 300 || fit.Rows.All != 20_000 {
		t.Errorf("%+v, %d held out", fit.Rows, fit.HeldOut)
	}
	if m := missed(fit.Basis, directions[1]); m > 1e-6 {
		t.Errorf("the sample misses a direction by %g", m)
	}
	if all := find(t, list, Config{Rank: 2, Sample: 20_000}); all.Rows.Used+all.HeldOut != 20_000 {
		t.Errorf("%+v, %d held out", all.Rows, all.HeldOut)
	}
}

// TestRowsHeldOutTeachNothing: what lies in them alone is missed, and said to
// be, however much it is.
func TestRowsHeldOutTeachNothing(t *testing.T) {
	var list [][]float64
	for id := range uint64(300) {
		x := make([]float64, 6)
		if mix(mix(id^mix(0)))%10 == 0 {
			x[2+id%4] = 1000
		} else {
			x[id%2] = 1
		}
		list = append(list, x)
	}
	fit := find(t, list, Config{Rank: 2, Oversampling: 1})
	for i := range 6 {
		unit, want := make([]float64, 6), 1.0
		if unit[i] = 1; i < 2 {
			want = 0
		}
		if m := missed(fit.Basis, unit); math.Abs(m-want) > 1e-6 {
			t.Errorf("misses %v of direction %d, want %v", m, i, want)
		}
	}
	if math.Abs(fit.Error-1) > 1e-6 {
		t.Errorf("says that it misses %v of what is held out", fit.Error)
	}
}

func TestOtherLengthsAreCountedAndLeftOut(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 13))
	list, _ := mixture(rng, 100, 4, []float64{1, 1})
	list = append(list, []float64{1e9, 1}, nil, []float64{1, 2, 3, 4, 5}, nil, nil, []float64{}, []float64{7, 7})
	_, err := Find(context.Background(), rowsOf(list), Config{Rank: 2})
	want := "4 of 104 rows have another length than 4: 2 rows of 2, 1 rows of 0, 1 rows of 5; leave them out with --skip, or mend the events"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	fit := find(t, list, Config{Rank: 2, Skip: true})
	if got := fit.Rows; got.Used+fit.HeldOut != 100 || got != (Count{All: 107, Null: 3, Other: 4, Used: got.Used, Dim: 4}) {
		t.Errorf("%+v, %d held out", got, fit.HeldOut)
	}
	without := find(t, list[:100], Config{Rank: 2})
	if !bytes.Equal(fit.Basis.AppendBinary(nil), without.Basis.AppendBinary(nil)) {
		t.Error("rows that are left out matter")
	}
}

func TestRowsThatGiveNoBasis(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 15))
	wide, _ := mixture(rng, 20, 4096, []float64{1})
	good, _ := mixture(rng, 20, 5, []float64{1})
	failed := errors.New("disk")
	for _, c := range []struct {
		name string
		rows Rows
		rank int
		want string
	}{
		{"none", rowsOf(nil), 1, "no rows that are not null"},
		{"nulls", rowsOf([][]float64{nil, nil}), 1, "no rows that are not null"},
		{"empty", rowsOf([][]float64{{}, {}}), 1, "most rows are empty lists"},
		{"zeros", rowsOf([][]float64{{0, 0}, {0, 0}}), 1, "every row is zero"},
		{"few", rowsOf(good[:3]), 5, "too few for 5 directions"},
		{"rank 0", rowsOf(good), 0, "rank 0: vectors of 5 items have 1 to 5 directions"},
		{"rank 6", rowsOf(good), 6, "rank 6: vectors of 5 items have 1 to 5 directions"},
		{"large", rowsOf(wide), 17, "at most 65536 items, so at most 16 directions of 4096 items each"},
		{"unreadable", func(context.Context, func(uint64, []float64) error) error { return failed }, 1, "disk"},
	} {
		if _, err := Find(context.Background(), c.rows, Config{Rank: c.rank}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestReadsAsOftenAsItSays also ends early when the context does.
func TestReadsAsOftenAsItSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 17))
	list, _ := mixture(rng, 50, 5, []float64{1})
	reads, said := 0, 0
	rows := func(ctx context.Context, fn func(uint64, []float64) error) error {
		reads++
		return rowsOf(list)(ctx, fn)
	}
	fit, err := Find(context.Background(), rows, Config{Rank: 1, Powers: 3, Progress: func(pass, passes int) {
		if said++; pass != said || passes != 6 {
			t.Errorf("pass %d of %d", pass, passes)
		}
	}})
	if err != nil || reads != 6 || said != 6 || fit.Energy[0] < 0.999 {
		t.Errorf("%v; %d passes, %d told", err, reads, said)
	}
	if fit = find(t, list, Config{Rank: 1, Powers: -1}); fit.Energy[0] < 0.999 {
		t.Errorf("energy %v without power iterations", fit.Energy)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Find(ctx, rows, Config{Rank: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

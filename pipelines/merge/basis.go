package merge

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"anabranch.dev/anabranch/schemas/value"
)

// Basis is a set of Rank directions in a space of Dim dimensions, shared by all
// states that are projected on it.
type Basis struct {
	Name    string
	Version int
	Dim     int // of the vectors, at least 1
	Rank    int // how many directions, 1 to Dim
	// U is Dim rows of Rank items each, an orthonormal column for each direction,
	// in units of 2^-BasisBits.
	U []int32
	// Hash is of Dim, Rank and U: two bases are the same if theirs are.
	Hash string
}

// Bounds of a basis.
const (
	BasisBits     = 30      // bits after the point of an item
	MaxBasisItems = 1 << 16 // Dim * Rank
)

const (
	basisVersion = 1
	basisOne     = 1 << BasisBits
)

// NewBasis makes a basis of its items, whose columns must be orthonormal to
// within 10^-6. It takes u over.
func NewBasis(dim, rank int, u []int32) (*Basis, error) {
	b := &Basis{Dim: dim, Rank: rank, U: u}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("basis: %w", err)
	}
	sum := sha256.Sum256(b.AppendBinary(nil))
	b.Hash = hex.EncodeToString(sum[:8])
	return b, nil
}

func (b *Basis) check() error {
	if err := within("dim", b.Dim, 1, MaxItems); err != nil {
		return err
	}
	if err := within("rank", b.Rank, 1, b.Dim); err != nil {
		return err
	}
	if n := b.Dim * b.Rank; n > MaxBasisItems || n != len(b.U) {
		return fmt.Errorf("%d x %d items, at most %d in all, found %d", b.Dim, b.Rank, MaxBasisItems, len(b.U))
	}
	for i, u := range b.U {
		if u > basisOne || u < -basisOne {
			return fmt.Errorf("item %d is beyond 1", i)
		}
	}
	return b.orthonormal()
}

// orthonormal checks every product of two columns: 1 of a column with itself,
// else 0.
func (b *Basis) orthonormal() error {
	tolerance := value.Int128{Lo: basisOne}
	tolerance, _ = tolerance.Mul(value.Int128Of(basisOne / 1_000_000))
	for j := range b.Rank {
		for k := range j + 1 {
			var dot value.Int128
			for i := range b.Dim {
				dot = dot.Add(value.Int128Of(int64(b.U[i*b.Rank+j]) * int64(b.U[i*b.Rank+k])))
			}
			if j == k {
				dot = dot.Sub(value.Int128Of(1 << (2 * BasisBits)))
			}
			if dot.Cmp(tolerance) > 0 || dot.Cmp(tolerance.Neg()) < 0 {
				return fmt.Errorf("columns %d and %d are not orthonormal", k, j)
			}
		}
	}
	return nil
}

// AppendBinary appends the file of a basis (FORMAT.md §5.14): version, dim, rank,
// and the items by rows, four bytes each, little-endian.
func (b *Basis) AppendBinary(dst []byte) []byte {
	dst = append(dst, basisVersion)
	dst = binary.AppendUvarint(dst, uint64(b.Dim))
	dst = binary.AppendUvarint(dst, uint64(b.Rank))
	for _, u := range b.U {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(u))
	}
	return dst
}

// DecodeBasis reads what AppendBinary wrote. The basis has no name yet.
func DecodeBasis(b []byte) (*Basis, error) {
	if len(b) == 0 || b[0] != basisVersion {
		return nil, fmt.Errorf("basis: not version %d", basisVersion)
	}
	r := reader{b: b, at: 1}
	dim, rank := r.uvarint(), r.uvarint()
	if r.err != nil {
		return nil, fmt.Errorf("basis: %w", r.err)
	}
	if dim > MaxItems || rank > MaxItems || uint64(len(b)-r.at) != 4*dim*rank {
		return nil, fmt.Errorf("basis: %d bytes of items, want 4 * %d * %d", len(b)-r.at, dim, rank)
	}
	u := make([]int32, dim*rank)
	for i := range u {
		u[i] = int32(binary.LittleEndian.Uint32(b[r.at+4*i:]))
	}
	return NewBasis(int(dim), int(rank), u)
}

package merge

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

// BasisBits is how many bits after the point an item of a basis has.
const BasisBits = 30

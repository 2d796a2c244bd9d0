// Package basis finds the few directions that a stream's vectors mostly lie in:
// what features of kind low_rank are projected on.
//
// # Contract
//
// The rows of A are the vectors. [Find] makes an orthonormal basis of the space
// that its leading right singular vectors span, by randomized subspace
// iteration (Halko, Martinsson, Tropp, Finding structure with randomness, SIAM
// Review 53, 2011): algorithm 4.4 on the transpose of A, from a Gaussian matrix of
// rank + oversampling columns,
//
//	Q = orth(Ω);  Q = orth(AᵀA·Q), once and then for each power iteration
//
// and algorithm 5.1 for the directions within it: A·Q = W·Σ·Vᵀ, U = Q·V, from the
// eigenvectors of (A·Q)ᵀ(A·Q). Nothing is subtracted first: a low_rank adds up
// the vectors as they are.
//
// A is never in memory. It is read once to count it, once for each product, and
// once for the directions; memory is a few matrices of dim × (rank +
// oversampling) and one block of rows. A tenth of the rows, told by a hash of
// their identity, takes no part in the products and says how well the basis
// fits rows that it has not seen.
//
// The items of the basis are rounded to 2^-30 and the sign of each direction is
// such that its item of greatest size is positive. The same rows in the same
// order with the same [Config] give the same bytes on the same machine; machines
// may differ in the last bits, which is why the basis is a file and is never
// made anew.
//
// # Concurrency
//
// Find uses several processors. A [Rows] is read by one goroutine at a time.
//
// # Errors
//
// Rows that have another length than most are an error that counts them, unless
// they are to be left out. Fewer rows than directions, and rows of nothing but
// zeros, are errors.
//
// # Not here
//
// The bytes of a basis and what a low_rank does with it (pipelines/merge);
// where rows come from, but for reading them out of a history ([Field]).
package basis

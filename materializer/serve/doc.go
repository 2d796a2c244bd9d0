// Package serve answers HTTP: feature vectors with their age and a token, in
// Anabranch's own form and in Feast's, and what an operator asks of a region.
//
// Contract. An answer names what it was made of: the read time of each row, how
// old each value can be at most, and a signed token with the frontier of every
// partition that was touched. A budget (staleness, tokens to be covered, a
// deadline, a skew between views) is kept, or the answer is an error that says
// what is missing; only a request or policy that allows partial answers gets
// one, with a flag. One request sees one snapshot of the definitions, and all
// features of one view are read together, each partition at one instant.
//
// Ages are bounds that are known: they are computed before the rows are read,
// so a row can only be fresher than its age says.
//
// Concurrency. A [Server] is safe for concurrent use. Everything that a request
// may take is bounded by [Limits]; beyond MaxInFlight a request is refused at
// once instead of queueing.
//
// Errors. Anabranch's own paths answer with application/problem+json (RFC
// 9457). Feast's paths answer as Feast's clients read errors: a JSON string
// that holds {module, class, message}, with a status that they do not retry.
//
// Not here: what a value means (pipelines/fold), where rows live
// (materializer/state), how rows that are pushed become records
// (materializer/intake), who folds (materializer/worker). There is no plan but
// local: origin-split, quorum and strong reads are refused.
package serve

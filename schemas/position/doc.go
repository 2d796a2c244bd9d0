// Package position says where in which log: the identity of an event, how far
// a fold has come, and the tokens that carry that to a client and back.
//
// Contract: a [Frontier] maps logs to [Mark]s; a mark's Next is the first
// offset that is not folded, so an empty frontier has folded nothing. Frontiers
// join by taking the greater mark of each log; join is commutative, associative
// and idempotent. Bytes and text are canonical: equal frontiers print the same.
// A [Token] is signed with HMAC-SHA256 (RFC 2104), so that a service can trust
// the frontier a client hands back.
//
// Concurrency: frontiers are maps; their owner copies before sharing.
//
// Errors: decoders name the offset and leave nothing half-made; a token of
// another secret is [ErrSignature].
//
// Not here: what an offset means to a broker (connectors/kafka). Formats are
// FORMAT.md §3.
package position

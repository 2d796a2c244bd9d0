// Package mirror is the shell of rounds: it sends what its region folded of its
// own logs to one other region, over a link with a budget.
//
// Contract. A [Mirror] serves one peer. It works in waves: it waits for the
// interval and for the budget to be paid, takes one round from every view and
// partition that moved, together with the latest closings, sends them as one
// produce request, and starts the next wave when the peer's Kafka has
// acknowledged it. So a slow link or a small budget makes rounds coalesce more
// keys' changes instead of queueing. Only the region's own parts of a view ever
// leave it, and only to regions that may hold the view: that of its log, and
// behind it that of what it took back. Ids leave to all regions.
//
// What it has sent is noted in the region's store after the acknowledgement; a
// crash in between sends a round again, which the receiver drops or absorbs
// without effect. A round that was not acknowledged is taken again by its shard. A receiver that misses something asks by a record of its
// repairs topic, and gets a round from where it stands.
//
// The mirror of the region that leads the registry also copies the registry
// log, record by record, in order.
//
// Concurrency: Run starts its goroutines in one group and joins them; Status
// may be called from anywhere.
//
// Errors: an error of the peer is logged, kept for the status and retried; only
// the end of ctx ends Run. Not here: what a round holds (pipelines/round), the
// receiving side (materializer/worker).
package mirror

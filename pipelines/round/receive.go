package round

// Action is what a receiver does with a piece.
type Action uint8

// The actions.
const (
	Drop     Action = iota // all of it is folded already, or it is outdated
	Stage                  // kept until the rest of its round is there
	Apply                  // the round is whole: absorb Ready's pieces, then move the frontier to Hi
	Gap                    // the round begins beyond the frontier: ask for a full one
	TooLarge               // the round would take more than MaxStagedBytes; what was staged of it is forgotten
)

// Receiver stages the pieces of one log (one source and partition of one view)
// and decides by the frontier. The zero Receiver is ready. It is owned by one
// goroutine.
type Receiver struct {
	epoch  uint64
	round  uint64
	staged [][]byte
	bytes  int // in staged
}

// MaxStagedBytes bounds what a receiver keeps of an unfinished round.
const MaxStagedBytes = 1 << 30

// Step takes a piece and the frontier's next offset for its log; of a round of
// retractions also that of the log that they correct. The piece is kept if
// staged. After Apply, Ready has the round's pieces in order.
func (r *Receiver) Step(h Header, piece []byte, next, corrected int64) Action {
	if h.Epoch < r.epoch || h.Hi.Next <= next {
		return Drop
	}
	if h.Epoch != r.epoch || h.Round != r.round {
		r.epoch, r.round = h.Epoch, h.Round
		r.Done()
	}
	if h.Piece != len(r.staged) {
		return Drop
	}
	if h.Lo.Next > next || h.After > corrected {
		return Gap
	}
	if r.bytes += len(piece); r.bytes > MaxStagedBytes {
		r.Done()
		return TooLarge
	}
	r.staged = append(r.staged, piece)
	if len(r.staged) < h.Pieces {
		return Stage
	}
	return Apply
}

// Ready is the whole round after Apply, until the next Step.
func (r *Receiver) Ready() [][]byte { return r.staged }

// Staged reports whether pieces of an unfinished round are held, so that the
// delta topic's offset must not be stored beyond them.
func (r *Receiver) Staged() bool { return len(r.staged) > 0 }

// Done forgets the round that was applied.
func (r *Receiver) Done() {
	clear(r.staged)
	r.staged, r.bytes = r.staged[:0], 0
}

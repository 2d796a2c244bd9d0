package round

import (
	"testing"

	"anabranch.dev/anabranch/schemas/position"
)

func TestAReceiverKeepsNoMoreThanItsBound(t *testing.T) {
	var r Receiver
	head := func(round uint64, piece, pieces int) Header {
		return Header{Epoch: 1, Round: round, Piece: piece, Pieces: pieces, Hi: position.Mark{Next: 9}}
	}
	piece := make([]byte, MaxStagedBytes/4) // one array: the receiver does not copy
	for i := range 4 {
		if got := r.Step(head(1, i, 9), piece, 0, 0); got != Stage {
			t.Fatalf("piece %d: %v", i, got)
		}
	}
	if got := r.Step(head(1, 4, 9), []byte{1}, 0, 0); got != TooLarge || r.Staged() {
		t.Fatalf("one byte too many: %v, staged %v", got, r.Staged())
	}
	if got := r.Step(head(2, 0, 1), piece, 0, 0); got != Apply {
		t.Fatalf("the next round: %v", got)
	}
}

package round

import (
	"encoding/binary"
	"fmt"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Header says which round a piece belongs to.
type Header struct {
	View      string          // the view's name
	Instance  string          // hash of the view's meaning, 16 hex digits
	Source    position.Source // whose part it is
	Partition int32
	Epoch     uint64 // of the sender; grows at each of its starts
	Round     uint64 // counts the sender's rounds within an epoch
	Piece     int    // 0 to Pieces-1
	Pieces    int
	Lo, Hi    position.Mark
	// After is, of a round of retractions, how far the sender had folded the log
	// that they correct: a receiver that has folded less must not apply it, since
	// it would take back what it has not counted.
	After int64
	// Catalogue is the version of the definitions that the sender worked by. A
	// receiver that is behind waits for them before it judges the instance.
	Catalogue uint64
}

const (
	pieceVersion = 1
	maxPieces    = 1 << 16
)

func (h *Header) append(dst []byte) []byte {
	dst = append(dst, pieceVersion)
	dst = appendString(dst, h.View)
	dst = appendString(dst, h.Instance)
	dst = appendString(dst, h.Source.Origin)
	for _, u := range []uint64{
		uint64(h.Source.Incarnation), uint64(h.Partition), h.Catalogue, h.Epoch, h.Round,
		uint64(h.Piece), uint64(h.Pieces),
		uint64(h.Lo.Next), uint64(h.Lo.Stamp), uint64(h.Hi.Next), uint64(h.Hi.Stamp),
	} {
		dst = binary.AppendUvarint(dst, u)
	}
	if _, ok := h.Source.Retracts(); ok {
		dst = binary.AppendUvarint(dst, uint64(h.After))
	}
	return dst
}

// around puts the header before each body of a round.
func (h Header) around(bodies [][]byte) [][]byte {
	out := make([][]byte, len(bodies))
	for i, body := range bodies {
		h.Piece, h.Pieces = i, len(bodies)
		out[i] = append(h.append(make([]byte, 0, len(body)+96)), body...)
	}
	return out
}

// DecodeHeader reads a piece's header and returns the bytes used.
func DecodeHeader(b []byte) (Header, int, error) {
	if len(b) == 0 || b[0] != pieceVersion {
		return Header{}, 0, fmt.Errorf("piece: not version %d", pieceVersion)
	}
	d := value.NewCursor(b, 1)
	h := Header{View: d.Text(), Instance: d.Text(), Source: position.Source{Origin: d.Text(), Incarnation: uint32(d.Limited(1 << 31))}}
	h.Partition = int32(d.Limited(1 << 30))
	h.Catalogue, h.Epoch, h.Round = d.Uvarint(), d.Uvarint(), d.Uvarint()
	h.Piece, h.Pieces = int(d.Limited(maxPieces)), int(d.Limited(maxPieces))
	h.Lo = position.Mark{Next: int64(d.Limited(1 << 62)), Stamp: stamp.Stamp(d.Uvarint())}
	h.Hi = position.Mark{Next: int64(d.Limited(1 << 62)), Stamp: stamp.Stamp(d.Uvarint())}
	if _, ok := h.Source.Retracts(); ok {
		h.After = int64(d.Limited(1 << 62))
	}
	if d.Err() == nil && (h.Piece >= h.Pieces || h.Lo.Next > h.Hi.Next) {
		d.Fail("piece or marks out of range")
	}
	if d.Err() != nil {
		return Header{}, 0, fmt.Errorf("piece: %w", d.Err())
	}
	return h, d.At(), nil
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

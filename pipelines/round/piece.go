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
	return dst
}

// DecodeHeader reads a piece's header and returns the bytes used.
func DecodeHeader(b []byte) (Header, int, error) {
	if len(b) == 0 || b[0] != pieceVersion {
		return Header{}, 0, fmt.Errorf("piece: not version %d", pieceVersion)
	}
	d := decoder{b: b, at: 1}
	h := Header{View: d.string(), Instance: d.string(), Source: position.Source{Origin: d.string(), Incarnation: uint32(d.limited(1 << 31))}}
	h.Partition = int32(d.limited(1 << 30))
	h.Catalogue, h.Epoch, h.Round = d.uvarint(), d.uvarint(), d.uvarint()
	h.Piece, h.Pieces = int(d.limited(maxPieces)), int(d.limited(maxPieces))
	h.Lo = position.Mark{Next: int64(d.limited(1 << 62)), Stamp: stamp.Stamp(d.uvarint())}
	h.Hi = position.Mark{Next: int64(d.limited(1 << 62)), Stamp: stamp.Stamp(d.uvarint())}
	if d.err == nil && (h.Piece >= h.Pieces || h.Lo.Next > h.Hi.Next) {
		d.fail("piece or marks out of range")
	}
	if d.err != nil {
		return Header{}, 0, fmt.Errorf("piece: %w", d.err)
	}
	return h, d.at, nil
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// decoder walks bytes and remembers the first error.
type decoder struct {
	b   []byte
	at  int
	err error
}

func (d *decoder) fail(why string) {
	if d.err == nil {
		d.err = fmt.Errorf("at %d: %s", d.at, why)
	}
}

func (d *decoder) uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	u, n, err := value.Uvarint(d.b[d.at:])
	if err != nil {
		d.fail(err.Error())
		return 0
	}
	d.at += n
	return u
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) limited(limit uint64) uint64 {
	u := d.uvarint()
	if u > limit {
		d.fail("number out of range")
		return 0
	}
	return u
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if d.err != nil || n > uint64(len(d.b)-d.at) {
		d.fail("torn")
		return nil
	}
	d.at += int(n)
	return d.b[d.at-int(n) : d.at]
}

func (d *decoder) string() string { return string(d.bytes()) }

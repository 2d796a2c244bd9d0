package round

import (
	"encoding/binary"
	"fmt"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// ID is one record that counts in its origin's log: the hash that stands for
// its key and id, and where it is.
type ID struct {
	Hash   uint64
	Stamp  stamp.Stamp
	Offset int64
}

// IDWriter builds the pieces of a round of ids, which have no rows. Ids are
// added in the order of the log.
type IDWriter struct {
	head   Header
	limit  int
	count  int
	last   ID // of the piece at hand
	hashes []byte
	gaps   []byte
	millis []byte
	counts []byte
	pieces [][]byte
}

// NewIDWriter starts a round of ids. Piece and Pieces of head are filled in by
// Finish. A piece grows to about limit bytes.
func NewIDWriter(head Header, limit int) *IDWriter { return &IDWriter{head: head, limit: limit} }

// Add adds an id, which lies between the round's Lo and Hi.
func (w *IDWriter) Add(id ID) {
	w.hashes = binary.BigEndian.AppendUint64(w.hashes, id.Hash)
	w.gaps = binary.AppendUvarint(w.gaps, uint64(id.Offset-w.last.Offset))
	w.millis = binary.AppendUvarint(w.millis, uint64(id.Stamp.Millis()-w.last.Stamp.Millis()))
	w.counts = binary.AppendUvarint(w.counts, uint64(id.Stamp.Logical()))
	w.last, w.count = id, w.count+1
	if len(w.hashes)+len(w.gaps)+len(w.millis)+len(w.counts) >= w.limit {
		w.cut()
	}
}

func (w *IDWriter) cut() {
	body := binary.AppendUvarint(nil, uint64(w.count))
	for _, col := range []*[]byte{&w.hashes, &w.gaps, &w.millis, &w.counts} {
		body = appendBytes(body, *col)
		*col = (*col)[:0]
	}
	w.pieces = append(w.pieces, body)
	w.count, w.last = 0, ID{}
}

// Finish returns the round's pieces, at least one.
func (w *IDWriter) Finish() [][]byte {
	if w.count > 0 || len(w.pieces) == 0 {
		w.cut()
	}
	return w.head.around(w.pieces)
}

const hashBytes = 8

// DecodeIDs reads the ids of a piece whose header was read from b[:at].
func DecodeIDs(head Header, b []byte, at int) ([]ID, error) {
	c := value.NewCursor(b, at)
	count := c.Count(maxRows)
	hashes := c.Bytes()
	columns := [3]*value.Cursor{}
	for i := range columns {
		columns[i] = value.NewCursor(c.Bytes(), 0)
	}
	c.End()
	if c.Err() == nil && len(hashes) != hashBytes*count {
		c.Fail(fmt.Sprintf("%d bytes of hashes for %d ids", len(hashes), count))
	}
	if c.Err() != nil {
		return nil, fmt.Errorf("piece of ids: %w", c.Err())
	}
	ids, err := readIDs(head, hashes, columns)
	if err != nil {
		return nil, fmt.Errorf("piece of ids: %w", err)
	}
	return ids, nil
}

func readIDs(head Header, hashes []byte, columns [3]*value.Cursor) ([]ID, error) {
	gaps, millis, counts := columns[0], columns[1], columns[2]
	var ids []ID
	var last position.Mark // of the id before: its offset and stamp
	for i := 0; i < len(hashes); i += hashBytes {
		id := ID{Hash: binary.BigEndian.Uint64(hashes[i:]), Offset: last.Next + int64(gaps.Limited(1<<62))}
		ms := last.Stamp.Millis() + int64(millis.Limited(1<<48-1))
		id.Stamp = stamp.Stamp(ms)<<stamp.LogicalBits | stamp.Stamp(counts.Limited(1<<stamp.LogicalBits-1))
		switch {
		case i > 0 && (id.Offset <= last.Next || id.Stamp <= last.Stamp):
			gaps.Fail("ids out of order")
		case id.Offset < head.Lo.Next || id.Offset >= head.Hi.Next || ms >= 1<<48:
			gaps.Fail("id out of the round")
		}
		for _, col := range columns {
			if col.Err() != nil {
				return nil, fmt.Errorf("id %d: %w", i/hashBytes, col.Err())
			}
		}
		ids, last = append(ids, id), position.Mark{Next: id.Offset, Stamp: id.Stamp}
	}
	for _, col := range columns {
		if col.End(); col.Err() != nil {
			return nil, col.Err()
		}
	}
	return ids, nil
}

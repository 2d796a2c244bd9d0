package wire

import (
	"encoding/binary"
	"fmt"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Retraction is what the value of a record of a retraction log says: which
// record of the same region's stream, in the same partition, is taken back.
// Key and headers of the two are the same.
type Retraction struct {
	Stream      string
	Incarnation uint32
	Offset      int64
	Stamp       stamp.Stamp
	// AppendMillis and Value are the retracted record's: append time in
	// milliseconds, and value with its framing.
	AppendMillis int64
	Value        []byte
}

const retractionVersion = 1

// Append appends the retraction's canonical bytes (FORMAT.md §4.7).
func (r *Retraction) Append(dst []byte) []byte {
	dst = append(dst, retractionVersion)
	dst = append(binary.AppendUvarint(dst, uint64(len(r.Stream))), r.Stream...)
	for _, u := range []uint64{uint64(r.Incarnation), uint64(r.Offset), uint64(r.Stamp), uint64(r.AppendMillis)} {
		dst = binary.AppendUvarint(dst, u)
	}
	return append(dst, r.Value...)
}

// DecodeRetraction reads what Append wrote. Value shares b. An error names the
// offset.
func DecodeRetraction(b []byte) (Retraction, error) {
	if len(b) == 0 || b[0] != retractionVersion {
		return Retraction{}, fmt.Errorf("retraction: not version %d", retractionVersion)
	}
	c := value.NewCursor(b, 1)
	r := Retraction{Stream: c.Text(), Incarnation: uint32(c.Limited(1 << 31)), Offset: int64(c.Limited(1 << 62))}
	r.Stamp, r.AppendMillis = stamp.Stamp(c.Uvarint()), int64(c.Limited(1<<48-1))
	r.Value = c.Rest()
	if c.Err() == nil {
		if _, _, ok := Frame(r.Value); !ok {
			c.Fail(badFrame(r.Value))
		}
	}
	if c.Err() != nil {
		return Retraction{}, fmt.Errorf("retraction: %w", c.Err())
	}
	return r, nil
}

// Record is the record that is taken back, as it came: the headers are those
// of the retraction.
func (r *Retraction) Record(key []byte, header func(string) ([]byte, bool), partition int32) Record {
	return Record{Key: key, Value: r.Value, Header: header, Partition: partition, Offset: r.Offset, AppendMillis: r.AppendMillis}
}

// RetractedID is the event id under which history keeps a retraction: the
// offset of the record that is taken back.
func RetractedID(offset int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(offset)) }

// Retracted is the offset of RetractedID, and whether id is one.
func Retracted(id []byte) (offset int64, ok bool) {
	if len(id) != 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(id)), true
}

package wire

import "encoding/binary"

// FrameSize is the number of bytes before the Avro body of a record's value.
const FrameSize = 5

// MaxEventSize bounds a record's value, framing included, in bytes.
const MaxEventSize = 1 << 20

// Frame splits a record's value into schema id and Avro body, which shares
// value. It reports false if the value is shorter than the framing or does not
// begin with magic byte 0.
func Frame(value []byte) (schemaID int32, body []byte, ok bool) {
	if len(value) < FrameSize || value[0] != 0 {
		return 0, nil, false
	}
	return int32(binary.BigEndian.Uint32(value[1:])), value[FrameSize:], true
}

// AppendFrame appends the framing of a body written with schema id.
//
//	Frame(append(AppendFrame(nil, id), body...)) == id, body, true
func AppendFrame(dst []byte, schemaID int32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(schemaID))
}

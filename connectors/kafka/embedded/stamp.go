package embedded

import (
	"encoding/binary"
	"hash/crc32"
)

// Layout of a record batch, message format v2 (Kafka protocol guide, "Record
// Batch"). The checksum covers everything from the attributes on, so that a
// broker may set offsets and the leader epoch without computing it anew.
const (
	lengthAt     = 8
	magicAt      = 16
	checksumAt   = 17
	attributesAt = 21
	firstTimeAt  = 27
	maxTimeAt    = 35
	headerBytes  = 61

	lengthPrefix = lengthAt + 4 // bytes not counted by the length field

	logAppendTimeBit  = 0x08
	controlBit        = 0x20
	deleteHorizonBit  = 0x40
	supportedMagic    = 2
	brokerOwnedBits   = logAppendTimeBit | deleteHorizonBit
	attributesLowByte = attributesAt + 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stampProduced writes ms as the time of the one batch in records and reports
// whether it did. Anything that is not exactly one whole v2 batch with a right
// checksum is left as it is, for the broker to refuse: stamping it would give
// corrupt bytes a valid checksum.
func stampProduced(records []byte, ms int64) bool {
	if len(records) < headerBytes || batchSize(records) != len(records) || !intact(records) {
		return false
	}
	records[attributesLowByte] &^= brokerOwnedBits
	binary.BigEndian.PutUint64(records[firstTimeAt:], uint64(ms))
	binary.BigEndian.PutUint64(records[maxTimeAt:], uint64(ms))
	seal(records)
	return true
}

// markFetched sets the LogAppendTime bit of every data batch in records. A
// partial last batch, control batches (written by the broker itself) and
// batches whose checksum is wrong are left alone: a reader must see the damage.
func markFetched(records []byte) {
	for len(records) >= headerBytes {
		size := batchSize(records)
		if size < headerBytes || size > len(records) {
			return
		}
		if b := records[:size]; b[attributesLowByte]&controlBit == 0 && intact(b) {
			b[attributesLowByte] |= logAppendTimeBit
			seal(b)
		}
		records = records[size:]
	}
}

// batchSize is the whole size in bytes that the batch claims; it may be any
// number, also a negative one.
func batchSize(b []byte) int {
	return int(int32(binary.BigEndian.Uint32(b[lengthAt:]))) + lengthPrefix
}

func intact(b []byte) bool {
	return b[magicAt] == supportedMagic &&
		binary.BigEndian.Uint32(b[checksumAt:]) == crc32.Checksum(b[attributesAt:], castagnoli)
}

func seal(b []byte) {
	binary.BigEndian.PutUint32(b[checksumAt:], crc32.Checksum(b[attributesAt:], castagnoli))
}

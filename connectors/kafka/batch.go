package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Layout of a record batch, message format v2 (Kafka protocol guide, "Record
// Batch").
const (
	offsetAt     = 0
	lengthAt     = 8
	epochAt      = 12
	magicAt      = 16
	checksumAt   = 17
	attributesAt = 21
	lastDeltaAt  = 23
	firstTimeAt  = 27
	maxTimeAt    = 35
	producerAt   = 43
	prodEpochAt  = 51
	countAt      = 57
	headerBytes  = 61

	lengthPrefix = lengthAt + 4

	codecBits       = 0x07
	logAppendBit    = 0x08
	transactionBit  = 0x10
	controlBit      = 0x20
	supportedMagic  = 2
	minRecordLength = 7 // one byte for each of length, attributes, time, offset, key, value, headers
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is one decoded batch: its records, decompressed, checked to be whole.
type batch struct {
	first, last int64 // offsets that the batch covers
	from        int64 // records below are not wanted
	epoch       int32
	firstTime   int64
	maxTime     int64
	logAppend   bool
	control     bool
	transaction bool
	producer    int64
	prodEpoch   int16
	count       int    // records in raw
	wanted      int    // records at or above from
	raw         []byte // the records, uncompressed
}

// errCut says that the bytes end inside a batch, which is how a broker answers
// when the size limit falls there.
var errCut = errors.New("batch is cut")

// nextBatch decodes the first batch of b, wanting records at or above from,
// and returns the bytes behind it.
func nextBatch(b []byte, from int64, codec kgo.Decompressor) (batch, []byte, error) {
	if len(b) < lengthPrefix {
		return batch{}, nil, errCut
	}
	size := int(int32(binary.BigEndian.Uint32(b[lengthAt:]))) + lengthPrefix
	if size > len(b) {
		return batch{}, nil, errCut
	}
	if size < headerBytes {
		return batch{}, nil, fmt.Errorf("batch of %d bytes: shorter than its header", size)
	}
	b, rest := b[:size:size], b[size:]
	if b[magicAt] != supportedMagic {
		return batch{}, nil, fmt.Errorf("message format %d: only 2 is read", b[magicAt])
	}
	if sum := crc32.Checksum(b[attributesAt:], castagnoli); sum != binary.BigEndian.Uint32(b[checksumAt:]) {
		return batch{}, nil, errors.New("checksum is wrong")
	}
	d := header(b)
	d.from = from
	if d.last < from {
		return d, rest, nil // not wanted at all, do not unpack it
	}
	if err := d.unpack(b, codec); err != nil {
		return batch{}, nil, err
	}
	return d, rest, nil
}

func header(b []byte) batch {
	attributes := binary.BigEndian.Uint16(b[attributesAt:])
	first := int64(binary.BigEndian.Uint64(b[offsetAt:]))
	return batch{
		first:       first,
		last:        first + int64(int32(binary.BigEndian.Uint32(b[lastDeltaAt:]))),
		epoch:       int32(binary.BigEndian.Uint32(b[epochAt:])),
		firstTime:   int64(binary.BigEndian.Uint64(b[firstTimeAt:])),
		maxTime:     int64(binary.BigEndian.Uint64(b[maxTimeAt:])),
		producer:    int64(binary.BigEndian.Uint64(b[producerAt:])),
		prodEpoch:   int16(binary.BigEndian.Uint16(b[prodEpochAt:])),
		count:       int(int32(binary.BigEndian.Uint32(b[countAt:]))),
		logAppend:   attributes&logAppendBit != 0,
		transaction: attributes&transactionBit != 0,
		control:     attributes&controlBit != 0,
	}
}

// unpack sets raw and walks it once, so that no later walk can fail.
func (d *batch) unpack(b []byte, codec kgo.Decompressor) error {
	d.raw = b[headerBytes:]
	if c := kgo.CompressionCodecType(b[attributesAt+1] & codecBits); c != kgo.CodecNone {
		raw, err := codec.Decompress(d.raw, c)
		if err != nil {
			return fmt.Errorf("decompress: %w", err)
		}
		d.raw = raw
	}
	if d.count < 0 || d.count > len(d.raw)/minRecordLength {
		return fmt.Errorf("%d records in %d bytes", d.count, len(d.raw))
	}
	return d.check()
}

// check walks the records, and counts the wanted ones.
func (d *batch) check() error {
	var r Record
	c := cursor{b: d.raw}
	prev := d.first - 1
	for range d.count {
		if !d.read(&c, &r) {
			return errors.New("record is cut or malformed")
		}
		if r.Offset <= prev || r.Offset > d.last {
			return fmt.Errorf("record offset %d after %d, in a batch up to %d", r.Offset, prev, d.last)
		}
		prev = r.Offset
		if r.Offset >= d.from {
			d.wanted++
		}
	}
	if len(c.b) != 0 {
		return fmt.Errorf("%d bytes after the last record", len(c.b))
	}
	return nil
}

// read decodes the next record into r, reusing its headers, and reports whether
// it is well formed.
func (d *batch) read(c *cursor, r *Record) bool {
	body := cursor{b: c.take(c.varint())}
	if c.bad || len(body.b) == 0 {
		return false
	}
	body.b = body.b[1:] // attributes: none are defined
	delta := body.varint()
	r.Offset = d.first + body.varint()
	r.Key, r.KeyNull = body.bytes()
	r.Value, r.ValueNull = body.bytes()
	r.Headers = body.headers(r.Headers[:0])
	r.LeaderEpoch = d.epoch
	r.LogAppend = d.logAppend
	r.AppendTime = d.maxTime
	if !d.logAppend {
		r.AppendTime = d.firstTime + delta
	}
	return !body.bad && len(body.b) == 0
}

// cursor reads the variable-length fields of a record. After a bad read it
// stays bad and returns zeros.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.bad = true
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) take(n int64) []byte {
	if c.bad || n < 0 || n > int64(len(c.b)) {
		c.bad = true
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

// bytes reads a nullable string of bytes.
func (c *cursor) bytes() (b []byte, null bool) {
	n := c.varint()
	if n == -1 && !c.bad {
		return nil, true
	}
	return c.take(n), false
}

func (c *cursor) headers(into []Header) []Header {
	n := c.varint()
	if n < 0 || n > int64(len(c.b)) {
		c.bad = true
	}
	for i := int64(0); i < n && !c.bad; i++ {
		key := c.take(c.varint())
		value, _ := c.bytes()
		into = append(into, Header{Key: keyText(into, key), Value: value})
	}
	return into
}

// keyText is key as a string. Neighbouring records mostly have the same headers,
// so the string that the record before left in this place is taken if it fits.
func keyText(into []Header, key []byte) string {
	if n := len(into); n < cap(into) {
		if old := into[: n+1 : n+1][n].Key; old == string(key) {
			return old
		}
	}
	return string(key)
}

// each yields the wanted records of a batch through r.
func (d *batch) each(r *Record, yield func(*Record) bool) bool {
	c := cursor{b: d.raw}
	for range d.count {
		if !d.read(&c, r) {
			panic("BUG: a checked batch cannot be read")
		}
		if r.Offset >= d.from && !yield(r) {
			return false
		}
	}
	return true
}

// Records are the records of one partition in one Poll.
type Records struct {
	Topic     string
	Partition int32

	// From is where they begin: it is the Next of those before, or the offset
	// that was asked for. Who has Added the partition again since, with another
	// offset, tells by it what is outdated.
	From int64

	// Next is the offset up to which the partition is read: everything below
	// it is in this or an earlier Poll, or is no committed record. It may lie
	// beyond the last record, and grow without any.
	Next int64

	// Count is the number of records.
	Count int

	// HighWatermark, LastStable and LogStart are what the broker said with
	// these records; LastStable bounds what is committed.
	HighWatermark, LastStable, LogStart int64

	// LeaderEpoch is the epoch of the last batch read, -1 before the first.
	LeaderEpoch int32

	// Err stopped the partition: *GapError, *IdentityError, *CorruptError, or
	// another that does not pass by itself. It comes once, without records.
	Err error

	batches []batch
}

// All yields the records in order. The *Record is one variable, overwritten by
// each step; its slices stay valid, and must not be changed, for as long as
// they are referenced. A second call yields them again.
func (p *Records) All() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		r := Record{Topic: p.Topic, Partition: p.Partition}
		for i := range p.batches {
			if !p.batches[i].each(&r, yield) {
				return
			}
		}
	}
}

// Collect copies the records.
func (p *Records) Collect() []Record {
	out := make([]Record, 0, p.Count)
	for r := range p.All() {
		out = append(out, r.clone())
	}
	return out
}

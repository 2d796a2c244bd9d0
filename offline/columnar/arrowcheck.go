package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The parts of Arrow's flatbuffers whose lengths its library believes: fields by their numbers in Message.fbs and
// Schema.fbs.
const (
	messageHeaderType = 1
	messageHeader     = 2
	messageBodyLength = 3
	schemaFields      = 1
	schemaMetadata    = 2
	fieldChildren     = 5
	fieldMetadata     = 6
	dictionaryData    = 1
	batchLength       = 0
	batchNodes        = 1
	batchBuffers      = 2
	batchCompression  = 3
	batchCounts       = 4

	headerSchema     = 1
	headerDictionary = 2
	headerBatch      = 3
)

var errFlatbuffer = errors.New("damaged metadata")

// table is a flatbuffer table at a place in its buffer.
type table struct {
	buf []byte
	at  int
}

func root(buf []byte) (table, error) {
	at, err := u32(buf, 0)
	return table{buf, at}, err
}

func u32(buf []byte, at int) (int, error) {
	if at < 0 || at > len(buf)-4 {
		return 0, errFlatbuffer
	}
	return int(binary.LittleEndian.Uint32(buf[at:])), nil
}

// place is where field n of t lies; 0 if it is absent.
func (t table) place(n int) (int, error) {
	back, err := u32(t.buf, t.at)
	if err != nil {
		return 0, err
	}
	v := t.at - int(int32(back))
	if v < 0 || v > len(t.buf)-4 {
		return 0, errFlatbuffer
	}
	slot := v + 4 + 2*n
	if slot >= v+int(binary.LittleEndian.Uint16(t.buf[v:])) {
		return 0, nil
	}
	if slot > len(t.buf)-2 {
		return 0, errFlatbuffer
	}
	offset := int(binary.LittleEndian.Uint16(t.buf[slot:]))
	if offset == 0 {
		return 0, nil
	}
	return t.at + offset, nil
}

func (t table) number(n int) (int64, error) {
	at, err := t.place(n)
	if err != nil || at == 0 {
		return 0, err
	}
	if at > len(t.buf)-8 {
		return 0, errFlatbuffer
	}
	return int64(binary.LittleEndian.Uint64(t.buf[at:])), nil
}

// sub is the table that field n refers to; at is 0 if it is absent.
func (t table) sub(n int) (table, error) {
	at, err := t.place(n)
	if err != nil || at == 0 {
		return table{}, err
	}
	to, err := u32(t.buf, at)
	return table{t.buf, at + to}, err
}

// vector is where the items of vector field n begin and how many there are, all of them within the buffer.
func (t table) vector(n, itemSize int) (first, count int, err error) {
	at, err := t.sub(n)
	if err != nil || at.at == 0 {
		return 0, 0, err
	}
	count, err = u32(t.buf, at.at)
	if err == nil && count > (len(t.buf)-at.at-4)/itemSize {
		err = errFlatbuffer
	}
	return at.at + 4, count, err
}

// checkMessage verifies a message's lengths and returns that of its body.
func checkMessage(meta []byte) (int64, error) {
	m, err := root(meta)
	if err != nil {
		return 0, err
	}
	header, err := m.sub(messageHeader)
	if err != nil {
		return 0, err
	}
	if kind, err := m.kind(); err != nil {
		return 0, err
	} else if kind == headerSchema {
		budget := len(meta)
		if err := checkFields(header, schemaFields, schemaMetadata, 16, &budget); err != nil {
			return 0, err
		}
	}
	n, err := m.number(messageBodyLength)
	if err == nil && (n < 0 || n > maxArrowBody) {
		err = fmt.Errorf("body of %d bytes: want at most %d", n, int64(maxArrowBody))
	}
	return n, err
}

func (t table) kind() (byte, error) {
	at, err := t.place(messageHeaderType)
	if err != nil || at >= len(t.buf) {
		return 0, errFlatbuffer
	}
	return t.buf[at], nil
}

// checkFields walks the fields below t. A table may be referred to more than once, so the walk has a budget.
func checkFields(t table, fields, metadata, depth int, budget *int) error {
	if *budget--; depth == 0 || *budget < 0 {
		return errFlatbuffer
	}
	if _, _, err := t.vector(metadata, 4); err != nil {
		return err
	}
	first, count, err := t.vector(fields, 4)
	for i := 0; err == nil && i < count; i++ {
		var to int
		at := first + 4*i
		if to, err = u32(t.buf, at); err == nil {
			err = checkFields(table{t.buf, at + to}, fieldChildren, fieldMetadata, depth-1, budget)
		}
	}
	return err
}

// checkBody verifies that the buffers of a record or dictionary batch lie within its body and do not announce more than
// they may once they are decompressed.
func checkBody(meta, body []byte) error {
	m, err := root(meta)
	if err != nil {
		return err
	}
	batch, err := m.sub(messageHeader)
	if err != nil {
		return err
	}
	kind, err := m.kind()
	if err != nil {
		return err
	}
	switch kind {
	case headerDictionary:
		if batch, err = batch.sub(dictionaryData); err != nil {
			return err
		}
	case headerBatch:
	default:
		return nil
	}
	return checkBatch(batch, body)
}

func checkBatch(batch table, body []byte) error {
	most := min(maxArrowRows, 1<<20+4096*int64(len(body)))
	if n, err := batch.number(batchLength); err != nil || n < 0 || n > most {
		return fmt.Errorf("batch of %d rows in %d bytes", n, len(body))
	}
	first, count, err := batch.vector(batchNodes, 16)
	if err != nil {
		return err
	}
	for at := first; at < first+16*count; at += 16 {
		if n := binary.LittleEndian.Uint64(batch.buf[at:]); n > uint64(most) {
			return fmt.Errorf("column of %d items in %d bytes", n, len(body))
		}
	}
	if _, _, err := batch.vector(batchCounts, 8); err != nil {
		return err
	}
	compression, err := batch.place(batchCompression)
	if err != nil {
		return err
	}
	return checkBuffers(batch, body, compression != 0)
}

func checkBuffers(batch table, body []byte, compressed bool) error {
	first, count, err := batch.vector(batchBuffers, 16)
	if err != nil {
		return err
	}
	total := uint64(0)
	for at := first; at < first+16*count; at += 16 {
		from := binary.LittleEndian.Uint64(batch.buf[at:])
		size := binary.LittleEndian.Uint64(batch.buf[at+8:])
		if from > uint64(len(body)) || size > uint64(len(body))-from {
			return fmt.Errorf("buffer of %d bytes at %d of %d", size, from, len(body))
		}
		if !compressed || size < 8 {
			continue
		}
		plain, err := decompressed(body[from : from+size])
		if total += plain; err != nil || total > maxArrowBody {
			return fmt.Errorf("over %d bytes decompressed", total)
		}
	}
	return nil
}

// maxRatio is what zstd makes of a constant, and a little more.
const maxRatio = 1 << 16

// decompressed is the length that a compressed buffer announces, if it is possible.
func decompressed(buffer []byte) (uint64, error) {
	plain := binary.LittleEndian.Uint64(buffer)
	if plain == ^uint64(0) { // not compressed after all
		return 0, nil
	}
	if plain > 1<<20 && plain/maxRatio > uint64(len(buffer)) {
		return 0, errFlatbuffer
	}
	return plain, nil
}

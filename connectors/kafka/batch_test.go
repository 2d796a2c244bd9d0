package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// encode is a batch as kmsg writes it.
func encode(first int64, attributes int16, producer int64, epoch int16, records ...kmsg.Record) []byte {
	rb := kmsg.NewRecordBatch()
	rb.FirstOffset, rb.PartitionLeaderEpoch, rb.Magic = first, 7, 2
	rb.Attributes = attributes
	rb.FirstTimestamp, rb.MaxTimestamp = 1000, 2000
	rb.ProducerID, rb.ProducerEpoch, rb.FirstSequence = producer, epoch, 0
	rb.NumRecords = int32(len(records))
	for i, r := range records {
		r.OffsetDelta = int32(i)
		r.Length = 0
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		rb.Records = r.AppendTo(rb.Records)
		rb.LastOffsetDelta = int32(i)
	}
	raw := rb.AppendTo(nil)
	return resum(raw)
}

func resum(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[lengthAt:], uint32(len(raw)-lengthPrefix))
	binary.BigEndian.PutUint32(raw[checksumAt:], crc32.Checksum(raw[attributesAt:], castagnoli))
	return raw
}

func value(s string) kmsg.Record {
	r := kmsg.NewRecord()
	r.Value = []byte(s)
	r.TimestampDelta64 = 5
	return r
}

// marker is the control record that ends a transaction.
func marker(commit uint16) kmsg.Record {
	r := kmsg.NewRecord()
	r.Key = binary.BigEndian.AppendUint16([]byte{0, 0}, commit)
	r.Value = []byte{0, 0, 0, 0, 0, 0}
	return r
}

func decodeAll(t *testing.T, from int64, rp kmsg.FetchResponseTopicPartition) (values []string, next int64) {
	t.Helper()
	c := chunk{Records: Records{Topic: "t", Next: from}}
	if err := c.decode(&rp); err != nil {
		t.Fatal(err)
	}
	for r := range c.All() {
		values = append(values, fmt.Sprint(r.Offset, string(r.Value)))
	}
	if len(values) != c.Count {
		t.Fatalf("%d values, Count %d", len(values), c.Count)
	}
	return values, c.Next
}

func TestTimeTypeDecidesTheTime(t *testing.T) {
	for attributes, want := range map[int16]int64{0: 1005, logAppendBit: 2000} {
		d, rest, err := nextBatch(encode(10, attributes, -1, -1, value("v")), 0, decompressor)
		if err != nil || len(rest) != 0 {
			t.Fatal(err)
		}
		p := Records{batches: []batch{d}}
		for r := range p.All() {
			if r.AppendTime != want || r.LogAppend != (attributes != 0) || r.LeaderEpoch != 7 || r.Offset != 10 {
				t.Errorf("%+v, want time %d", r, want)
			}
		}
	}
}

func TestAbortedTransactionsAreSkipped(t *testing.T) {
	const tx, ctl = transactionBit, transactionBit | controlBit
	raw := bytes.Join([][]byte{
		encode(0, tx, 1, 0, value("a"), value("b")), // aborted
		encode(2, tx, 2, 0, value("c")),             // committed
		encode(3, 0, -1, -1, value("d")),
		encode(4, ctl, 1, 0, marker(0)),
		encode(5, tx, 1, 0, value("e")), // committed, same producer
		encode(6, ctl, 2, 0, marker(1)),
		encode(7, ctl, 1, 0, marker(1)),
		encode(8, tx, 1, 0, value("f")), // aborted
		encode(9, ctl, 1, 0, marker(0)),
		encode(10, tx, 3, 0, value("g")), // aborted by a crash: no marker
		encode(11, tx, 3, 1, value("h")), // the producer's next life
		encode(12, ctl, 3, 1, marker(1)),
		encode(13, tx, 4, 0, value("i"), value("j")), // aborted, nothing after it
	}, nil)
	aborts := []kmsg.FetchResponseTopicPartitionAbortedTransaction{
		{ProducerID: 4, FirstOffset: 13}, {ProducerID: 1, FirstOffset: 8}, {ProducerID: 1, FirstOffset: 0}, {ProducerID: 3, FirstOffset: 10},
	}
	got, next := decodeAll(t, 0, kmsg.FetchResponseTopicPartition{RecordBatches: raw, AbortedTransactions: aborts})
	if want := "[2c 3d 5e 11h]"; fmt.Sprint(got) != want || next != 15 {
		t.Errorf("got %v up to %d, want %s up to 15", got, next, want)
	}
}

func TestACutTailIsAskedForAgain(t *testing.T) {
	raw := bytes.Join([][]byte{encode(0, 0, -1, -1, value("a")), encode(1, 0, -1, -1, value("b"))}, nil)
	one := len(raw) / 2
	for cut := one; cut < len(raw); cut++ {
		got, next := decodeAll(t, 0, kmsg.FetchResponseTopicPartition{RecordBatches: raw[:cut]})
		if fmt.Sprint(got) != "[0a]" || next != 1 {
			t.Fatalf("cut at %d: %v up to %d", cut, got, next)
		}
	}
}

func TestEmptyBatchesMoveOn(t *testing.T) {
	raw := encode(0, 0, -1, -1)
	binary.BigEndian.PutUint32(raw[lastDeltaAt:], 41) // compacted away
	got, next := decodeAll(t, 0, kmsg.FetchResponseTopicPartition{RecordBatches: resum(raw)})
	if len(got) != 0 || next != 42 {
		t.Errorf("%v up to %d", got, next)
	}
}

func TestDamageIsNamed(t *testing.T) {
	good := encode(0, 0, -1, -1, value("a"), value("b"))
	change := func(at int, to byte, sum bool) []byte {
		b := bytes.Clone(good)
		b[at] = to
		if sum {
			b = resum(b)
		}
		return b
	}
	for name, raw := range map[string][]byte{
		"checksum":     change(len(good)-1, 'x', false),
		"format":       change(magicAt, 1, false),
		"count":        change(countAt, 0x7f, true),
		"fewer":        change(countAt+3, 1, true),
		"record":       change(headerBytes, 0x7f, true),
		"codec":        change(attributesAt+1, 5, true),
		"compressed":   change(attributesAt+1, 4, true),
		"last offset":  change(lastDeltaAt+3, 0, true),
		"short header": append([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10}, make([]byte, 60)...),
	} {
		if _, _, err := nextBatch(raw, 0, decompressor); err == nil || errors.Is(err, errCut) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBatchesDecodeAsTheLibraryDecodesThem judges the decoder by franz-go's own.
func TestBatchesDecodeAsTheLibraryDecodesThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var raw []byte
		offset := int64(0)
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			n := rapid.IntRange(0, 5).Draw(t, "records")
			var rs []kmsg.Record
			for range n {
				r := kmsg.NewRecord()
				r.Key = nullable(t, "key")
				r.Value = nullable(t, "value")
				r.TimestampDelta64 = rapid.Int64Range(-1e6, 1e6).Draw(t, "time")
				for range rapid.IntRange(0, 2).Draw(t, "headers") {
					r.Headers = append(r.Headers, kmsg.Header{Key: rapid.String().Draw(t, "name"), Value: nullable(t, "header")})
				}
				rs = append(rs, r)
			}
			raw = append(raw, encode(offset, int16(rapid.SampledFrom([]int{0, logAppendBit}).Draw(t, "type")), -1, -1, rs...)...)
			offset += int64(max(n, 1))
		}
		from := rapid.Int64Range(0, offset).Draw(t, "from")
		rp := kmsg.FetchResponseTopicPartition{RecordBatches: raw}
		want, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: "t", Offset: from}, &rp, decompressor, nil)
		c := chunk{Records: Records{Topic: "t", Next: from}}
		if err := c.decode(&rp); err != nil || want.Err != nil {
			t.Fatal(err, want.Err)
		}
		got := c.Collect()
		if len(got) != len(want.Records) || c.Next != next {
			t.Fatalf("%d records up to %d, want %d up to %d", len(got), c.Next, len(want.Records), next)
		}
		for i, w := range want.Records {
			same(t, got[i], w)
		}
	})
}

func nullable(t *rapid.T, label string) []byte {
	if rapid.Bool().Draw(t, label+" is null") {
		return nil
	}
	return rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, label)
}

func same(t *rapid.T, got Record, want *kgo.Record) {
	ok := got.Offset == want.Offset && bytes.Equal(got.Key, want.Key) && bytes.Equal(got.Value, want.Value) &&
		got.KeyNull == (want.Key == nil) && got.ValueNull == (want.Value == nil) &&
		got.AppendTime == want.Timestamp.UnixMilli() && got.LogAppend == (want.Attrs.TimestampType() == 1) &&
		len(got.Headers) == len(want.Headers)
	for i := 0; ok && i < len(want.Headers); i++ {
		g, w := got.Headers[i], want.Headers[i]
		ok = g.Key == w.Key && bytes.Equal(g.Value, w.Value) && (g.Value == nil) == (w.Value == nil)
	}
	if !ok {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

func FuzzNextBatch(f *testing.F) {
	f.Add(encode(0, 0, -1, -1, value("a"), value("b")), int64(0))
	f.Add(encode(5, transactionBit|controlBit, 1, 0, marker(0)), int64(3))
	f.Add(encode(0, 0, -1, -1), int64(0))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), int64(0))
	f.Fuzz(func(t *testing.T, raw []byte, from int64) {
		if len(raw) >= headerBytes {
			raw = resum(bytes.Clone(raw)) // let it get past the checksum
		}
		d, rest, err := nextBatch(raw, from, decompressor)
		if err != nil {
			return
		}
		if len(rest) >= len(raw) {
			t.Fatal("no bytes were used")
		}
		p := Records{batches: []batch{d}}
		n := 0
		if d.last >= from {
			for r := range p.All() {
				if r.Offset < from || r.Offset > d.last {
					t.Fatalf("offset %d outside %d to %d", r.Offset, from, d.last)
				}
				n++
			}
		}
		if n != d.wanted {
			t.Fatalf("%d records, %d wanted", n, d.wanted)
		}
	})
}

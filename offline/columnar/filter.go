package columnar

import (
	"bytes"
	"fmt"

	"github.com/parquet-go/parquet-go"

	"anabranch.dev/anabranch/schemas/value"
)

// filterBits is the size of a bloom filter for each distinct value: about one false answer in a hundred.
const filterBits = 10

// A column with a bloom filter is dictionary-encoded, because the library sizes and fills its filter from the dictionary:
// by distinct values, and in one go. It also stops adding to a dictionary that has outgrown a limit, and a filter must not
// deny a value that is there. So a row group ends before its dictionary could reach the limit.
const (
	dictionaryBytes = 1 << 20 // without filters, where a full dictionary only means plain pages
	filterableBytes = 64 << 20
	filterFullBytes = 48 << 20
)

func newFilter(name string) parquet.BloomFilterColumn {
	return parquet.SplitBlockFilter(filterBits, name)
}

// filter bounds the dictionary of a column from above: by the bytes of its runs of equal values.
type filter struct {
	bytes int
	last  []byte
	n     int64
}

// runOverhead is what an entry of a dictionary costs beside its bytes, at most.
const runOverhead = 8

func (f *filter) reset() { f.bytes = 0 }

func (f *filter) full() bool { return f.bytes >= filterFullBytes }

func (f *filter) count(v *Vector, i, j int) error {
	text := v.Type.Kind == value.String || v.Type.Kind == value.Bytes
	for ; i < j; i++ {
		switch {
		case v.Null(i):
		case text && (f.bytes == 0 || !bytes.Equal(f.last, v.Bytes(i))):
			f.last = append(f.last[:0], v.Bytes(i)...)
			f.bytes += len(f.last) + runOverhead
		case !text && (f.bytes == 0 || f.n != v.N[i]):
			f.n = v.N[i]
			f.bytes += 8 + runOverhead
		}
	}
	if f.bytes >= filterableBytes {
		return fmt.Errorf("values are too large for a bloom filter")
	}
	return nil
}

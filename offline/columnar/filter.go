package columnar

import (
	"bytes"

	"github.com/parquet-go/parquet-go"

	"anabranch.dev/anabranch/schemas/value"
)

// filterBits is the size of a bloom filter for each distinct value: about one false answer in a hundred.
const filterBits = 10

// filter is a split block bloom filter sized by the runs of equal values in the row group: exact where the column is
// sorted, where the library would count every row.
type filter struct {
	parquet.BloomFilterColumn
	runs int64
	last []byte
	n    int64
}

func newFilter(name string) *filter {
	return &filter{BloomFilterColumn: parquet.SplitBlockFilter(filterBits, name)}
}

// Size is called when the row group is whole.
func (f *filter) Size(int64) int { return f.BloomFilterColumn.Size(max(f.runs, 1)) }

func (f *filter) reset() { f.runs = 0 }

func (f *filter) count(v *Vector, i, j int) {
	text := v.Type.Kind == value.String || v.Type.Kind == value.Bytes
	for ; i < j; i++ {
		switch {
		case v.Null(i):
		case text && (f.runs == 0 || !bytes.Equal(f.last, v.Bytes(i))):
			f.last = append(f.last[:0], v.Bytes(i)...)
			f.runs++
		case !text && (f.runs == 0 || f.n != v.N[i]):
			f.n = v.N[i]
			f.runs++
		}
	}
}

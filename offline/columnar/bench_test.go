package columnar

import (
	"fmt"
	"io"
	"testing"

	"anabranch.dev/anabranch/schemas/value"
)

const benchRows = 1 << 18

// eventBatch is 12 columns as an events table has: key, times, position, fields.
func eventBatch() *Batch {
	s := Schema{{Name: "key", Type: value.Of(value.String)}}
	for i := range 8 {
		s = append(s, Column{Name: fmt.Sprint("n", i), Type: int64Type})
	}
	s = append(s, Column{Name: "at", Type: value.Of(value.Timestamp)}, Column{Name: "f", Type: value.Of(value.Float64), Nullable: true}, Column{Name: "s", Type: value.Of(value.String), Nullable: true})
	b := NewBatch(s)
	for i := range int64(benchRows) {
		b.Cols[0].AppendBytes(fmt.Appendf(nil, "user%06d", i/10))
		for c := int64(1); c < 9; c++ {
			b.Cols[c].AppendInt(i * c * 7919 % 10007)
		}
		b.Cols[9].AppendInt(i * 1000)
		if i%10 == 0 {
			b.Cols[10].AppendNull()
			b.Cols[11].AppendNull()
			continue
		}
		b.Cols[10].Append(value.Float(float64(i) / 3))
		b.Cols[11].AppendBytes(fmt.Appendf(nil, "item%d", i%100))
	}
	b.Rows = benchRows
	return b
}

func BenchmarkWrite(b *testing.B) {
	all := eventBatch()
	ints := &Batch{Schema: all.Schema[1:9], Cols: all.Cols[1:9], Rows: all.Rows}
	for name, batch := range map[string]*Batch{"12 columns": all, "8 integers": ints} {
		for _, codec := range []string{"snappy", "zstd"} {
			b.Run(name+"/"+codec, func(b *testing.B) {
				o := Options{Compression: codec}
				if batch == all {
					o.SortedBy, o.Bloom = []string{"key", "at"}, []string{"key"}
				}
				for b.Loop() {
					w, err := NewWriter(io.Discard, batch.Schema, o)
					if err != nil {
						b.Fatal(err)
					}
					if err := w.Write(batch); err != nil {
						b.Fatal(err)
					}
					if err := w.Close(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			})
		}
	}
}

func BenchmarkScan(b *testing.B) {
	all := eventBatch()
	var data writeBuffer
	w, err := NewWriter(&data, all.Schema, Options{SortedBy: []string{"key", "at"}, Bloom: []string{"key"}})
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Write(all); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for name, columns := range map[string][]string{"3 of 12": {"n1", "n2", "at"}, "key, time, text": {"key", "at", "s"}, "all 12": all.Schema.Names()} {
		b.Run(name, func(b *testing.B) {
			f := open(b, data)
			batch := &Batch{}
			for b.Loop() {
				s, err := f.Scan(columns, 8192)
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for s.Next(batch) == nil {
					n += batch.Rows
				}
				if s.Close(); n != benchRows {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			b.ReportMetric(float64(len(data))/benchRows, "B/row")
		})
	}
}

type writeBuffer []byte

func (w *writeBuffer) Write(b []byte) (int, error) {
	*w = append(*w, b...)
	return len(b), nil
}

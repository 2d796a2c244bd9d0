package columnar

import (
	"errors"
	"fmt"
	"io"
)

// rowExtender reads an input's rows again and writes them beside the new columns.
type rowExtender struct {
	in     Rows
	out    *Writer
	total  int64
	row    int64
	batch  *Batch // of the input
	at     int    // next row of it
	joined *Batch
}

// extendRows starts a file for the rows of in, of which there are total.
func extendRows(w io.Writer, in Rows, total int64, extra Schema, o Options) (Extender, error) {
	schema := append(append(Schema(nil), in.Schema()...), extra...)
	out, err := newWriter(w, nil, schema, o)
	if err != nil {
		in.Close()
		return nil, err
	}
	return &rowExtender{in: in, out: out, total: total, batch: NewBatch(in.Schema()), joined: NewBatch(schema)}, nil
}

func (x *rowExtender) Write(b *Batch) error {
	old := len(x.in.Schema())
	if x.row += int64(b.Rows); x.row > x.total {
		return fmt.Errorf("extend: %d rows for an input of %d", x.row, x.total)
	}
	for from := 0; from < b.Rows; {
		if err := x.more(); err != nil {
			return err
		}
		n := min(b.Rows-from, x.batch.Rows-x.at)
		x.joined.Reset()
		for i := range x.joined.Cols {
			if i < old {
				x.joined.Cols[i].AppendRange(&x.batch.Cols[i], x.at, x.at+n)
			} else {
				x.joined.Cols[i].AppendRange(&b.Cols[i-old], from, from+n)
			}
		}
		x.joined.Rows = n
		if err := x.out.Write(x.joined); err != nil {
			return err
		}
		from, x.at = from+n, x.at+n
	}
	return nil
}

// more makes a row of the input current.
func (x *rowExtender) more() error {
	for x.at == x.batch.Rows {
		x.at = 0
		err := x.in.Next(x.batch)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("extend: the input has changed: fewer than %d rows", x.total)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *rowExtender) Close() error {
	x.in.Close()
	if x.out.err == nil && x.row != x.total {
		return fmt.Errorf("extend: %d rows for an input of %d", x.row, x.total)
	}
	return x.out.Close()
}

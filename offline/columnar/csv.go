package columnar

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// csvLines reads CSV (RFC 4180) with a header. Empty lines are skipped, every other line must have the header's cells;
// a column without a name is called column_N, counting from 1.
type csvLines struct {
	in     *csv.Reader
	header []string
	row    int64
}

func newCSV(r io.Reader) (lines, error) {
	l := &csvLines{in: csv.NewReader(buffered(r))}
	header, err := l.in.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read csv: no header line")
	}
	if err != nil {
		return nil, fmt.Errorf("read csv: %w", err)
	}
	for i, name := range header {
		if name == "" {
			name = "column_" + strconv.Itoa(i+1)
		}
		l.header = append(l.header, name)
	}
	l.in.ReuseRecord = true
	return l, nil
}

func (l *csvLines) names() []string { return l.header }
func (l *csvLines) where() string   { return "row " + strconv.FormatInt(l.row, 10) }

func (l *csvLines) next(visit func(int, []byte, classes) error) error {
	record, err := l.in.Read()
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	l.row++
	if err != nil {
		return fmt.Errorf("read csv: row %d: %w", l.row, err)
	}
	for i, cell := range record {
		if cell == "" {
			continue
		}
		if err := visit(i, []byte(cell), 0); err != nil {
			return fmt.Errorf("read csv: %w", err)
		}
	}
	return nil
}

package wire

import (
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/linkedin/goavro/v2"
)

// Container reads the rows of an Avro object container file (Avro 1.11,
// "Object Container Files"), in the form that [Encoder.EncodeValues] takes.
type Container struct {
	ocf *goavro.OCFReader
}

// OpenContainer reads the file's header.
func OpenContainer(r io.Reader) (*Container, error) {
	ocf, err := goavro.NewOCFReader(r)
	if err != nil {
		return nil, fmt.Errorf("avro file: %w", err)
	}
	return &Container{ocf}, nil
}

// Next is the next row, or io.EOF after the last.
func (c *Container) Next() (map[string]any, error) {
	if !c.ocf.Scan() {
		if err := c.ocf.Err(); err != nil {
			return nil, fmt.Errorf("avro file: %w", err)
		}
		return nil, io.EOF
	}
	v, err := c.ocf.Read()
	if err != nil {
		return nil, fmt.Errorf("avro file: %w", err)
	}
	row, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("avro file: its items are %T, want records", v)
	}
	return decimalsAsText(row).(map[string]any), nil
}

// decimalsAsText replaces the library's rationals by decimal text, everywhere in v.
func decimalsAsText(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, item := range x {
			x[k] = decimalsAsText(item)
		}
	case []any:
		for i, item := range x {
			x[i] = decimalsAsText(item)
		}
	case *big.Rat:
		return decimalText(x)
	}
	return v
}

// decimalText is a rational whose denominator divides a power of ten, exactly.
func decimalText(r *big.Rat) string {
	s := r.FloatString(38)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

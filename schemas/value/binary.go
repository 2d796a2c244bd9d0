package value

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// maxDepth bounds the nesting of lists and structs in canonical bytes.
const maxDepth = 8

// Append appends the canonical bytes of v to dst: its kind, then its content
// (FORMAT.md §2).
//
//	Append(nil, a) == Append(nil, b)  if and only if  Equal(a, b)
func Append(dst []byte, v Value) []byte {
	return AppendContent(append(dst, byte(v.Kind)), v)
}

// AppendContent appends what Append does after the kind, for a place whose
// kind is known.
func AppendContent(dst []byte, v Value) []byte {
	switch v.Kind {
	case Null:
		return dst
	case Bool:
		return append(dst, byte(v.N))
	case Float64:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.N))
	case String, Bytes:
		return append(binary.AppendUvarint(dst, uint64(len(v.B))), v.B...)
	case Decimal:
		return v.Int128().AppendVarint(dst)
	case List, Struct:
		dst = binary.AppendUvarint(dst, uint64(len(v.L)))
		for _, x := range v.L {
			dst = Append(dst, x)
		}
		return dst
	}
	return binary.AppendVarint(dst, v.N)
}

// Decode reads one value that Append wrote and returns the bytes used. The
// value shares b. Anything but canonical bytes is an error that names the
// offset.
func Decode(b []byte) (Value, int, error) { return decode(b, 0, maxDepth) }

func decode(b []byte, at, depth int) (Value, int, error) {
	if at >= len(b) || depth == 0 {
		return Value{}, 0, fmt.Errorf("value at %d: torn or nested too deep", at)
	}
	v, n, err := decodeContent(Kind(b[at]), b[at+1:], depth)
	if err != nil {
		return Value{}, 0, fmt.Errorf("value at %d: %w", at, err)
	}
	return v, 1 + n, nil
}

// DecodeContent reads what AppendContent wrote of a value of kind k and
// returns the bytes used. The value shares b.
func DecodeContent(k Kind, b []byte) (Value, int, error) { return decodeContent(k, b, maxDepth) }

func decodeContent(k Kind, rest []byte, depth int) (Value, int, error) {
	v := Value{Kind: k}
	var n int
	var err error
	switch k {
	case Null:
	case Bool:
		v.N, n, err = decodeBool(rest)
	case Float64:
		v.N, n, err = decodeFloat(rest)
	case String, Bytes:
		v.B, n, err = decodeBytes(rest, v.Kind)
	case Int64, Date, Timestamp:
		v.N, n, err = Varint(rest)
	case Decimal:
		var d Int128
		if d, n = DecodeInt128(rest); n == 0 {
			err = fmt.Errorf("bad integer")
		}
		v = Dec(d)
	case List, Struct:
		v.L, n, err = decodeItems(rest, depth)
	default:
		err = fmt.Errorf("unknown kind %d", uint8(k))
	}
	if err != nil {
		return Value{}, 0, err
	}
	return v, n, nil
}

func decodeBool(b []byte) (int64, int, error) {
	if len(b) == 0 || b[0] > 1 {
		return 0, 0, fmt.Errorf("bad boolean")
	}
	return int64(b[0]), 1, nil
}

func decodeFloat(b []byte) (int64, int, error) {
	if len(b) < 8 {
		return 0, 0, fmt.Errorf("torn float")
	}
	u := binary.LittleEndian.Uint64(b)
	f := math.Float64frombits(u)
	if math.IsNaN(f) || math.IsInf(f, 0) || f == 0 && u != 0 {
		return 0, 0, fmt.Errorf("float is not finite or is -0")
	}
	return int64(u), 8, nil
}

func decodeBytes(b []byte, k Kind) ([]byte, int, error) {
	size, n, err := Uvarint(b)
	if err != nil || size > uint64(len(b)-n) {
		return nil, 0, fmt.Errorf("torn %s", k)
	}
	s := b[n : n+int(size) : n+int(size)]
	if k == String && !utf8.Valid(s) {
		return nil, 0, fmt.Errorf("string is not UTF-8")
	}
	return s, n + int(size), nil
}

func decodeItems(b []byte, depth int) ([]Value, int, error) {
	count, n, err := Uvarint(b)
	if err != nil || count > MaxListItems || count > uint64(len(b)-n) {
		return nil, 0, fmt.Errorf("bad list length")
	}
	items := make([]Value, count)
	for i := range items {
		v, used, err := decode(b[n:], 0, depth-1)
		if err != nil {
			return nil, 0, fmt.Errorf("item %d: %w", i, err)
		}
		items[i], n = v, n+used
	}
	return items, n, nil
}

// Varint reads a zigzag LEB128 integer in its shortest form and the bytes used.
func Varint(b []byte) (int64, int, error) {
	u, n, err := Uvarint(b)
	return int64(u>>1) ^ -int64(u&1), n, err
}

// Uvarint reads a LEB128 integer in its shortest form and the bytes used.
func Uvarint(b []byte) (uint64, int, error) {
	u, n := binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0, fmt.Errorf("bad varint")
	}
	return u, n, nil
}

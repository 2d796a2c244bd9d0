package wire

import (
	"fmt"
	"strconv"
	"strings"

	"anabranch.dev/anabranch/schemas/value"
)

// exactDecimal reads a decimal number, with an optional fraction and exponent,
// as an integer of 10^-scale. It reports false if the text is not a number, or
// is not a whole multiple of 10^-scale within 127 bits: nothing is rounded.
func exactDecimal(s string, scale int) (value.Int128, bool) {
	negative := strings.HasPrefix(s, "-")
	mantissa, exponent, ok := splitNumber(strings.TrimPrefix(s, "-"))
	if !ok {
		return value.Int128{}, false
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	shift := exponent - len(fraction) + scale
	if digits == "" {
		return value.Int128{}, true
	}
	for shift < 0 && strings.HasSuffix(digits, "0") {
		digits, shift = digits[:len(digits)-1], shift+1
	}
	if shift < 0 || len(digits)+shift > value.MaxScale+1 {
		return value.Int128{}, false
	}
	n, ok := wholeNumber(digits + strings.Repeat("0", shift))
	if negative {
		n = n.Neg()
	}
	return n, ok
}

// splitNumber splits an unsigned JSON-like number at its exponent.
func splitNumber(s string) (mantissa string, exponent int, ok bool) {
	mantissa = s
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(s[i+1:]); err != nil || exponent < -9999 || exponent > 9999 {
			return "", 0, false
		}
		mantissa = s[:i]
	}
	digits, points := 0, 0
	for _, c := range mantissa {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			points++
		default:
			return "", 0, false
		}
	}
	return mantissa, exponent, digits > 0 && points <= 1
}

// wholeNumber reads up to 39 decimal digits.
func wholeNumber(digits string) (value.Int128, bool) {
	cut := max(0, len(digits)-18)
	low, _ := strconv.ParseInt(digits[cut:], 10, 64)
	if cut == 0 {
		return value.Int128Of(low), true
	}
	high, ok := wholeNumber(digits[:cut])
	if !ok {
		return value.Int128{}, false
	}
	n, ok := high.Mul(value.Pow10(18))
	if n = n.Add(value.Int128Of(low)); !ok || n.Sign() < 0 {
		return value.Int128{}, false
	}
	return n, true
}

// wholeInt reads a whole number in [least, most].
func wholeInt(s string, least, most int64) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, n >= least && n <= most && s[0] != '+'
	}
	n, ok := exactDecimal(s, 0)
	return n.Int64(), ok && n.IsInt64() && n.Int64() >= least && n.Int64() <= most
}

// finite reads a decimal number as the nearest float.
func finite(s string, bits int) (float64, error) {
	if _, _, ok := splitNumber(strings.TrimPrefix(s, "-")); !ok {
		return 0, fmt.Errorf("not a number")
	}
	return strconv.ParseFloat(s, bits)
}

// twosComplement appends n, big-endian, in size bytes, or (size 0) in as few
// as hold it. It reports false if it does not fit.
func twosComplement(dst []byte, n value.Int128, size int) ([]byte, bool) {
	var full [16]byte
	for i := range 8 {
		full[i] = byte(uint64(n.Hi) >> (56 - 8*i))
		full[8+i] = byte(n.Lo >> (56 - 8*i))
	}
	sign := byte(n.Hi >> 63)
	b := full[:]
	for len(b) > 1 && b[0] == sign && b[1]&0x80 == sign&0x80 {
		b = b[1:]
	}
	if size == 0 {
		return append(dst, b...), true
	}
	if len(b) > size {
		return dst, false
	}
	for range size - len(b) {
		dst = append(dst, sign)
	}
	return append(dst, b...), true
}

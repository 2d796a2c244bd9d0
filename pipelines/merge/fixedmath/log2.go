package fixedmath

import "math/bits"

// Log2 is log2(x) for x = m/2^63 in [1, 2), in units of 2^-64. m is at least
// 2^63. It is never above the true value, less than 3 * 2^-64 below it, and does
// not fall as m grows.
//
// With c = 1 + i/64 the greatest of its kind that is not above x,
//
//	log2 x = L[i] + 2 log2(e) (s + s^3/3 + s^5/5 + s^7/7 + ...)    where s = (x-c)/(x+c) < 1/129
//
// All terms are positive, constants are floored, the divisor is rounded up, and
// products and the quotient are truncated, so the result is never too great. In
// units of 2^-64, less than 0.03 is lost in s, 0.15 in the factor of s, 0.62 in
// the terms left out, and 1 each in the sum's last truncation and in L[i].
//
// It does not fall: for one i every step is a truncation of something that
// grows with the step before; and the last m before another i has a true
// logarithm more than 1.44 units below that of the next, whose own L[i] lacks
// less than 1.
func Log2(m uint64) uint64 {
	i := m >> 57 & 63
	c := (64 + i) << 57
	u := m - c
	s, _ := bits.Div64(u<<6, 0, c+(u+1)/2) // in units of 2^-71
	t, _ := bits.Mul64(s, s)               // of 2^-78
	q := log2Series[3]                     // of 2^-61
	for n := 2; n >= 0; n-- {
		q, _ = bits.Mul64(q, t)
		q = q>>14 + log2Series[n]
	}
	part, _ := bits.Mul64(s, q)
	return log2Table[i] + part>>4
}

// log2Series[n] is 2 log2(e) / (2n+1) in units of 2^-61, floored.
var log2Series = [4]uint64{0x5c551d94ae0bf85d, 0x1ec709dc3a03fd74, 0x12776c50ef9bfe79, 0x0d30bb153d6f6c9f}

// log2Table[i] is log2(1 + i/64) in units of 2^-64, floored.
var log2Table = [64]uint64{
	0x0000000000000000, 0x05b9e5a170b48a62, 0x0b5d69bac77ec398, 0x10eb389fa29f9ab3,
	0x1663f6fac913167c, 0x1bc84240adabba63, 0x2118b119b4f3c72c, 0x2655d3c4f15c343e,
	0x2b803473f7ad0f3f, 0x309857a05e0765fb, 0x359ebc5b69d927df, 0x3a93dc9864b2df91,
	0x3f782d7204d01447, 0x444c1f6b4c2dd72c, 0x49101eac381ce609, 0x4dc4933a9337b366,
	0x5269e12f346e2bf9, 0x570068e7ef5a1e7e, 0x5b8887367433795e, 0x6002958c587150ca,
	0x646eea247c5c22d2, 0x68cdd829fd814275, 0x6d1fafdce20a8290, 0x7164beb4a56d59f9,
	0x759d4f80cba83bf8, 0x79c9aa879d534831, 0x7dea15a32c1b3b38, 0x81fed45cbccbf99c,
	0x86082806b1d532c4, 0x8a064fd50f2a1cf0, 0x8df988f4ae806f1d, 0x91e20ea1393e4040,
	0x95c01a39fbd6879f, 0x9993e355a4e53643, 0x9d5d9fd5010b3666, 0xa11d83f4c3554b38,
	0xa4d3c25e68dc57f2, 0xa8808c384547c6ef, 0xac241134c4e99e1c, 0xafbe7fa0f04d75c6,
	0xb35004723c465e69, 0xb6d8cb53b0ca4ecb, 0xba58feb2703a9e37, 0xbdd0c7c9a817204f,
	0xc1404eadf38396de, 0xc4a7ba58377c5a03, 0xc80730b0001667f2, 0xcb5ed69565afaf7f,
	0xceaecfea80859b33, 0xd1f73f9c70c0f683, 0xd53847ac00a69be6, 0xd8720935e6435ebd,
	0xdba4a47aa996d25a, 0xded038e633f36da8, 0xe1f4e5170d02a99b, 0xe512c6e54998b1af,
	0xe829fb693044b398, 0xeb3a9f01975077f1, 0xee44cd59ffab62f3, 0xf148a170700a00fd,
	0xf446359b13539551, 0xf73da38d9d4a83eb, 0xfa2f045e7832aa72, 0xfd1a708bbe119b14,
}

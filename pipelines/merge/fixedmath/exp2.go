package fixedmath

import "math/bits"

// Exp2 is 2^x for x = f/2^64 in [0, 1), in units of 2^-63: from 2^63 to below
// 2^64. It is never above the true value and less than 2^-61 below it; Exp2(0)
// is exact.
//
// With i the first six bits of f and r = f mod 2^58, x = i/64 + r/2^64 and
//
//	2^x = T[i] + T[i]*p    where T[i] = 2^(i/64), p = 2^(r/2^64) - 1
//
// and p is the sum of (ln 2)^n (r/2^64)^n / n! for n = 1 to 7. Every constant
// is floored and every product truncated, so the result is never too great. In
// p, in units of 2^-70, the seven constants and the seven products lose less
// than 1 each, and the terms left out are below 1.01 (ln 2/64)^8/8! * 2^70 < 6:
// p lacks less than 20. In the result, in units of 2^-63, that is less than
// 2 * 20/2^7 < 0.32, the floor of T[i] less than 1.02 and the last truncation
// less than 1: together less than 2.4.
func Exp2(f uint64) uint64 {
	t, r := exp2Table[f>>58], f<<6
	p := exp2Series[6]
	for n := 5; n >= 0; n-- {
		p, _ = bits.Mul64(p, r)
		p += exp2Series[n]
	}
	p, _ = bits.Mul64(p, r)
	part, _ := bits.Mul64(t, p)
	return t + part>>6
}

// exp2Series[n-1] is (ln 2/64)^n / n! in units of 2^-70, floored.
var exp2Series = [7]uint64{0xb17217f7d1cf79ab, 0x00f5fdeffc162c75, 0x0000e35846b82505, 0x0000009d955b7dd2, 0x000000005761ff9e, 0x0000000000286122, 0x0000000000000ffe}

// exp2Table[i] is 2^(i/64) in units of 2^-63, floored.
var exp2Table = [64]uint64{
	0x8000000000000000, 0x8164d1f3bc030773, 0x82cd8698ac2ba1d7, 0x843a28c3acde4046,
	0x85aac367cc487b14, 0x871f61969e8d1010, 0x88980e8092da8527, 0x8a14d575496efd9a,
	0x8b95c1e3ea8bd6e6, 0x8d1adf5b7e5ba9e5, 0x8ea4398b45cd53c0, 0x9031dc431466b1dc,
	0x91c3d373ab11c336, 0x935a2b2f13e6e92b, 0x94f4efa8fef70961, 0x96942d3720185a00,
	0x9837f0518db8a96f, 0x99e0459320b7fa64, 0x9b8d39b9d54e5538, 0x9d3ed9a72cffb750,
	0x9ef5326091a111ad, 0xa0b0510fb9714fc2, 0xa27043030c496818, 0xa43515ae09e6809e,
	0xa5fed6a9b15138ea, 0xa7cd93b4e9653569, 0xa9a15ab4ea7c0ef8, 0xab7a39b5a93ed337,
	0xad583eea42a14ac6, 0xaf3b78ad690a4374, 0xb123f581d2ac258f, 0xb311c412a9112489,
	0xb504f333f9de6484, 0xb6fd91e328d17791, 0xb8fbaf4762fb9ee9, 0xbaff5ab2133e45fb,
	0xbd08a39f580c36be, 0xbf1799b67a731082, 0xc12c4cca66709456, 0xc346ccda24976407,
	0xc5672a115506dadd, 0xc78d74c8abb9b15c, 0xc9b9bd866e2f27a2, 0xcbec14fef2727c5c,
	0xce248c151f8480e3, 0xd06333daef2b2594, 0xd2a81d91f12ae45a, 0xd4f35aabcfedfa1f,
	0xd744fccad69d6af4, 0xd99d15c278afd7b5, 0xdbfbb797daf23755, 0xde60f4825e0e9123,
	0xe0ccdeec2a94e111, 0xe33f8972be8a5a51, 0xe5b906e77c8348a8, 0xe8396a503c4bdc68,
	0xeac0c6e7dd24392e, 0xed4f301ed9942b84, 0xefe4b99bdcdaf5cb, 0xf281773c59ffb139,
	0xf5257d152486cc2c, 0xf7d0df730ad13bb8, 0xfa83b2db722a033a, 0xfd3e0c0cf486c174,
}

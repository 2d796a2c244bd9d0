package asoftest

import (
	"encoding/binary"
	"math"

	"anabranch.dev/anabranch/schemas/definition"
)

// bases are an axis of two dimensions, all of the plane, turned, and two
// directions in space.
func bases() []definition.Basis {
	return []definition.Basis{
		{Name: "axes", Version: 1, Data: basis(2, 1, 0, 1)},
		{Name: "turned", Version: 1, Data: basis(2, 2, 0.6, -0.8, 0.8, 0.6)},
		{Name: "turned", Version: 2, Data: basis(3, 2, 2./3, -2./3, 2./3, 1./3, 1./3, 2./3)},
	}
}

// basis is a file of rows.
func basis(dim, rank byte, items ...float64) []byte {
	b := []byte{1, dim, rank}
	for _, x := range items {
		b = binary.LittleEndian.AppendUint32(b, uint32(int32(math.Round(x*(1<<30)))))
	}
	return b
}

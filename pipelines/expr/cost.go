package expr

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// scanCost prices the functions that walk their arguments, which CEL's own
// tracker would count as one step. It implements interpreter.ActualCostEstimator.
type scanCost struct{}

// scans are the functions whose work grows with their arguments and result.
var scans = map[string]bool{
	"size": true, "string": true, "bytes": true, "int": true, "double": true, "bool": true, "timestamp": true, "duration": true,
	"charAt": true, "indexOf": true, "join": true, "lastIndexOf": true, "lowerAscii": true, "replace": true,
	"split": true, "substring": true, "trim": true, "upperAscii": true,
}

// CallCost is one step and a tenth of a step a byte or item, or nil for CEL's
// own price.
func (scanCost) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	if !scans[function] {
		return nil
	}
	cost := 1 + extent(result)/10
	for _, a := range args {
		cost += extent(a) / 10
	}
	return &cost
}

func extent(v ref.Val) uint64 {
	switch x := v.(type) {
	case types.String:
		return uint64(len(x))
	case types.Bytes:
		return uint64(len(x))
	case traits.Lister:
		return 10 * uint64(x.Size().(types.Int))
	}
	return 0
}

package wire

import "anabranch.dev/anabranch/schemas/value"

// maxDepth bounds how deeply arrays, maps, unions and records nest in a body.
const maxDepth = 128

// code is one step of a program. Each reads one value in the writer's form;
// those named Put also store it in the slot.
type code uint8

const (
	opNull code = iota
	opBool
	opPutBool
	opLong
	opPutLong
	opInt // as opLong, and must fit 32 bits
	opPutInt
	opPutIntFloat // as float64; single: by way of float32
	opPutLongFloat
	opFloat
	opPutFloat
	opDouble
	opPutDouble
	opBytes
	opPutBytes
	opText    // as opBytes, and must be UTF-8
	opPutText // stored as value.Kind kind
	opFixed
	opPutFixed
	opEnum
	opPutEnum
	// The rest check their bounds stored or not: slot -1 checks only.
	opDate
	opTime
	opDecimal
	opFixedDecimal
	opNullable // a union of null and one type: null skips the next step
	opUnion
	opArray
	opList // an array that a feature may use
	opMap
	opCall
	opMark // begins and ends the span of a field kept as bytes
	opSpan
)

// op is one step. Which members count depends on its code.
type op struct {
	code    code
	kind    value.Kind // opPutText
	single  bool       // opPutIntFloat, opPutLongFloat: the reader has a float; opTime: the writer has an int
	empty   bool       // opArray: items take no bytes
	slot    int32      // where to store, or -1
	n       int64      // size, number of symbols or branches, index of null, unit of time
	sub     *block     // items, values, record
	subs    []*block   // branches
	symbols [][]byte   // opPutEnum: the reader's symbol for each of the writer's
}

// block is a run of steps.
type block struct{ ops []op }

// program decodes the bodies of one writer schema.
type program struct {
	block
	fields   []string // the writer's field of each step, for messages
	defaults []preset // reader fields that the writer does not have
	bad      string   // why the schema is incompatible; then nothing else is set
}

// preset is a value that is the same for each record of a program.
type preset struct {
	slot int32
	v    value.Value
}

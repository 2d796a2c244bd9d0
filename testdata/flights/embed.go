// Package flights embeds the real flights that the demo runs on and their
// definitions. README.md says where they are from.
//
// Contract: the variables are read-only. Not here: what the fields mean, which
// the definitions say.
package flights

import _ "embed"

// Events are 20,000 flights of 2001 in departure order: gzip of one JSON
// object a line, with date, delay, distance, origin, destination and landed.
//
//go:embed flights-20k.jsonl.gz
var Events []byte

// Definitions is the project of the flights, Schema the Avro schema it names.
//
//go:embed anabranch.yaml
var Definitions []byte

// Schema is the file flights.avsc, which Definitions names.
//
//go:embed flights.avsc
var Schema []byte

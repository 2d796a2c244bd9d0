package registry

import (
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/avro"
)

// Level is a compatibility level, under Confluent's names.
type Level string

// What a new schema must be able to do.
const (
	None               Level = "NONE"
	Backward           Level = "BACKWARD" // read what the latest version wrote; the default
	BackwardTransitive Level = "BACKWARD_TRANSITIVE"
	Forward            Level = "FORWARD" // be read by the latest version
	ForwardTransitive  Level = "FORWARD_TRANSITIVE"
	Full               Level = "FULL" // both
	FullTransitive     Level = "FULL_TRANSITIVE"
)

var levels = []Level{None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive}

func (l Level) valid() bool { return slices.Contains(levels, l) }

// transitive levels look at all versions, the others at the latest.
func (l Level) transitive() bool {
	return l == BackwardTransitive || l == ForwardTransitive || l == FullTransitive
}

func (l Level) backward() bool {
	return l == Backward || l == BackwardTransitive || l == Full || l == FullTransitive
}

func (l Level) forward() bool {
	return l == Forward || l == ForwardTransitive || l == Full || l == FullTransitive
}

// stored is a version to compare with.
type stored struct {
	version int
	schema  *avro.Schema
}

// incompatibilities says, newest version first, how the new schema breaks the
// level with the old ones; nothing if it keeps it.
func incompatibilities(level Level, next *avro.Schema, old []stored) []string {
	var out []string
	for _, o := range slices.Backward(old) {
		if level.backward() {
			if err := avro.CheckCompatibility(o.schema, next); err != nil {
				out = append(out, fmt.Sprintf("the new schema cannot read data of version %d: %s", o.version, place(err)))
			}
		}
		if level.forward() {
			if err := avro.CheckCompatibility(next, o.schema); err != nil {
				out = append(out, fmt.Sprintf("version %d cannot read data of the new schema: %s", o.version, place(err)))
			}
		}
	}
	return out
}

// place names the element at which two schemas part.
func place(err error) string {
	ce, ok := errors.AsType[*avro.CompatibilityError](err)
	if !ok {
		return err.Error()
	}
	where := ce.Path
	if where == "" {
		where = "the schema"
	}
	if ce.ReaderType == "" || ce.WriterType == "" {
		return fmt.Sprintf("%s: %s", where, ce.Detail)
	}
	return fmt.Sprintf("%s: %s (reader %s, writer %s)", where, ce.Detail, ce.ReaderType, ce.WriterType)
}

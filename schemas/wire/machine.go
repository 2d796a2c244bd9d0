package wire

import (
	"fmt"

	"anabranch.dev/anabranch/schemas/value"
)

// machine runs programs. It remembers the first thing found wrong and owns the
// items of lists, until reset.
type machine struct {
	arena []value.Value // items of lists
	spans []span        // by slot, where wanted
	spare [1]value.Value
	fault found // the body is not what the schema says
	wild  found // a float is not finite
	over  found // beyond a bound
}

// found is what was found at a byte of the value; the zero value is nothing.
type found struct {
	what  string
	at    int
	field string
}

type span struct{ from, to int }

func (m *machine) reset() {
	m.arena = m.arena[:0]
	if m.bad() != Accepted {
		m.fault, m.wild, m.over = found{}, found{}, found{}
	}
	clear(m.spans)
}

// bad is the reason for what was found so far, in the order of the verdict.
func (m *machine) bad() Reason {
	switch {
	case m.fault.what != "":
		return Undecodable
	case m.wild.what != "":
		return NotFinite
	case m.over.what != "":
		return OverBound
	}
	return Accepted
}

// why describes what bad names.
func (m *machine) why() string {
	for _, f := range []found{m.fault, m.wild, m.over} {
		if f.what != "" {
			return f.String()
		}
	}
	return "nothing wrong"
}

func (f found) String() string {
	if f.field == "" {
		return fmt.Sprintf("%s at byte %d", f.what, f.at)
	}
	return fmt.Sprintf("field %s: %s at byte %d", f.field, f.what, f.at)
}

// fail remembers a fault and stops the run.
func (m *machine) fail(at int, what string) int {
	m.fault = found{what: what, at: at}
	return -1
}

// note remembers the first finding of its sort; the run goes on.
func (f *found) note(at int, what string) {
	if f.what == "" {
		*f = found{what: what, at: at}
	}
}

// body runs a whole program over b from byte at to its end.
func (m *machine) body(p *program, b []byte, at int, slots []value.Value) {
	m.reset()
	end := m.run(p.ops, b, at, slots, 0)
	if end >= 0 && end < len(b) {
		m.fail(end, trailing)
	} else if m.bad() != Accepted {
		m.explain(p, b, at, slots)
	}
}

// explain runs a program again, field by field, to name what it finds.
func (m *machine) explain(p *program, b []byte, at int, slots []value.Value) {
	m.reset()
	for pc, next := 0, 0; pc < len(p.ops) && at >= 0; pc = next {
		for next = pc; next < len(p.ops) && p.fields[next] == p.fields[pc]; {
			next++
		}
		at = m.run(p.ops[pc:next], b, at, slots, 0)
		for _, f := range []*found{&m.fault, &m.wild, &m.over} {
			if f.what != "" && f.field == "" {
				f.field = p.fields[pc]
			}
		}
	}
}

// What can be found, in words that end "at byte N" of the value.
const (
	torn        = "the value ends too early"
	badVarint   = "a varint is longer than 64 bits"
	notInt      = "an int is outside 32 bits"
	notBool     = "a boolean is neither 0 nor 1"
	notUTF8     = "a string is not UTF-8"
	badBranch   = "no such branch of the union"
	badSymbol   = "no such symbol of the enum"
	badLength   = "a negative length"
	badBlock    = "a block's size is not that of its items"
	noCalendar  = "a time outside the years 0001 to 9999"
	tooDeep     = "nested too deeply"
	notFinite   = "a float is NaN or infinite"
	overDecimal = "a decimal is beyond 2^95"
	overList    = "a list has more than 4096 items"
	trailing    = "bytes follow the end of the record"
)

func (m *machine) badBool(b []byte, at int) int {
	if at >= len(b) {
		return m.fail(at, torn)
	}
	return m.fail(at, notBool)
}

func (m *machine) badLong(b []byte, at int) int {
	if len(b)-at >= 10 {
		return m.fail(at, badVarint)
	}
	return m.fail(at, torn)
}

func (m *machine) badLength(b []byte, at int) int {
	n, next := varlong(b, at)
	switch {
	case next < 0:
		return m.badLong(b, at)
	case n < 0:
		return m.fail(at, badLength)
	}
	return m.fail(at, torn)
}

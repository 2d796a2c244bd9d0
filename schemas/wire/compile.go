package wire

import (
	"fmt"

	"anabranch.dev/anabranch/schemas/value"
	"github.com/twmb/avro"
)

// target says what the reader makes of one of its fields.
type target struct {
	typ    value.Type // Kind Null: no feature can use it
	wanted bool       // store it
}

// compile makes the program that reads bodies of writer w as reader r, whose
// fields are wanted as targets says. An incompatible schema is a program that
// says so.
func compile(w, r *schema, targets []target) *program {
	if err := avro.CheckCompatibility(w.avro, r.avro); err != nil {
		return &program{bad: err.Error()}
	}
	c := compiler{blocks: map[*node]*block{}}
	p := &program{}
	written := make([]bool, len(targets))
	for i := range w.root.fields {
		wf := &w.root.fields[i]
		slot := readerField(r.root, wf.name)
		if slot < 0 {
			p.add(wf.name, c.skip(wf.typ))
			continue
		}
		written[slot] = true
		ops, err := c.field(wf.typ, r.root.fields[slot].typ, targets[slot], int32(slot))
		if err != nil {
			return &program{bad: fmt.Sprintf("field %s: %v", r.root.fields[slot].name, err)}
		}
		p.add(wf.name, ops...)
	}
	for slot := range targets {
		if written[slot] || !targets[slot].wanted {
			continue
		}
		v, err := c.preset(&r.root.fields[slot], targets[slot])
		if err != nil {
			return &program{bad: fmt.Sprintf("default of field %s: %v", r.root.fields[slot].name, err)}
		}
		p.defaults = append(p.defaults, preset{int32(slot), v})
	}
	return p
}

func (p *program) add(field string, ops ...op) {
	for _, o := range ops {
		p.ops = append(p.ops, o)
		p.fields = append(p.fields, field)
	}
}

// readerField is the index of the reader's field for a writer's: by name,
// else by alias.
func readerField(r *node, name string) int {
	for i := range r.fields {
		if r.fields[i].name == name {
			return i
		}
	}
	for i := range r.fields {
		for _, a := range r.fields[i].aliases {
			if a == name {
				return i
			}
		}
	}
	return -1
}

// compiler shares the blocks of records, which a schema may name many times
// or within themselves.
type compiler struct{ blocks map[*node]*block }

// field compiles a field that both sides have.
func (c *compiler) field(w, r *node, t target, slot int32) ([]op, error) {
	if t.typ.Kind == value.Null {
		o := c.skip(w)
		if !t.wanted {
			return []op{o}, nil
		}
		return []op{{code: opMark, slot: slot}, o, {code: opSpan, slot: slot}}, nil
	}
	if !t.wanted {
		slot = -1
	}
	return c.nullable(w, r.some(), t.typ, slot)
}

// nullable compiles a value of type t that may be null on either side.
func (c *compiler) nullable(w, r *node, t value.Type, slot int32) ([]op, error) {
	if w.kind != kindUnion {
		o, err := c.one(w, r, t, slot)
		return []op{o}, err
	}
	if some := w.some(); some != w {
		o, err := c.one(some, r, t, slot)
		return []op{{code: opNullable, slot: slot, n: int64(w.null())}, o}, err
	}
	u := op{code: opUnion, n: int64(len(w.branches))}
	for _, b := range w.branches {
		o, err := c.one(b, r, t, slot)
		if err != nil {
			return nil, err
		}
		u.subs = append(u.subs, &block{[]op{o}})
	}
	return []op{u}, nil
}

// one compiles a value of type t that is not a union on the writer's side.
func (c *compiler) one(w, r *node, t value.Type, slot int32) (op, error) {
	o := op{slot: slot}
	ok := w.kind == kindNull
	switch t.Kind {
	case value.Bool:
		ok = ok || o.pick(w.kind == kindBoolean, opBool, opPutBool)
	case value.Int64:
		ok = ok || o.pick(w.kind == kindInt, opInt, opPutInt) || o.pick(w.kind == kindLong, opLong, opPutLong)
	case value.Float64:
		ok = ok || o.float(w, r)
	case value.String:
		ok = ok || o.text(w, r)
	case value.Bytes:
		ok = ok || o.bytes(w)
	case value.Date:
		ok = ok || o.always(w.kind == kindInt, opDate)
	case value.Timestamp:
		ok = ok || o.time(w, r)
	case value.Decimal:
		ok = ok || o.decimal(w, t)
	case value.List:
		if w.kind == kindArray {
			return c.list(w, r, t, slot)
		}
	}
	if !ok {
		return op{}, fmt.Errorf("%s, read as %s, cannot hold %s", w, r, t)
	}
	return o, nil
}

// pick sets the code, if is: check only or store, as the slot says.
func (o *op) pick(is bool, check, put code) bool {
	if !is {
		return false
	}
	if o.code = check; o.slot >= 0 {
		o.code = put
	}
	return true
}

func (o *op) always(is bool, c code) bool {
	if is {
		o.code = c
	}
	return is
}

func (o *op) float(w, r *node) bool {
	o.single = r.kind == kindFloat
	return o.pick(w.kind == kindDouble, opDouble, opPutDouble) || o.pick(w.kind == kindFloat, opFloat, opPutFloat) ||
		o.pick(w.kind == kindLong, opLong, opPutLongFloat) || o.pick(w.kind == kindInt, opInt, opPutIntFloat)
}

func (o *op) text(w, r *node) bool {
	o.kind = value.String
	if w.kind == kindEnum {
		o.n, o.symbols = int64(len(w.symbols)), readerSymbols(w, r)
		return o.pick(true, opEnum, opPutEnum)
	}
	return o.pick(w.kind == kindString || w.kind == kindBytes, opText, opPutText)
}

func (o *op) bytes(w *node) bool {
	o.kind, o.n = value.Bytes, int64(w.size)
	return o.pick(w.kind == kindBytes, opBytes, opPutBytes) || o.pick(w.kind == kindString, opText, opPutText) ||
		o.pick(w.kind == kindFixed, opFixed, opPutFixed)
}

// time reads in the writer's unit if it names one, else in the reader's.
func (o *op) time(w, r *node) bool {
	if o.n = w.unit; o.n == 0 {
		o.n = r.unit
	}
	o.single = w.kind == kindInt
	return o.always(o.n != 0 && (w.kind == kindLong || w.kind == kindInt), opTime)
}

func (o *op) decimal(w *node, t value.Type) bool {
	if w.logical == "decimal" && w.scale != int(t.Scale) {
		return false
	}
	o.n = int64(w.size)
	return o.always(w.kind == kindBytes || w.kind == kindString, opDecimal) || o.always(w.kind == kindFixed, opFixedDecimal)
}

func readerSymbols(w, r *node) [][]byte {
	known := make(map[string]bool, len(r.symbols))
	for _, s := range r.symbols {
		known[s] = true
	}
	out := make([][]byte, len(w.symbols))
	for i, s := range w.symbols {
		if r.kind == kindEnum && !known[s] {
			s = r.enumDefault
		}
		out[i] = []byte(s)
	}
	return out
}

func (c *compiler) list(w, r *node, t value.Type, slot int32) (op, error) {
	if r.kind != kindArray || t.Elem == nil || !t.Elem.Scalar() {
		return op{}, fmt.Errorf("%s cannot hold %s", r, t)
	}
	if w.elem.empty() {
		return op{}, fmt.Errorf("items of type %s take no bytes", w.elem)
	}
	item := int32(-1)
	if slot >= 0 {
		item = 0
	}
	ops, err := c.nullable(w.elem, r.elem.some(), *t.Elem, item)
	if err != nil {
		return op{}, fmt.Errorf("items: %w", err)
	}
	return op{code: opList, slot: slot, sub: &block{ops}}, nil
}

// skip compiles a value that is walked and not kept.
func (c *compiler) skip(w *node) op {
	o := op{slot: -1, n: int64(w.size)}
	switch w.kind {
	case kindBoolean:
		o.code = opBool
	case kindInt:
		o.code = opInt
	case kindLong:
		o.code = opLong
	case kindFloat:
		o.code = opFloat
	case kindDouble:
		o.code = opDouble
	case kindBytes:
		o.code = opBytes
	case kindString:
		o.code = opText
	case kindFixed:
		o.code = opFixed
	case kindEnum:
		o.code, o.n = opEnum, int64(len(w.symbols))
	case kindArray:
		o.code, o.sub, o.empty = opArray, c.block(w.elem), w.elem.empty()
	case kindMap:
		o.code, o.sub = opMap, c.block(w.elem)
	case kindRecord:
		o.code, o.sub = opCall, c.record(w)
	case kindUnion:
		o.code, o.n = opUnion, int64(len(w.branches))
		for _, b := range w.branches {
			o.subs = append(o.subs, c.block(b))
		}
	}
	return o
}

func (c *compiler) block(w *node) *block { return &block{[]op{c.skip(w)}} }

// record is the one block of a record, known before its fields are compiled so
// that they may refer to it.
func (c *compiler) record(w *node) *block {
	if b := c.blocks[w]; b != nil {
		return b
	}
	b := &block{ops: make([]op, 0, len(w.fields))}
	c.blocks[w] = b
	for i := range w.fields {
		b.ops = append(b.ops, c.skip(w.fields[i].typ))
	}
	return b
}

// preset is a field's default, read by the same steps that read the field.
func (c *compiler) preset(f *field, t target) (value.Value, error) {
	if t.typ.Kind == value.Null {
		return value.Value{}, nil
	}
	body, err := encode(nil, f.typ, f.def)
	if err != nil {
		return value.Value{}, err
	}
	ops, err := c.nullable(f.typ, f.typ.some(), t.typ, 0)
	if err != nil {
		return value.Value{}, err
	}
	m, slots := machine{}, make([]value.Value, 1)
	at := m.run(ops, body, 0, slots, 0)
	if at < 0 || m.bad() != Accepted {
		return value.Value{}, fmt.Errorf("%s", m.why())
	}
	return slots[0].Clone(), nil
}

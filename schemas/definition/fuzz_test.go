package definition

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse: no input panics, every error is Problems that say something, and
// what is accepted survives its canonical JSON.
func FuzzParse(f *testing.F) {
	f.Add([]byte(shop), []byte(orderSchema))
	f.Add([]byte("project: x\n---\nregions: [{name: a}]"), []byte(`{"type":"record","name":"n","fields":[]}`))
	f.Add([]byte("a: &a [*a]"), []byte(`"string"`))
	f.Add([]byte("? [a]\n: {b: !!binary aGk=}\n<<: 1"), []byte("{"))
	f.Add([]byte("streams: [{name: s, entity: e, schema: '{}', key: {1: 2, [x]: y}}]\nentities: [{name: e, join_keys: [{name: a, type: bytes}]}]"), []byte(""))
	for _, feature := range []string{
		"kind: mean, of: x, scale: 2, weight: n, as: decimal", "kind: set, of: word, remove_where: gone, removes: observed", "kind: top, of: word, k: 3, by: n, error: 0.2",
		"kind: quantiles, of: x, q: [0, .5, 1e-3], relative_error: 0.1, sensitivity: 1.5, error_budget: 1e-9", "kind: ema, of: n, half_life: 1h, discrepancy: squared",
		"kind: vector_mean, of: xs, dim: 3, bits: 8, scale: 1", "kind: low_rank, of: ns, basis: items@2", "kind: max, of: n, exact: true, window: 1h",
	} {
		f.Add([]byte(strings.NewReplacer("e.avsc", "order.avsc", "file: items-1.basis", "data: aGk=", "more/items", "any").Replace(string(kindFiles(feature)[0].Data))), []byte(kindsSchema))
	}
	f.Fuzz(func(t *testing.T, yaml, schema []byte) {
		p, err := Parse([]File{{Name: "d/a.yaml", Data: yaml}, {Name: "d/order.avsc", Data: schema}, {Name: "d/any.basis", Data: []byte{0, 255}}})
		if err == nil {
			survives(t, p)
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("error %T: %v", err, err)
		}
		for _, problem := range problems {
			if problem.Found == "" || bytes.ContainsAny([]byte(problem.Error()), "\n\r") {
				t.Fatalf("problem %q", problem.Error())
			}
		}
	})
}

// survives wants a project equal after a journey through its canonical JSON.
func survives(t interface{ Fatalf(string, ...any) }, p *Project) {
	b := Encode(p)
	q, err := Decode(b)
	if err != nil {
		t.Fatalf("Decode(%s): %v", b, err)
	}
	if !reflect.DeepEqual(without(p), without(q)) {
		t.Fatalf("decoded %+v, want %+v", without(q), without(p))
	}
	for i := range p.Views {
		if ViewHash(p, &p.Views[i]) != ViewHash(q, &q.Views[i]) {
			t.Fatalf("view %s has another hash after %s", p.Views[i].Name, b)
		}
	}
}

// FuzzDecode: no input panics, and what is accepted encodes to itself.
func FuzzDecode(f *testing.F) {
	p, err := Parse(files(shop))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(Encode(p))
	if p, err = Parse(kindFiles("kind: low_rank, of: ns, basis: items@2, sensitivity: 0.1")); err != nil {
		f.Fatal(err)
	}
	f.Add(Encode(p))
	f.Add([]byte(`{"project":"a","regions":[{"name":"b"}],"streams":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := Decode(b); err == nil {
			survives(t, p)
		}
	})
}

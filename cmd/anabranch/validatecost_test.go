package main

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// costly is a project with features that declare what they cost, and one that
// does not.
func costly(t *testing.T, change ...string) (*definitions, error) {
	t.Helper()
	yaml := strings.NewReplacer(change...).Replace(`project: shop
regions: [{name: here}]
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
streams: [{name: orders, entity: user, schema: order.avsc, key: {user_id: customer}, event_timestamp: ordered_at}]
feature_views:
  - name: spending
    stream: orders
    features:
      - {name: total, kind: sum, of: total, sensitivity: 0.5}
      - {name: orders, kind: count}
      - {name: items, kind: recent, of: item, k: 5, sensitivity: 8}
      - {name: most, kind: max, of: qty * 2, discrepancy: squared}
`)
	return checkDefinitions([]definition.File{{Name: "shop.yaml", Data: []byte(yaml)}, {Name: "order.avsc", Data: []byte(orderSchema)}})
}

func TestCostsOfServedVectors(t *testing.T) {
	defs, err := costly(t)
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDistances(defs.programs["spending"], []int{0, 1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	words := func(list ...string) value.Value {
		v := value.Value{Kind: value.List}
		for _, s := range list {
			v.L = append(v.L, value.Text(s))
		}
		return v
	}
	row := func(list ...string) (values []json.RawMessage) {
		for _, s := range list {
			values = append(values, json.RawMessage(s))
		}
		return values
	}
	truth := []fold.Result{{Value: value.Dec(value.Int128Of(1250))}, {Value: value.Int(9)}, {Value: words("tea", "salt")}, {Value: value.Int(3)}}
	c := &costJSON{}
	at := d.begin(c)
	for _, served := range [][]json.RawMessage{
		row(`"12.50"`, `9`, `["tea","salt"]`, `3`), row(`"10.50"`, `1`, `["salt","rice"]`, `null`), row(`"12.50"`, `9`, `["salt","tea"]`, `5`),
	} {
		if err := d.add(c, at, served, truth); err != nil {
			t.Fatal(err)
		}
	}
	c.end(at, 3)
	third := 2.0 / 3
	want := &costJSON{Vectors: 3, Total: 1 + 8*third, Mean: (1 + 8*third) / 3, Greatest: 1 + 8*third, Features: []featureCost{
		{Feature: "spending:total", Kind: "abs", Sensitivity: 0.5, Differing: 1, Mean: 2.0 / 3, Cost: 1, total: 2},
		{Feature: "spending:items", Kind: "jaccard", Sensitivity: 8, Differing: 1, Mean: third / 3, Cost: 8 * third, total: third},
		{Feature: "spending:most", Kind: "squared", Differing: 2, Mean: 13.0 / 3, total: 13},
	}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("cost\n%+v, want\n%+v", c, want)
	}
	if err := d.add(c, at, row(`"12.505"`, `9`, `[]`, `3`), truth); err == nil || !strings.HasPrefix(err.Error(), "served value of total: ") {
		t.Errorf("error %v", err)
	}
	if d, err := newDistances(defs.programs["spending"], []int{1}); d != nil || err != nil {
		t.Errorf("distances of features that declare none: %v, %v", d, err)
	}
}

// TestDiscrepanciesOfExpressions: what the type of an expression tells is checked
// before anything is applied.
func TestDiscrepanciesOfExpressions(t *testing.T) {
	_, err := costly(t, "squared", "l2")
	if want := "shop.yaml:12: view spending: feature most: discrepancy l2 does not fit int64: want abs, squared"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestErrorBudgetsAreRefusedByWhatKeepsThem reaches plan and apply the same way.
func TestErrorBudgetsAreRefusedByWhatKeepsThem(t *testing.T) {
	orders := "{name: orders, kind: count}"
	sketch := "{name: orders, kind: approx_distinct, of: item, precision: %d, error_budget: 0.02}"
	_, err := costly(t, orders, fmt.Sprintf(sketch, 9))
	if err == nil || !strings.Contains(err.Error(), "shop.yaml:10: spending:orders: error_budget 0.02 cannot be kept") || !strings.Contains(err.Error(), "precision: 12") {
		t.Errorf("error %v", err)
	}
	if _, err := costly(t, orders, fmt.Sprintf(sketch, 12)); err != nil {
		t.Error(err)
	}
}

var someTypes = []value.Type{
	value.Of(value.Bool), value.Of(value.Int64), value.Of(value.Float64), value.Of(value.String), value.Of(value.Bytes), value.Of(value.Date), value.Of(value.Timestamp),
	{Kind: value.Decimal, Scale: 3}, {Kind: value.Decimal},
}

func drawScalar(t *rapid.T, typ value.Type) value.Value {
	n := rapid.Int64().Draw(t, "n")
	switch typ.Kind {
	case value.Bool:
		return value.BoolOf(n%2 == 0)
	case value.Float64:
		return value.Float(rapid.Float64().Draw(t, "x"))
	case value.String:
		return value.Text(rapid.String().Draw(t, "s"))
	case value.Bytes:
		return value.Raw(rapid.SliceOf(rapid.Byte()).Draw(t, "b"))
	case value.Date:
		return value.DateOf(n % 700_000)
	case value.Timestamp:
		return value.Time(stamp.Micros(n % (60_000_000_000 * 1_000_000)))
	case value.Decimal:
		return value.Dec(value.Int128{Hi: rapid.Int64Range(-1<<61, 1<<61).Draw(t, "high"), Lo: uint64(n)})
	}
	return value.Int(n)
}

// TestParseValueReadsWhatAnswersSay, for every type that a feature can have.
func TestParseValueReadsWhatAnswersSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		item := rapid.SampledFrom(someTypes).Draw(t, "type")
		top := value.Type{Kind: value.Struct, Fields: []value.Field{{Name: "item", Type: item}, {Name: "count", Type: value.Of(value.Int64)}}}
		typ := rapid.SampledFrom([]value.Type{item, value.ListOf(item), value.ListOf(top)}).Draw(t, "shape")
		one := func() value.Value {
			x := drawScalar(t, item)
			if typ.Elem != nil && typ.Elem.Kind == value.Struct {
				x = value.Value{Kind: value.Struct, L: []value.Value{x, value.Int(math.MaxInt64)}}
			}
			return x
		}
		var v value.Value
		switch {
		case rapid.IntRange(0, 9).Draw(t, "null") == 0:
		case typ.Kind == value.List:
			v = value.Value{Kind: value.List}
			for range rapid.IntRange(0, 3).Draw(t, "items") {
				v.L = append(v.L, one())
			}
		default:
			v = one()
		}
		text := value.AppendJSON(nil, v, typ)
		got, err := parseValue(text, typ)
		if err != nil || !value.Equal(got, v) {
			t.Fatalf("%s of type %s is read as %s (%v)", text, typ, value.AppendJSON(nil, got, typ), err)
		}
	})
}

func TestParseValueRefuses(t *testing.T) {
	money := value.Type{Kind: value.Decimal, Scale: 2}
	for text, typ := range map[string]value.Type{
		`"x"`: value.Of(value.Int64), `1.5`: value.Of(value.Int64), `1`: value.Of(value.String), `"1.234"`: money, `"a"`: money, `"1e99"`: money,
		`"*"`: value.Of(value.Bytes), `"2024-13-01"`: value.Of(value.Date), `"noon"`: value.Of(value.Timestamp), `{}`: value.ListOf(money), `["a"]`: value.ListOf(money),
		`{"x":1}`: {Kind: value.Struct, Fields: []value.Field{{Name: "item", Type: money}}}, `{"item":1}`: {Kind: value.Struct, Fields: []value.Field{{Name: "item", Type: money}}},
	} {
		if v, err := parseValue(json.RawMessage(text), typ); err == nil {
			t.Errorf("%s of type %s is read as %v", text, typ, v)
		}
	}
}

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// parseValue reads a value of type t as an answer spells it: what
// value.AppendJSON wrote.
func parseValue(text json.RawMessage, t value.Type) (value.Value, error) {
	if string(text) == "null" {
		return value.Value{}, nil
	}
	switch t.Kind {
	case value.Bool:
		b, err := unmarshalled[bool](text)
		return value.BoolOf(b), err
	case value.Int64:
		n, err := unmarshalled[int64](text)
		return value.Int(n), err
	case value.Float64:
		f, err := unmarshalled[float64](text)
		return value.Float(f), err
	case value.List:
		return parseList(text, t)
	case value.Struct:
		return parseStruct(text, t)
	}
	s, err := unmarshalled[string](text)
	if err != nil {
		return value.Value{}, err
	}
	return parseText(s, t)
}

func unmarshalled[T any](text json.RawMessage) (v T, err error) {
	err = json.Unmarshal(text, &v)
	return v, err
}

func parseText(s string, t value.Type) (value.Value, error) {
	switch t.Kind {
	case value.String:
		return value.Text(s), nil
	case value.Bytes:
		b, err := base64.StdEncoding.DecodeString(s)
		return value.Raw(b), err
	case value.Date:
		day, err := time.Parse(time.DateOnly, s)
		return value.DateOf(day.Unix() / 86400), err
	case value.Timestamp:
		at, err := stamp.ParseTime(s)
		return value.Time(at), err
	case value.Decimal:
		return parseDecimal(s, t.Scale)
	}
	return value.Value{}, fmt.Errorf("text %q for a %s", s, t)
}

func parseDecimal(s string, scale int32) (value.Value, error) {
	if strings.Trim(s, "-.0123456789") != "" {
		return value.Value{}, fmt.Errorf("%q is no decimal", s)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return value.Value{}, fmt.Errorf("%q is no decimal", s)
	}
	r.Mul(r, new(big.Rat).SetInt(value.Pow10(scale).Big()))
	n, fits := value.Int128FromBig(r.Num())
	if !r.IsInt() || !fits {
		return value.Value{}, fmt.Errorf("%q is no decimal of scale %d", s, scale)
	}
	return value.Dec(n), nil
}

func parseList(text json.RawMessage, t value.Type) (value.Value, error) {
	items, err := unmarshalled[[]json.RawMessage](text)
	if err != nil {
		return value.Value{}, err
	}
	v := value.Value{Kind: value.List}
	for _, item := range items {
		x, err := parseValue(item, *t.Elem)
		if err != nil {
			return value.Value{}, err
		}
		v.L = append(v.L, x)
	}
	return v, nil
}

func parseStruct(text json.RawMessage, t value.Type) (value.Value, error) {
	members, err := unmarshalled[map[string]json.RawMessage](text)
	if err != nil {
		return value.Value{}, err
	}
	v := value.Value{Kind: value.Struct}
	for _, f := range t.Fields {
		member, ok := members[f.Name]
		if !ok {
			return value.Value{}, fmt.Errorf("no member %s", f.Name)
		}
		x, err := parseValue(member, f.Type)
		if err != nil {
			return value.Value{}, fmt.Errorf("%s: %w", f.Name, err)
		}
		v.L = append(v.L, x)
	}
	return v, nil
}

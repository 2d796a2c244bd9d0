package expr

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// stringFunctions declares the part of CEL's strings extension that the
// language has. Positions count code points, as in the extension. Written here
// so that replace, split and join are bounded.
func stringFunctions() []cel.EnvOption {
	s, i, list := cel.StringType, cel.IntType, cel.ListType(cel.StringType)
	return []cel.EnvOption{
		stringFunction("charAt", charAt, s, s, i),
		stringFunction("indexOf", indexOf, i, s, s), stringFunction("indexOf", indexOf, i, s, s, i),
		stringFunction("lastIndexOf", lastIndexOf, i, s, s), stringFunction("lastIndexOf", lastIndexOf, i, s, s, i),
		stringFunction("lowerAscii", lowerASCII, s, s),
		stringFunction("upperAscii", upperASCII, s, s),
		stringFunction("trim", trim, s, s),
		stringFunction("substring", substring, s, s, i), stringFunction("substring", substring, s, s, i, i),
		stringFunction("replace", replace, s, s, s, s), stringFunction("replace", replace, s, s, s, s, i),
		stringFunction("split", split, list, s, s), stringFunction("split", split, list, s, s, i),
		stringFunction("join", join, s, list), stringFunction("join", join, s, list, s),
	}
}

// stringFunction declares one overload of a method of args[0].
func stringFunction(name string, f func(args ...ref.Val) (ref.Val, error), result *cel.Type, args ...*cel.Type) cel.EnvOption {
	call := func(in ...ref.Val) ref.Val {
		out, err := f(in...)
		if err != nil {
			return types.WrapErr(fmt.Errorf("%s: %w", name, err))
		}
		return out
	}
	binding := cel.FunctionBinding(call)
	switch len(args) {
	case 1:
		binding = cel.UnaryBinding(func(a ref.Val) ref.Val { return call(a) })
	case 2:
		binding = cel.BinaryBinding(func(a, b ref.Val) ref.Val { return call(a, b) })
	}
	return cel.Function(name, cel.MemberOverload(fmt.Sprintf("%s_%d", name, len(args)), args, result, binding))
}

func str(v ref.Val) string { return string(v.(types.String)) }

// at is the position given as argument i, or absent; an error unless it is in
// 0 to size.
func at(args []ref.Val, i, size, absent int) (int, error) {
	if len(args) <= i {
		return absent, nil
	}
	n := int64(args[i].(types.Int))
	if n < 0 || n > int64(size) {
		return 0, fmt.Errorf("index out of range: %d", n)
	}
	return int(n), nil
}

func charAt(args ...ref.Val) (ref.Val, error) {
	r := []rune(str(args[0]))
	i, err := at(args, 1, len(r), 0)
	if err != nil || i == len(r) {
		return types.String(""), err
	}
	return types.String(string(r[i])), nil
}

func indexOf(args ...ref.Val) (ref.Val, error) {
	r := []rune(str(args[0]))
	from, err := at(args, 2, len(r), 0)
	if err != nil {
		return nil, err
	}
	rest := string(r[from:])
	i := strings.Index(rest, str(args[1]))
	if i < 0 {
		return types.Int(-1), nil
	}
	return types.Int(from + len([]rune(rest[:i]))), nil
}

// lastIndexOf finds the last occurrence that begins at or before the position.
func lastIndexOf(args ...ref.Val) (ref.Val, error) {
	r, sub := []rune(str(args[0])), []rune(str(args[1]))
	upTo, err := at(args, 2, len(r), len(r))
	if err != nil {
		return nil, err
	}
	head := string(r[:min(upTo+len(sub), len(r))])
	i := strings.LastIndex(head, string(sub))
	if i < 0 {
		return types.Int(-1), nil
	}
	return types.Int(len([]rune(head[:i]))), nil
}

func lowerASCII(args ...ref.Val) (ref.Val, error) {
	return types.String(mapASCII(str(args[0]), 'A', 'Z', 'a'-'A')), nil
}

func upperASCII(args ...ref.Val) (ref.Val, error) {
	return types.String(mapASCII(str(args[0]), 'a', 'z', -('a' - 'A'))), nil
}

func mapASCII(s string, from, to, shift rune) string {
	return strings.Map(func(r rune) rune {
		if from <= r && r <= to {
			return r + shift
		}
		return r
	}, s)
}

func trim(args ...ref.Val) (ref.Val, error) {
	return types.String(strings.TrimSpace(str(args[0]))), nil
}

func substring(args ...ref.Val) (ref.Val, error) {
	r := []rune(str(args[0]))
	from, err := at(args, 1, len(r), 0)
	if err != nil {
		return nil, err
	}
	to, err := at(args, 2, len(r), len(r))
	if err != nil {
		return nil, err
	}
	if from > to {
		return nil, fmt.Errorf("invalid substring range: %d to %d", from, to)
	}
	return types.String(string(r[from:to])), nil
}

func replace(args ...ref.Val) (ref.Val, error) {
	s, old, with := str(args[0]), str(args[1]), str(args[2])
	n := -1
	if len(args) > 3 {
		n = limit(args[3])
	}
	count := strings.Count(s, old)
	if n >= 0 {
		count = min(count, n)
	}
	if err := checkSize(len(s) + count*(len(with)-len(old))); err != nil {
		return nil, err
	}
	return types.String(strings.Replace(s, old, with, n)), nil
}

func split(args ...ref.Val) (ref.Val, error) {
	n := -1
	if len(args) > 2 {
		n = limit(args[2])
	}
	parts := strings.SplitN(str(args[0]), str(args[1]), n)
	return types.NewStringList(types.DefaultTypeAdapter, parts), nil
}

// limit is a count; any negative one means no limit.
func limit(v ref.Val) int { return int(min(max(int64(v.(types.Int)), -1), maxBytes+1)) }

func join(args ...ref.Val) (ref.Val, error) {
	between := ""
	if len(args) > 1 {
		between = str(args[1])
	}
	var out strings.Builder
	items := args[0].(traits.Lister)
	for i := range int(items.Size().(types.Int)) {
		item, ok := items.Get(types.Int(i)).(types.String)
		if !ok {
			return nil, errNull
		}
		if i > 0 {
			out.WriteString(between)
		}
		out.WriteString(string(item))
		if err := checkSize(out.Len()); err != nil {
			return nil, err
		}
	}
	return types.String(out.String()), nil
}

package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// encodeUnion appends the branch that v belongs to: the one that an object of
// one member names, as in Avro's JSON; else the first whose natural form v is;
// else the first that takes v.
func encodeUnion(dst []byte, n *node, v any) ([]byte, error) {
	if i, inner, ok := tagged(n, v); ok {
		out, err := encodeBranch(dst, n, i, inner)
		if err == nil {
			return out, nil
		}
		// An object may also be a map or record with a member of that name.
		if out, plainErr := encodePlain(dst, n, v); plainErr == nil {
			return out, nil
		}
		return dst, err
	}
	return encodePlain(dst, n, v)
}

// encodePlain appends the branch of a value without a tag.
func encodePlain(dst []byte, n *node, v any) ([]byte, error) {
	if v == nil {
		if i := n.null(); i >= 0 {
			return encodeBranch(dst, n, i, nil)
		}
		return dst, fmt.Errorf("found null, want %s", n.wantAny())
	}
	if some := n.some(); some != n {
		return encodeBranch(dst, n, 1-n.null(), v)
	}
	for _, only := range []func(*node, any) bool{natural, anyBranch} {
		for i, b := range n.branches {
			if !only(b, v) {
				continue
			}
			if out, err := encodeBranch(dst, n, i, v); err == nil {
				return out, nil
			}
		}
	}
	return dst, fmt.Errorf("found %s, want %s", spell(v), n.wantAny())
}

func encodeBranch(dst []byte, n *node, i int, v any) ([]byte, error) {
	out, err := encode(appendLong(dst, int64(i)), n.branches[i], v)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func anyBranch(*node, any) bool { return true }

// natural reports whether v, as it is spelled, is a value of n first of all.
func natural(n *node, v any) bool {
	k := n.kind
	switch x := v.(type) {
	case bool:
		return k == kindBoolean
	case string:
		return k == kindString || k == kindEnum
	case json.Number:
		if strings.ContainsAny(string(x), ".eE") {
			return k == kindDouble || k == kindFloat
		}
		return k == kindInt || k == kindLong
	case int, int64:
		return k == kindLong || k == kindInt && n.unit == 0
	case int32:
		return k == kindInt
	case float64:
		return k == kindDouble
	case float32:
		return k == kindFloat
	case []byte:
		return k == kindBytes || k == kindFixed
	case []any:
		return k == kindArray
	case map[string]any:
		return k == kindRecord || k == kindMap
	case time.Time:
		return n.unit != 0
	}
	return false
}

// tagged finds the branch that {"name": value} names, by full or short name or
// with its logical type.
func tagged(n *node, v any) (branch int, inner any, ok bool) {
	m, isObject := v.(map[string]any)
	if !isObject || len(m) != 1 {
		return 0, nil, false
	}
	for name, inner := range m {
		for i, b := range n.branches {
			if b.answersTo(name) {
				return i, inner, true
			}
		}
	}
	return 0, nil, false
}

func (n *node) answersTo(name string) bool {
	if n.name != "" {
		return name == n.name || name == n.name[strings.LastIndexByte(n.name, '.')+1:]
	}
	return name == n.kind.String() || n.logical != "" && name == n.kind.String()+"."+n.logical
}

func (n *node) wantAny() string {
	list := make([]string, len(n.branches))
	for i, b := range n.branches {
		list[i] = b.want()
	}
	return "one of " + strings.Join(list, "; ")
}

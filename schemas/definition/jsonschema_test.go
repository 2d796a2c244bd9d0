package definition

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// validator checks a value against the part of JSON Schema that JSONSchema uses,
// so that the editors' schema can be held against what Parse takes.
type validator struct{ defs map[string]any }

func (v validator) check(s any, x any) error {
	if always, ok := s.(bool); ok {
		if !always {
			return fmt.Errorf("not allowed here")
		}
		return nil
	}
	schema := s.(map[string]any)
	if ref, ok := schema["$ref"].(string); ok {
		if err := v.check(v.defs[strings.TrimPrefix(ref, "#/$defs/")], x); err != nil {
			return err
		}
	}
	for _, check := range []func(map[string]any, any) error{v.kinds, v.scalars, v.object, v.array, v.branches} {
		if err := check(schema, x); err != nil {
			return err
		}
	}
	return nil
}

func (v validator) kinds(s map[string]any, x any) error {
	want, ok := s["type"]
	if !ok {
		return nil
	}
	is := ""
	switch x := x.(type) {
	case map[string]any:
		is = "object"
	case []any:
		is = "array"
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case float64:
		is = "number"
		if want == "integer" && x == math.Trunc(x) {
			is = "integer"
		}
	}
	if !strings.Contains(fmt.Sprint(want), is) || is == "" {
		return fmt.Errorf("%v is %q, want %v", x, is, want)
	}
	return nil
}

func (v validator) scalars(s map[string]any, x any) error {
	if text, ok := x.(string); ok {
		if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(text) {
			return fmt.Errorf("%q is not %s", text, p)
		}
		if most, ok := s["maxLength"].(float64); ok && len(text) > int(most) {
			return fmt.Errorf("%q is too long", text)
		}
	}
	if n, ok := x.(float64); ok {
		if least, ok := s["minimum"].(float64); ok && n < least {
			return fmt.Errorf("%v is below %v", n, least)
		}
		if most, ok := s["maximum"].(float64); ok && n > most {
			return fmt.Errorf("%v is above %v", n, most)
		}
		if least, ok := s["exclusiveMinimum"].(float64); ok && n <= least {
			return fmt.Errorf("%v is not above %v", n, least)
		}
		if most, ok := s["exclusiveMaximum"].(float64); ok && n >= most {
			return fmt.Errorf("%v is not below %v", n, most)
		}
	}
	if words, ok := s["enum"].([]any); ok && !strings.Contains(fmt.Sprint(words)+" ", fmt.Sprint(x)) {
		return fmt.Errorf("%v is none of %v", x, words)
	}
	if c, ok := s["const"]; ok && c != x {
		return fmt.Errorf("%v is not %v", x, c)
	}
	return nil
}

func (v validator) object(s map[string]any, x any) error {
	m, ok := x.(map[string]any)
	if !ok {
		return nil
	}
	properties, _ := s["properties"].(map[string]any)
	for name, value := range m {
		rule, known := properties[name]
		if !known {
			if rule, known = s["additionalProperties"]; !known {
				continue
			}
		}
		if err := v.check(rule, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := m[name.(string)]; !ok {
			return fmt.Errorf("no %v", name)
		}
	}
	return nil
}

func (v validator) array(s map[string]any, x any) error {
	items, isList := x.([]any)
	if least, ok := s["minItems"].(float64); ok && isList && len(items) < int(least) {
		return fmt.Errorf("%v has too few items", x)
	}
	if most, ok := s["maxItems"].(float64); ok && len(items) > int(most) {
		return fmt.Errorf("%v has too many items", x)
	}
	for i, item := range items {
		if s["uniqueItems"] == true && slices.ContainsFunc(items[:i], func(y any) bool { return reflect.DeepEqual(item, y) }) {
			return fmt.Errorf("%v is there twice", item)
		}
		if rule, ok := s["items"]; ok {
			if err := v.check(rule, item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v validator) branches(s map[string]any, x any) error {
	all, _ := s["allOf"].([]any)
	for _, rule := range all {
		r := rule.(map[string]any)
		if v.check(r["if"], x) == nil {
			if err := v.check(r["then"], x); err != nil {
				return err
			}
		}
	}
	one, _ := s["oneOf"].([]any)
	fits := 0
	for _, rule := range one {
		if v.check(rule, x) == nil {
			fits++
		}
	}
	if len(one) > 0 && fits != 1 {
		return fmt.Errorf("%v fits %d of the alternatives", x, fits)
	}
	return nil
}

// editor validates YAML as an editor would.
func editor(t *testing.T, text string) error {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal(JSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	var fromYAML any
	if err := yaml.Unmarshal([]byte(text), &fromYAML); err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(fromYAML)
	var x any
	if err := json.Unmarshal(b, &x); err != nil {
		t.Fatal(err)
	}
	return validator{schema["$defs"].(map[string]any)}.check(schema, x)
}

func TestEditorsAcceptWhatParseAccepts(t *testing.T) {
	if err := editor(t, shop); err != nil {
		t.Error(err)
	}
	if err := editor(t, string(Encode(parse(t, shop)))); err != nil {
		t.Errorf("canonical JSON: %v", err)
	}
}

func TestEditorsRefuseWhatIsWrongInOneFile(t *testing.T) {
	for old, new := range map[string]string{
		"window: 1h":                    "windwo: 1h",
		"partitions: 8":                 "partitions: many",
		"scale: 2":                      "scale: 39",
		"ttl: 90d":                      "ttl: 0d",
		"    stream: orders\n":          "",
		", k: 10":                       "",
		"kind: count":                   "kind: sample",
		"kind: count, window":           "kind: count, k: 3, window",
		"name: orders_1h":               "name: orders__1h",
		`"spending:*"`:                  `"spending"`,
		"policy: {partial: true}":       "policy: {residency: [eu]}",
		"mode: bounded":                 "mode: strong",
		"    created_timestamp: append": "    rekey: true",
	} {
		changed := strings.Replace(shop, old, new, 1)
		if changed == shop {
			t.Fatalf("%q is not in the example", old)
		}
		if editor(t, changed) == nil {
			t.Errorf("an editor accepts %q", new)
		}
	}
}

func TestEveryKeyHasADescription(t *testing.T) {
	for _, s := range []*shape{projectShape, basisShape, regionShape, entityShape, joinKeyShape, streamShape, viewShape, viewPolicyShape, featureShape, serviceShape, servicePolicyShape, selectionShape} {
		for _, k := range s.keys {
			if k.doc == "" || s.doc == "" {
				t.Errorf("%s.%s has no description", s.title, k.name)
			}
		}
	}
}

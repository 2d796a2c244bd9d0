package definition

import (
	"encoding/json"
	"strings"
)

// JSONSchema is a JSON Schema (draft 2020-12) of a definition file, for editors:
// what may be written, with descriptions. It describes one file of several, so
// it requires nothing at the top.
func JSONSchema() []byte {
	defs := map[string]any{}
	root := shapeSchema(projectShape, defs)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Anabranch definitions"
	root["$defs"] = defs
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return append(b, '\n')
}

// shapeSchema describes a mapping; shapes within it go to defs.
func shapeSchema(s *shape, defs map[string]any) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, k := range s.keys {
		if k.later {
			continue
		}
		member := formSchema(k.form, defs)
		member["description"] = k.doc
		properties[k.name] = member
		if k.must {
			required = append(required, k.name)
		}
	}
	schema := map[string]any{"type": "object", "description": s.doc, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	switch s {
	case featureShape:
		schema["allOf"] = kindSchemas()
	case basisShape:
		schema["oneOf"] = []any{map[string]any{"required": []string{"file"}}, map[string]any{"required": []string{"data"}}}
	}
	return schema
}

// reference puts a shape into defs, once, and refers to it.
func reference(s *shape, defs map[string]any) map[string]any {
	name := strings.ReplaceAll(s.title, " ", "_")
	if s == servicePolicyShape {
		name = "service_policy"
	}
	if defs[name] == nil {
		defs[name] = true // taken; no shape holds itself
		defs[name] = shapeSchema(s, defs)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

const spanPattern = `^[0-9]*[1-9][0-9]*(ms|s|m|h|d)$`

func formSchema(f *form, defs map[string]any) map[string]any {
	switch f.kind {
	case wordForm:
		return map[string]any{"type": "string", "enum": f.words}
	case spanForm:
		return map[string]any{"type": "string", "pattern": spanPattern, "examples": []string{"250ms", "30s", "5m", "1h", "7d"}}
	case integerForm:
		return map[string]any{"type": "integer", "minimum": f.least, "maximum": f.most}
	case numberForm:
		return numberSchema(f.bounds)
	case booleanForm:
		return map[string]any{"type": "boolean"}
	case exprForm:
		return map[string]any{"type": []string{"string", "number", "boolean"}}
	case listForm:
		return listSchema(f, defs)
	case tableForm:
		return map[string]any{"type": "object", "additionalProperties": formSchema(f.item, defs)}
	case shapeForm:
		return reference(f.shape, defs)
	case eitherForm:
		return map[string]any{"oneOf": []any{formSchema(f.item, defs), reference(f.shape, defs)}}
	}
	return textSchema(f)
}

func numberSchema(b bounds) map[string]any {
	s := map[string]any{"type": "number"}
	least, most := "minimum", "maximum"
	if b.open {
		least, most = "exclusiveMinimum", "exclusiveMaximum"
	}
	s[least] = b.lower
	if !b.endless {
		s[most] = b.upper
	}
	return s
}

func listSchema(f *form, defs map[string]any) map[string]any {
	s := map[string]any{"type": "array", "items": formSchema(f.item, defs)}
	if f.most > 0 {
		s["minItems"], s["maxItems"] = f.least, f.most
	}
	if f.item.kind == numberForm {
		s["uniqueItems"] = true
	}
	return s
}

func textSchema(f *form) map[string]any {
	s := map[string]any{"type": "string"}
	if f.pattern != nil {
		s["pattern"], s["maxLength"] = f.pattern.String(), f.longest()
	} else if !f.blank {
		s["minLength"] = 1
	}
	return s
}

// kindSchemas say for each kind which parameters it needs and which are not
// for it.
func kindSchemas() []any {
	var rules []any
	for i := range kindRules {
		r := &kindRules[i]
		barred := map[string]any{}
		for _, k := range featureShape.keys {
			if !k.later && !r.takes(k.name) {
				barred[k.name] = false
			}
		}
		then := map[string]any{"properties": barred}
		if len(r.must) > 0 {
			then["required"] = r.must
		}
		rules = append(rules, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"kind": map[string]any{"const": r.name}}},
			"then": then,
		})
	}
	return append(rules, map[string]any{
		"if":   map[string]any{"properties": map[string]any{"removes": map[string]any{"const": "observed"}}, "required": []string{"removes"}},
		"then": map[string]any{"required": []string{"remove_where"}},
	})
}

package registry

import (
	"net/http"
	"strconv"
)

// routes are the paths of Confluent's Schema Registry API.
func (s *Server) routes() {
	for pattern, h := range map[string]handler{
		"GET /{$}":                                          s.getRoot,
		"GET /subjects":                                     s.getSubjects,
		"GET /subjects/{subject}/versions":                  s.getVersions,
		"POST /subjects/{subject}/versions":                 s.postVersion,
		"GET /subjects/{subject}/versions/{version}":        s.getVersion,
		"GET /subjects/{subject}/versions/{version}/schema": s.getVersionSchema,
		"DELETE /subjects/{subject}/versions/{version}":     s.deleteVersion,
		"POST /subjects/{subject}":                          s.postLookup,
		"DELETE /subjects/{subject}":                        s.deleteSubject,
		"GET /schemas/types":                                s.getTypes,
		"GET /schemas/ids/{id}":                             s.getSchema,
		"GET /schemas/ids/{id}/schema":                      s.getSchemaText,
		"GET /schemas/ids/{id}/subjects":                    s.getSchemaSubjects,
		"GET /schemas/ids/{id}/versions":                    s.getSchemaVersions,
		"GET /config":                                       s.getLevel,
		"PUT /config":                                       s.putLevel,
		"DELETE /config":                                    s.deleteLevel,
		"GET /config/{subject}":                             s.getLevel,
		"PUT /config/{subject}":                             s.putLevel,
		"DELETE /config/{subject}":                          s.deleteLevel,
		"GET /mode":                                         s.getMode,
		"GET /mode/{subject}":                               s.getMode,
		"PUT /mode":                                         s.putMode,
		"PUT /mode/{subject}":                               s.putMode,
		"POST /compatibility/subjects/{subject}/versions":   s.postCompatibility,
		"POST /compatibility/subjects/{subject}/versions/{version}": s.postCompatibility,
		"/": func(*http.Request) (any, error) {
			return nil, failure(http.StatusNotFound, http.StatusNotFound, "HTTP 404 Not Found")
		},
	} {
		s.mux.Handle(pattern, h)
	}
}

func (s *Server) getRoot(*http.Request) (any, error) { return struct{}{}, nil }

func (s *Server) getTypes(*http.Request) (any, error) { return []string{typeAvro}, nil }

const typeAvro = "AVRO"

// submitted is a schema as clients send it.
type submitted struct {
	Schema     string `json:"schema"`
	SchemaType string `json:"schemaType"`
	References []any  `json:"references"`
	Metadata   any    `json:"metadata"`
	RuleSet    any    `json:"ruleSet"`
}

// take reads the schema in a request's body.
func take(r *http.Request) (schema, error) {
	in, err := body[submitted](r)
	if err != nil {
		return schema{}, err
	}
	invalid := func(format string, args ...any) error {
		return failure(http.StatusUnprocessableEntity, codeInvalidSchema, format, args...)
	}
	switch {
	case in.SchemaType != "" && in.SchemaType != typeAvro:
		return schema{}, invalid("Invalid schema type %s: not built yet, this registry holds AVRO only", in.SchemaType)
	case len(in.References) > 0:
		return schema{}, invalid("Invalid schema: references are not built yet, write the referenced types into the schema")
	case in.Metadata != nil || in.RuleSet != nil:
		return schema{}, invalid("Invalid schema: metadata and ruleSet are not built yet")
	}
	parsed, err := parseSchema(in.Schema)
	if err != nil {
		return schema{}, invalid("Invalid schema: %v", err)
	}
	if flag(r, "normalize") {
		if again, err := parseSchema(parsed.normal); err == nil {
			return again, nil
		}
	}
	return parsed, nil
}

// registered is a version of a subject as clients read it.
type registered struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	ID      int    `json:"id"`
	Schema  string `json:"schema"`
}

func (s *state) describe(subject string, v version) registered {
	return registered{Subject: subject, Version: v.number, ID: v.id, Schema: s.schemas[v.id].text}
}

func subjectNotFound(subject string) error {
	return failure(http.StatusNotFound, codeSubjectNotFound, "Subject '%s' not found.", subject)
}

func versionNotFound(number int) error {
	return failure(http.StatusNotFound, codeVersionNotFound, "Version %d not found.", number)
}

// latest stands for the newest version.
const latest = -1

// versionNumber reads the version in a path.
func versionNumber(r *http.Request) (int, error) {
	text := r.PathValue("version")
	if text == "latest" || text == "-1" {
		return latest, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, failure(http.StatusUnprocessableEntity, codeInvalidVersion,
			`The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`, text)
	}
	return int(n), nil
}

// pick is a version of a subject by number, or latest.
func (s *state) pick(subject string, number int, deleted bool) (version, error) {
	vs := s.versions(subject, deleted)
	if len(vs) == 0 {
		return version{}, subjectNotFound(subject)
	}
	if number == latest {
		return vs[len(vs)-1], nil
	}
	for _, v := range vs {
		if v.number == number {
			return v, nil
		}
	}
	return version{}, versionNotFound(number)
}

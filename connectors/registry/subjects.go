package registry

import (
	"net/http"
	"strconv"
	"strings"
)

func (s *Server) getSubjects(r *http.Request) (any, error) {
	var names []string
	err := s.look(func(st *state) error {
		names = st.names(r.URL.Query().Get("subjectPrefix"), flag(r, "deleted"))
		return nil
	})
	return names, err
}

func (s *Server) getVersions(r *http.Request) (any, error) {
	subject := r.PathValue("subject")
	var numbers []int
	err := s.look(func(st *state) error {
		for _, v := range st.versions(subject, flag(r, "deleted")) {
			numbers = append(numbers, v.number)
		}
		if numbers == nil {
			return subjectNotFound(subject)
		}
		return nil
	})
	return numbers, err
}

// postVersion registers: a schema that the subject has already keeps its id and
// version, whatever the compatibility level says.
func (s *Server) postVersion(r *http.Request) (any, error) {
	subject := r.PathValue("subject")
	next, err := take(r)
	if err != nil {
		return nil, err
	}
	var id int
	err = s.change(func(st *state) ([]event, error) {
		if v, ok := st.find(subject, next.normal, false); ok {
			id = v.id
			return nil, nil
		}
		if broken := st.breaks(subject, next, st.compared(subject)); len(broken) > 0 {
			return nil, failure(http.StatusConflict, codeIncompatible,
				`Schema being registered is incompatible with an earlier schema for subject "%s" (compatibility %s): %s`,
				subject, st.level(subject), strings.Join(broken, "; "))
		}
		e := st.registration(subject, next)
		id = e.ID
		return []event{e}, nil
	})
	return struct {
		ID int `json:"id"`
	}{id}, err
}

func (s *Server) version(r *http.Request) (out registered, err error) {
	number, err := versionNumber(r)
	if err != nil {
		return out, err
	}
	subject := r.PathValue("subject")
	err = s.look(func(st *state) error {
		v, err := st.pick(subject, number, flag(r, "deleted"))
		if err == nil {
			out = st.describe(subject, v)
		}
		return err
	})
	return out, err
}

func (s *Server) getVersion(r *http.Request) (any, error) { return s.version(r) }

func (s *Server) getVersionSchema(r *http.Request) (any, error) {
	v, err := s.version(r)
	return raw(v.Schema), err
}

func (s *Server) postLookup(r *http.Request) (any, error) {
	subject := r.PathValue("subject")
	wanted, err := take(r)
	if err != nil {
		return nil, err
	}
	var out registered
	err = s.look(func(st *state) error {
		deleted := flag(r, "deleted")
		if len(st.versions(subject, deleted)) == 0 {
			return subjectNotFound(subject)
		}
		v, ok := st.find(subject, wanted.normal, deleted)
		if !ok {
			return failure(http.StatusNotFound, codeSchemaNotFound, "Schema not found")
		}
		out = st.describe(subject, v)
		return nil
	})
	return out, err
}

// deleteSubject deletes every version; permanently only what was deleted softly
// before, as a safeguard.
func (s *Server) deleteSubject(r *http.Request) (any, error) {
	subject, permanent := r.PathValue("subject"), flag(r, "permanent")
	var numbers []int
	err := s.change(func(st *state) (events []event, err error) {
		all, live := st.versions(subject, true), st.versions(subject, false)
		switch {
		case len(all) == 0:
			return nil, subjectNotFound(subject)
		case permanent && len(live) > 0:
			return nil, failure(http.StatusNotFound, codeSubjectNotDeleted, "Subject '%s' was not deleted first before being permanently deleted", subject)
		case !permanent && len(live) == 0:
			return nil, failure(http.StatusNotFound, codeSubjectDeleted, "Subject '%s' was soft deleted. Set permanent=true to delete permanently", subject)
		}
		op, versions := opDelete, live
		if permanent {
			op, versions = opPurge, all
		}
		for _, v := range versions {
			numbers = append(numbers, v.number)
			events = append(events, event{Op: op, Subject: subject, Version: v.number})
		}
		return events, nil
	})
	return numbers, err
}

func (s *Server) deleteVersion(r *http.Request) (any, error) {
	number, err := versionNumber(r)
	if err != nil {
		return nil, err
	}
	subject, permanent := r.PathValue("subject"), flag(r, "permanent")
	err = s.change(func(st *state) ([]event, error) {
		v, err := st.pick(subject, number, number != latest || permanent)
		if err != nil {
			return nil, err
		}
		number = v.number
		switch {
		case permanent && !v.deleted:
			return nil, failure(http.StatusNotFound, codeVersionNotDeleted, "Subject '%s' Version %d was not deleted first before being permanently deleted", subject, number)
		case !permanent && v.deleted:
			return nil, failure(http.StatusNotFound, codeVersionDeleted, "Subject '%s' Version %d was soft deleted. Set permanent=true to delete permanently", subject, number)
		}
		op := opDelete
		if permanent {
			op = opPurge
		}
		return []event{{Op: op, Subject: subject, Version: number}}, nil
	})
	return number, err
}

// byID finds the schema of the id in a path.
func (s *Server) byID(r *http.Request, f func(*state, int, schema)) error {
	text := r.PathValue("id")
	return s.look(func(st *state) error {
		id, err := strconv.Atoi(text)
		known, ok := st.schemas[id]
		if err != nil || !ok {
			return failure(http.StatusNotFound, codeSchemaNotFound, "Schema %s not found", text)
		}
		f(st, id, known)
		return nil
	})
}

func (s *Server) getSchema(r *http.Request) (any, error) {
	var out struct {
		Schema string `json:"schema"`
	}
	err := s.byID(r, func(_ *state, _ int, known schema) { out.Schema = known.text })
	return out, err
}

func (s *Server) getSchemaText(r *http.Request) (any, error) {
	var text string
	err := s.byID(r, func(_ *state, _ int, known schema) { text = known.text })
	return raw(text), err
}

// use is a place where a schema is registered.
type use struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

func (s *Server) uses(r *http.Request) ([]use, error) {
	out := []use{}
	err := s.byID(r, func(st *state, id int, _ schema) {
		for _, name := range st.names("", true) {
			for _, v := range st.versions(name, flag(r, "deleted")) {
				if v.id == id {
					out = append(out, use{name, v.number})
				}
			}
		}
	})
	return out, err
}

func (s *Server) getSchemaVersions(r *http.Request) (any, error) { return s.uses(r) }

func (s *Server) getSchemaSubjects(r *http.Request) (any, error) {
	uses, err := s.uses(r)
	names := []string{}
	for _, u := range uses {
		if len(names) == 0 || names[len(names)-1] != u.Subject {
			names = append(names, u.Subject)
		}
	}
	return names, err
}

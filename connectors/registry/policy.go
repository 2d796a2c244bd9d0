package registry

import (
	"net/http"
	"strings"
)

// levelAsked is a configuration as clients write it; levelGiven as they read
// it. The names differ in Confluent's API.
type levelAsked struct {
	Compatibility Level `json:"compatibility"`
}

type levelGiven struct {
	Level Level `json:"compatibilityLevel"`
}

func (s *Server) getLevel(r *http.Request) (any, error) {
	subject := r.PathValue("subject")
	var out levelGiven
	err := s.look(func(st *state) error {
		if _, own := st.levels[subject]; subject != "" && !own && !flag(r, "defaultToGlobal") {
			return noLevel(subject)
		}
		out.Level = st.level(subject)
		return nil
	})
	return out, err
}

func noLevel(subject string) error {
	return failure(http.StatusNotFound, codeNoSubjectLevel, "Subject '%s' does not have subject-level compatibility configured", subject)
}

func (s *Server) putLevel(r *http.Request) (any, error) {
	in, err := body[levelAsked](r)
	if err != nil {
		return nil, err
	}
	in.Compatibility = Level(strings.ToUpper(string(in.Compatibility)))
	if !in.Compatibility.valid() {
		return nil, failure(http.StatusUnprocessableEntity, codeInvalidLevel,
			"Invalid compatibility level %q. Valid values are %v", in.Compatibility, levels)
	}
	return in, s.change(func(*state) ([]event, error) {
		return []event{{Op: opLevel, Subject: r.PathValue("subject"), Level: in.Compatibility}}, nil
	})
}

// deleteLevel goes back to the default and answers with what was in force.
func (s *Server) deleteLevel(r *http.Request) (any, error) {
	subject := r.PathValue("subject")
	var out levelGiven
	err := s.change(func(st *state) ([]event, error) {
		own, ok := st.levels[subject]
		if out.Level = own; !ok {
			if subject != "" {
				return nil, noLevel(subject)
			}
			out.Level = Backward
			return nil, nil
		}
		return []event{{Op: opLevel, Subject: subject}}, nil
	})
	return out, err
}

// modeBody is the same for asking and answering.
type modeBody struct {
	Mode string `json:"mode"`
}

const readWrite = "READWRITE"

func (s *Server) getMode(r *http.Request) (any, error) {
	if subject := r.PathValue("subject"); subject != "" && !flag(r, "defaultToGlobal") {
		return nil, failure(http.StatusNotFound, codeNoSubjectMode, "Subject '%s' does not have subject-level mode configured", subject)
	}
	return modeBody{readWrite}, nil
}

func (s *Server) putMode(r *http.Request) (any, error) {
	in, err := body[modeBody](r)
	if err != nil {
		return nil, err
	}
	if in.Mode != readWrite {
		return nil, failure(http.StatusUnprocessableEntity, codeInvalidMode, "Mode %q is not built yet: this registry is always %s", in.Mode, readWrite)
	}
	return in, nil
}

// compatible is the answer to a compatibility check.
type compatible struct {
	Compatible bool     `json:"is_compatible"`
	Messages   []string `json:"messages,omitempty"`
}

// postCompatibility checks against one version, or without one as registering
// would.
func (s *Server) postCompatibility(r *http.Request) (any, error) {
	subject, number := r.PathValue("subject"), 0
	if r.PathValue("version") != "" {
		var err error
		if number, err = versionNumber(r); err != nil {
			return nil, err
		}
	}
	next, err := take(r)
	if err != nil {
		return nil, err
	}
	var broken []string
	err = s.look(func(st *state) error {
		with := st.compared(subject)
		if number != 0 {
			v, err := st.pick(subject, number, false)
			switch {
			case err == nil:
				with = []version{v}
			case number == latest:
				with = nil // nothing to be incompatible with
			default:
				return err
			}
		}
		broken = st.breaks(subject, next, with)
		return nil
	})
	out := compatible{Compatible: len(broken) == 0}
	if flag(r, "verbose") {
		out.Messages = broken
	}
	return out, err
}

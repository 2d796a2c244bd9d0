package serve

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
)

// badRequest is a request that cannot be understood.
func badRequest(format string, args ...any) *Problem {
	return &Problem{Name: "bad-request", Status: http.StatusBadRequest, Title: "Bad request", Detail: fmt.Sprintf(format, args...)}
}

// badRow is a request with a row that cannot be understood.
func badRow(row int, format string, args ...any) *Problem {
	p := badRequest(format, args...)
	p.HasRow, p.Row = true, row
	p.Detail = fmt.Sprintf("row %d: %s", row, p.Detail)
	return p
}

func notFound(what, class, detail string) *Problem {
	return &Problem{Name: "unknown-" + what, Status: http.StatusNotFound, Title: "Unknown " + what, Detail: detail, class: class}
}

func tooLarge(format string, args ...any) *Problem {
	return &Problem{Name: "too-large", Status: http.StatusRequestEntityTooLarge, Title: "Request too large", Detail: fmt.Sprintf(format, args...)}
}

func atTooEarly(row int, view string, at, newest stamp.Micros) *Problem {
	return &Problem{
		Name: "at-too-early", Status: http.StatusUnprocessableEntity, Title: "Time before the newest event",
		Detail: fmt.Sprintf("row %d: view %s has folded an event of %s, after at %s; ask for that time or later, or read the past with get-historical", row, view, newest, at),
		HasRow: true, Row: row, Newest: newest,
	}
}

func building(view string, folded, total int64) *Problem {
	return &Problem{
		Name: "building", Status: http.StatusServiceUnavailable, Title: "View is building",
		Detail: fmt.Sprintf("view %s is being folded from the logs' start, %d of %d events so far; try again later, or allow partial answers", view, folded, total),
		Folded: folded, Total: total, RetryAfter: 1,
	}
}

func halted(view string, err error) *Problem {
	return &Problem{
		Name: "halted", Status: http.StatusServiceUnavailable, Title: "View is halted",
		Detail: fmt.Sprintf("view %s is stopped until an operator acts: %v", view, err),
	}
}

func residency(view, region string, regions []string) *Problem {
	return &Problem{
		Name: "residency", Status: http.StatusForbidden, Title: "View is not held in this region",
		Detail:  fmt.Sprintf("view %s is not held in %s by its residency; ask %s", view, region, strings.Join(regions, " or ")),
		Regions: regions,
	}
}

func notReady(detail string) *Problem {
	return &Problem{Name: "not-ready", Status: http.StatusServiceUnavailable, Title: "Not ready", Detail: detail, RetryAfter: 1}
}

func internal(err error) *Problem {
	if errors.Is(err, state.ErrRetired) {
		return &Problem{
			Name: "building", Status: http.StatusServiceUnavailable, Title: "View is being replaced",
			Detail: clean(err.Error()) + " while it was read; try again", RetryAfter: 1,
		}
	}
	return &Problem{Name: "internal", Status: http.StatusInternalServerError, Title: "Internal error", Detail: clean(err.Error())}
}

// clean makes text safe for JSON.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// hint is "; did you mean …?", or nothing if no candidate is near.
func hint(word string, candidates []string) string {
	if c := definition.Nearest(word, candidates); c != "" {
		return fmt.Sprintf("; did you mean %q?", c)
	}
	return ""
}

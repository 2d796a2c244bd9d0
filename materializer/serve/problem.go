package serve

import (
	"net/http"
	"strconv"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// problemBase is what a problem's type begins with.
const problemBase = "https://anabranch.dev/problems/"

// Problem is an error as RFC 9457 describes it.
type Problem struct {
	Name   string // last segment of the type: bad-request, stale, building, …
	Status int    // HTTP status
	Title  string
	Detail string // what is wrong and what to do, on one line

	HasRow bool // Row is the index of the request's row that is to blame
	Row    int

	Newest     stamp.Micros // at-too-early: the time before which nothing can be read
	RetryAfter int          // seconds; 0: not worth trying again by itself
	Folded     int64        // building: events folded of Total
	Total      int64
	Regions    []string // residency: the regions that hold the view
	Missing    []Missing

	class string // of the error in Feast's terms; empty: a plain one
}

// Missing is one budget that was not kept.
type Missing struct {
	View      string
	Region    string // whose log lags; empty if the age is at fault
	Stream    string
	Partition int32
	Next      int64 // the first offset that is not folded
	Want      int64 // what Next had to reach
	AgeMillis int64 // -1: not known
	MaxMillis int64 // the age that was asked for
}

// Error is the detail.
func (p *Problem) Error() string { return p.Name + ": " + p.Detail }

// body is the problem as JSON.
func (p *Problem) body() []byte {
	b := make([]byte, 0, 512)
	b = append(b, `{"type":"`...)
	b = append(b, problemBase...)
	b = append(b, p.Name...)
	b = append(b, `","title":`...)
	b = appendText(b, p.Title)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(p.Status), 10)
	b = append(b, `,"detail":`...)
	b = appendText(b, p.Detail)
	if p.HasRow {
		b = append(b, `,"row":`...)
		b = strconv.AppendInt(b, int64(p.Row), 10)
	}
	if p.Name == "at-too-early" {
		b = append(append(append(b, `,"newest":"`...), p.Newest.String()...), '"')
	}
	if p.Name == "building" {
		b = append(b, `,"progress":{"folded":`...)
		b = strconv.AppendInt(b, p.Folded, 10)
		b = append(b, `,"total":`...)
		b = append(strconv.AppendInt(b, p.Total, 10), '}')
	}
	b = appendTexts(b, "regions", p.Regions)
	b = appendMissing(b, p.Missing)
	return append(b, '}', '\n')
}

func appendTexts(b []byte, name string, list []string) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(append(b, ',', '"'), name...), '"', ':')
	return appendTextList(b, list)
}

func appendTextList(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

func appendMissing(b []byte, list []Missing) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, `,"missing":[`...)
	for i, m := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"view":`...), m.View)
		b = strconv.AppendInt(append(b, `,"partition":`...), int64(m.Partition), 10)
		if m.Region != "" {
			b = appendText(append(b, `,"region":`...), m.Region)
			b = appendText(append(b, `,"stream":`...), m.Stream)
			b = strconv.AppendInt(append(b, `,"next":`...), m.Next, 10)
			b = strconv.AppendInt(append(b, `,"want":`...), m.Want, 10)
		} else {
			b = appendAge(append(b, `,"age_ms":`...), m.AgeMillis)
			b = strconv.AppendInt(append(b, `,"max_ms":`...), m.MaxMillis, 10)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendAge appends milliseconds, or null for what is not known.
func appendAge(b []byte, ms int64) []byte {
	if ms < 0 {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, ms, 10)
}

// appendText appends s as a JSON string, mending what is not UTF-8.
func appendText(b []byte, s string) []byte { return value.AppendString(b, []byte(clean(s))) }

// write answers with the problem, in one write.
func (p *Problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	send(w, p.Status, p.body())
}

// send writes a whole answer.
func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // the client is gone: nobody to tell
}

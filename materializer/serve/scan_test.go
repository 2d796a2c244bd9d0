package serve

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"anabranch.dev/anabranch/schemas/stamp"
)

var requests = []string{
	`{"service": "checkout", "entities": [{"user_id": 7}]}`,
	`{"features": ["spending:orders", "baskets:*"], "entities": [{"user_id": "-1", "item": "\u00e9\"\\"}, {"user_id": null, "item": ""}], "at": "2001-03-31T23:00:00Z"}`,
	`{"features":["global:ticks"],"entities":[{}],"mode":"bounded","max_staleness":"2s","deadline":"20ms","max_skew":"50ms","after":["eu/orders/0/1"],"partial":true}`,
	`{"a": [1, -0.5e+3, true, false, null, {"b": {}}, []]}`,
	`[[[[]]]]`, `"\ud800"`, `-`, `01`, `1.`, `{"a":1,}`, "\"\x01\"", `{"a" 1}`, `tru`, ` {} `, `{}x`,
}

func depth(b []byte) int {
	most, now, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '{' || c == '['):
			now++
			most = max(most, now)
		case !quoted && (c == '}' || c == ']'):
			now--
		}
	}
	return most
}

// FuzzScannerAgreesWithEncodingJSON: the same texts are JSON, except for what
// is not UTF-8 within strings and what nests too deep.
func FuzzScannerAgreesWithEncodingJSON(f *testing.F) {
	for _, s := range requests {
		f.Add([]byte(s))
	}
	f.Add([]byte(strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := scanner{b: b}
		raw, err := s.value()
		if err == nil {
			err = s.end()
		}
		want := json.Valid(b) && utf8.Valid(b) && depth(b) <= maxDepth
		if (err == nil) != want {
			t.Fatalf("%q: %v, encoding/json says %v", b, err, json.Valid(b))
		}
		if err == nil && !bytes.Equal(bytes.TrimSpace(b), raw) {
			t.Fatalf("%q: walked %q", b, raw)
		}
	})
}

func TestTooDeep(t *testing.T) {
	for n, ok := range map[int]bool{maxDepth: true, maxDepth + 1: false, 100_000: false} {
		s := scanner{b: []byte(strings.Repeat("[", n) + strings.Repeat("]", n))}
		if _, err := s.value(); (err == nil) != ok {
			t.Errorf("depth %d: %v", n, err)
		}
	}
}

// FuzzRequests: any body gets an answer or a problem, and what a decoded query
// holds is what encoding/json reads.
func FuzzRequests(f *testing.F) {
	for _, s := range requests {
		f.Add(s)
	}
	w := newWorld(f, nil)
	w.order(eu, 7, noon, 1, "x")
	f.Fuzz(func(t *testing.T, body string) {
		q, problem := decodeQuery([]byte(body))
		if problem != nil {
			if g := w.ask(body); g.status != 400 {
				t.Fatalf("%q: %d", body, g.status)
			}
			return
		}
		var plain struct {
			Service, Mode, At string
			Features          []any
			Entities          []any
			Partial           *bool
		}
		if err := json.Unmarshal([]byte(body), &plain); err != nil {
			t.Fatalf("%q passed: %v", body, err)
		}
		if plain.Service != string(q.service) || plain.Mode != q.budget.mode || (plain.At == "") != (q.at == stamp.NoTime) {
			t.Fatalf("%q became %+v", body, q)
		}
		if q.deadline == 0 || q.deadline > 10*stamp.Millisecond {
			q.deadline = 10 * stamp.Millisecond
		}
		r, problem := w.server.read(t.Context(), w.live, q)
		if problem == nil && len(plain.Entities) != r.cells.rows {
			t.Fatalf("%q: %d rows", body, r.cells.rows)
		}
		if problem == nil && !json.Valid(r.appendAnswer(nil)) {
			t.Fatalf("%q: the answer is not JSON: %s", body, r.appendAnswer(nil))
		}
	})
}

// FuzzFeastRequests: any body gets JSON back, and only statuses that Feast's
// clients do not retry.
func FuzzFeastRequests(f *testing.F) {
	f.Add(`{"features": ["spending:orders"], "entities": {"user_id": [7, null, "8"]}, "full_feature_names": true}`)
	f.Add(`{"feature_service": "gift", "entities": {"giver_id": [1], "taker_id": [2]}}`)
	f.Add(`{"push_source_name": "orders", "df": {"customer": [1]}}`)
	w := newWorld(f, nil)
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/get-online-features", "/push", "/write-to-online-store"} {
			g := w.do("POST", path, body)
			if !json.Valid([]byte(g.text)) {
				t.Fatalf("%s %q: %s", path, body, g.text)
			}
			switch g.status {
			case 200, 400, 404, 413, 422:
			default:
				t.Fatalf("%s %q: status %d", path, body, g.status)
			}
		}
	})
}

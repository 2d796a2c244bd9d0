package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"anabranch.dev/anabranch/materializer/intake"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// pushBody is the body of /push and /write-to-online-store; keys that Feast may
// add are ignored.
type pushBody struct {
	Source string           `json:"push_source_name"`
	View   string           `json:"feature_view_name"`
	To     string           `json:"to"`
	Frame  map[string][]any `json:"df"`
}

func unprocessable(class, format string, args ...any) *Problem {
	return &Problem{Name: "unprocessable", Status: http.StatusUnprocessableEntity, Title: "Unprocessable", Detail: fmt.Sprintf(format, args...), class: class}
}

// decodePush reads a push. Numbers keep their text.
func decodePush(body []byte, limit int) (*pushBody, int, *Problem) {
	s := scanner{b: body}
	_, err := s.value()
	if err == nil {
		err = s.end()
	}
	var p pushBody
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		err = d.Decode(&p)
	}
	if err != nil {
		return nil, 0, badRequest("%s", err)
	}
	if len(p.Frame) == 0 {
		return nil, 0, unprocessable("", `df is missing: a list for each column, like {"user_id": [7, 8]}`)
	}
	columns := names(p.Frame)
	rows := len(p.Frame[columns[0]])
	for _, c := range columns {
		if len(p.Frame[c]) != rows {
			return nil, 0, unprocessable("", "df: column %s has %d rows, %s has %d", clean(c), len(p.Frame[c]), clean(columns[0]), rows)
		}
	}
	if rows > limit {
		return nil, 0, tooLarge("df has %d rows, the limit is %d; split the request", rows, limit)
	}
	return &p, rows, nil
}

// row is row i of a frame under other column names; a column that names lacks
// keeps its own.
func (p *pushBody) row(i int, rename map[string]string) (map[string]any, error) {
	row := make(map[string]any, len(p.Frame))
	for column, cells := range p.Frame {
		name := column
		if to, ok := rename[column]; ok {
			name = to
		}
		if have, twice := row[name]; name != "" && twice && !sameCell(have, cells[i]) {
			return nil, fmt.Errorf("field %s is given two values", name)
		}
		if name != "" {
			row[name] = cells[i]
		}
	}
	return row, nil
}

func sameCell(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// feastPush answers POST /push: the source is a stream, the columns are the
// fields of its events.
func (s *Server) feastPush(c *call) *Problem {
	p, rows, problem := decodePush(c.body, s.cfg.Limits.Rows)
	if problem != nil {
		return problem
	}
	live, problem := s.live()
	if problem != nil {
		return problem
	}
	targets := []string{"online", "offline", "online_and_offline"}
	if p.To != "" && !slices.Contains(targets, p.To) {
		return unprocessable("", "to is %q; allowed are %s, and all mean both", clean(p.To), strings.Join(targets, ", "))
	}
	stream := live.Project.Stream(p.Source)
	if stream == nil {
		all := make([]string, len(live.Project.Streams))
		for i := range all {
			all[i] = live.Project.Streams[i].Name
		}
		return unprocessable("PushSourceNotFoundException", "push source %q is no stream%s; %s", clean(p.Source), hint(p.Source, all), listOf("streams", all))
	}
	list := make([]intake.Row, rows)
	for i := range list {
		list[i].Fields, _ = p.row(i, nil)
	}
	return s.produce(c, live, stream.Name, list)
}

// pushTimeout bounds how long a push waits for the brokers.
const pushTimeout = 30 * time.Second

// produce appends rows to a stream and answers with a token that covers them.
func (s *Server) produce(c *call, live *state.Live, stream string, rows []intake.Row) *Problem {
	if s.cfg.Push == nil {
		return unprocessable("", "this server takes no events; produce to stream %s", stream)
	}
	ctx, cancel := context.WithTimeout(c.ctx, pushTimeout)
	defer cancel()
	at, err := s.cfg.Push(ctx, stream, rows)
	var bad *intake.RowError
	switch {
	case errors.As(err, &bad):
		p := unprocessable("", "stream %s: %s", stream, bad)
		p.HasRow, p.Row = true, bad.Row
		return p
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Problem{Name: "deadline", Status: http.StatusGatewayTimeout, Title: "Deadline passed",
			Detail: clean(err.Error()) + "; some rows may be in the log: send them again with the same ids, or look"}
	case err != nil:
		return notReady(clean(err.Error()))
	}
	f := position.Frontier{}
	for _, p := range at {
		f.Join(position.Frontier{p.Log: {Next: p.Offset + 1}})
	}
	token := position.Token{Time: stamp.NoTime, Parts: []position.Part{{Frontier: f}}}
	c.out = fmt.Appendf(c.out, `{"produced":%d,"token":"%s"}`, len(at), token.Sign(live.Secret))
	return nil
}

// feastWrite answers POST /write-to-online-store, for views that hold just the
// last values of an event's fields: a written row is an event.
func (s *Server) feastWrite(c *call) *Problem {
	p, rows, problem := decodePush(c.body, s.cfg.Limits.Rows)
	if problem != nil {
		return problem
	}
	live, problem := s.live()
	if problem != nil {
		return problem
	}
	view := live.Project.View(p.View)
	if view == nil {
		all := make([]string, len(live.Project.Views))
		for i := range all {
			all[i] = live.Project.Views[i].Name
		}
		return notFound("view", "FeatureViewNotFoundException",
			fmt.Sprintf("feature view %q does not exist%s; %s", clean(p.View), hint(p.View, all), listOf("views", all)))
	}
	rename, problem := writable(live.Project, view, names(p.Frame))
	if problem != nil {
		return problem
	}
	list := make([]intake.Row, rows)
	for i := range list {
		fields, err := p.row(i, rename)
		if err != nil {
			return unprocessable("", "row %d: %s", i, err)
		}
		list[i] = intake.Row{Fields: fields, ID: rowID(view.Name, fields)}
		if c := rename["created"]; c != "" && fields[c] == nil {
			fields[c] = s.cfg.Now().String() // Feast leaves it out: known from now on
		}
	}
	return s.produce(c, live, view.Stream, list)
}

// rowID is the same for the same row, so that a write that is sent again counts
// once where the stream has event_id: header:ce_id.
func rowID(view string, fields map[string]any) string {
	b, err := json.Marshal(fields) // sorted by name
	if err != nil {
		panic(fmt.Sprintf("BUG: decoded JSON does not print: %v", err))
	}
	h := sha256.New()
	h.Write(append(append([]byte(view), 0), b...))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// writable maps a frame's columns to the fields of the view's stream, if a row
// of the view can be written as one event. Columns that map to nothing are
// dropped.
func writable(p *definition.Project, view *definition.View, columns []string) (map[string]string, *Problem) {
	stream, entity := p.Stream(view.Stream), p.EntityOf(view)
	remedy := fmt.Sprintf("; produce events to stream %s (topic %s) instead, or push to it", stream.Name, stream.Topic)
	fields := map[string]string{}
	for i, k := range entity.JoinKeys {
		fields[k.Name] = stream.Fields[stream.Key[i]].Name
	}
	for i := range view.Features {
		f := &view.Features[i]
		if f.Kind != "last" || f.Window != 0 || f.Where != "" || view.Where != "" || stream.Field(f.Of) < 0 {
			return nil, unprocessable("", "view %s cannot be written to: feature %s is not the last value of a field%s", view.Name, f.Name, remedy)
		}
		fields[f.Name] = f.Of
	}
	fields["event_timestamp"] = stream.Fields[stream.EventTime].Name
	for _, name := range names(fields) {
		if !slices.Contains(columns, name) {
			return nil, unprocessable("", "view %s: df has no column %s", view.Name, name)
		}
	}
	fields["created"] = ""
	if stream.Created >= 0 {
		fields["created"] = stream.Fields[stream.Created].Name
	}
	for _, c := range columns {
		if _, ok := fields[c]; !ok {
			return nil, unprocessable("", "view %s: df has column %q, which is no join key and no feature%s", view.Name, clean(c), hint(c, names(fields)))
		}
	}
	return fields, nil
}

// feastMaterialize answers POST /materialize and /materialize-incremental.
func (s *Server) feastMaterialize(*call) *Problem {
	return unprocessable("", "there is nothing to materialize: events are folded into the online store as they are produced")
}

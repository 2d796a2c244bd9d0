package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"anabranch.dev/anabranch/schemas/stamp"
)

type getOnlineCmd struct {
	where `group:"where"`

	Service      string        `arg:"" help:"A feature service, or features as view:feature,view:*."`
	Entity       []string      `help:"Join keys of one row, a comma in a value as \\,; may be repeated, and is left out if the views have none." sep:"none" placeholder:"KEY=VALUE,…"`
	At           string        `help:"Read time, RFC 3339; default now." placeholder:"TIME"`
	Mode         string        `help:"eventual, session or bounded." placeholder:"MODE"`
	MaxStaleness string        `help:"The oldest that an answer may be, like 2s." placeholder:"DURATION"`
	Deadline     string        `help:"How long the server may wait to keep a budget, like 500ms." placeholder:"DURATION"`
	After        []string      `help:"Token or REGION/STREAM/PARTITION/OFFSET that must be in the answer." sep:"none" placeholder:"TOKEN"`
	Partial      bool          `help:"Answer, flagged, even if a budget is not kept."`
	Timeout      time.Duration `help:"How long to wait for a view that is still building." default:"30s"`
}

// Help shows an example.
func (c *getOnlineCmd) Help() string {
	return "Example:\n  anabranch get-online delay_model --entity airport=ATL --entity airport=ORD --at 2001-03-31T23:00:00Z"
}

type featuresRequest struct {
	Service      string           `json:"service,omitempty"`
	Features     []string         `json:"features,omitempty"`
	Entities     []map[string]any `json:"entities"`
	At           string           `json:"at,omitempty"`
	Mode         string           `json:"mode,omitempty"`
	MaxStaleness string           `json:"max_staleness,omitempty"`
	Deadline     string           `json:"deadline,omitempty"`
	After        []string         `json:"after,omitempty"`
	Partial      bool             `json:"partial,omitempty"`
}

// featuresAnswer is the part of an answer that commands look at.
type featuresAnswer struct {
	Features []string      `json:"features"`
	At       string        `json:"at"`
	Rows     []featuresRow `json:"rows"`
	Plan     string        `json:"plan"`
	Token    string        `json:"token"`
	Flags    []string      `json:"flags"`
}

// featuresRow is one row of an answer; At is its own read time, if it has one.
type featuresRow struct {
	Values          []json.RawMessage `json:"values"`
	Statuses        []string          `json:"statuses"`
	AgeMillis       []*int64          `json:"age_ms"`
	EventTimestamps []*string         `json:"event_timestamps"`
	At              string            `json:"at"`
	// Errors are the values' relative errors, if some feature is a sketch.
	Errors []*float64 `json:"errors"`
}

// cell is value i as a person reads it.
func (r *featuresRow) cell(i int) string {
	if r.Statuses[i] != "PRESENT" {
		return r.Statuses[i]
	}
	text := shortJSON(r.Values[i])
	if i < len(r.Errors) && r.Errors[i] != nil && *r.Errors[i] > 0 {
		text += fmt.Sprintf(" ±%.2g%%", 100**r.Errors[i])
	}
	return text
}

// Run asks one region and prints its answer.
func (c *getOnlineCmd) Run(ctx context.Context, out *output) error {
	req := featuresRequest{At: c.At, Mode: c.Mode, MaxStaleness: c.MaxStaleness, Deadline: c.Deadline, After: c.After, Partial: c.Partial}
	if strings.Contains(c.Service, ":") {
		req.Features = strings.Split(c.Service, ",")
	} else {
		req.Service = c.Service
	}
	if len(c.Entity) == 0 {
		c.Entity = []string{""} // the one row of a global view
	}
	for _, text := range c.Entity {
		row, err := parseEntity(text)
		if err != nil {
			return err
		}
		req.Entities = append(req.Entities, row)
	}
	e, err := c.find(ctx)
	if err != nil {
		return err
	}
	pl := &e.places[0]
	body, err := e.features(ctx, pl, &req, c.Timeout)
	if err != nil {
		return err
	}
	if out.json {
		_, err := out.stdout.Write(append(bytes.TrimSpace(body), '\n'))
		return err
	}
	var answer featuresAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("region %s: answer: %w", pl.region, err)
	}
	printAnswer(out, pl.region, c.Entity, &answer)
	return nil
}

// parseEntity reads KEY=VALUE,KEY=VALUE. A comma in a value is written \,. Every
// value is sent as text, which the region takes for any type of join key.
func parseEntity(text string) (map[string]any, error) {
	row := map[string]any{}
	if text == "" || text == "{}" {
		return row, nil
	}
	for _, pair := range splitUnescaped(text) {
		name, v, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usage("--entity %s: want KEY=VALUE pairs with commas between them", text)
		}
		if _, twice := row[name]; twice {
			return nil, usage("--entity %s: %s is given twice", text, name)
		}
		row[name] = v
	}
	return row, nil
}

func splitUnescaped(s string) []string {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			part.WriteByte(s[i])
		case s[i] == ',':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(s[i])
		}
	}
	return append(parts, part.String())
}

// features asks a region for features; while a view is building it asks again
// until timeout.
func (e *env) features(ctx context.Context, pl *place, req *featuresRequest, timeout time.Duration) ([]byte, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(timeout); ; {
		answer, err := e.post(ctx, pl, "/v1/features", body)
		var p *problem
		if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || !strings.HasSuffix(p.Type, "/building") || time.Now().After(deadline) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func printAnswer(out *output, region string, entities []string, a *featuresAnswer) {
	head := append([]string{"FEATURE"}, entities...)
	if len(entities) == 1 && entities[0] == "" {
		head[1] = "VALUE"
	}
	rows := make([][]string, len(a.Features))
	for i, name := range a.Features {
		rows[i] = []string{name}
		for j := range a.Rows {
			rows[i] = append(rows[i], a.Rows[j].cell(i))
		}
	}
	out.table(head, rows)
	ages := []string{}
	for j := range a.Rows {
		ages = append(ages, ageText(a.Rows[j].AgeMillis))
	}
	out.say("\nregion %s, at %s, age %s, plan %s%s", region, readTimes(a), strings.Join(ages, " / "), a.Plan, flagText(a.Flags))
	out.say("token %s", a.Token)
	hintOutside(out, a)
}

// readTimes are the rows' read times: one, unless a row's newest event lies
// beyond the server's clock.
func readTimes(a *featuresAnswer) string {
	times, own := make([]string, len(a.Rows)), false
	for j := range a.Rows {
		own = own || a.Rows[j].At != ""
		times[j] = cmp.Or(a.Rows[j].At, a.At)
	}
	if !own {
		return a.At
	}
	return strings.Join(times, " / ")
}

// ageText is the greatest age of a row's values.
func ageText(ages []*int64) string {
	most := int64(-1)
	for _, ms := range ages {
		if ms == nil {
			return "unknown"
		}
		most = max(most, *ms)
	}
	if most < 0 {
		return "unknown"
	}
	return fmt.Sprintf("%d ms", most)
}

func flagText(flags []string) string {
	if len(flags) == 0 {
		return ""
	}
	return ", flags " + strings.Join(flags, ", ")
}

// hintOutside says what to do if everything is too old at the time of asking.
func hintOutside(out *output, a *featuresAnswer) {
	newest := stamp.NoTime
	for j := range a.Rows {
		for i, s := range a.Rows[j].Statuses {
			if s != "OUTSIDE_MAX_AGE" {
				return
			}
			if at := a.Rows[j].EventTimestamps[i]; at != nil {
				if t, err := stamp.ParseTime(*at); err == nil {
					newest = max(newest, t)
				}
			}
		}
	}
	if newest != stamp.NoTime {
		out.say("\nall values are older than the view's ttl: the newest event is of %s; try --at %s", newest, newest)
	}
}

func shortJSON(raw json.RawMessage) string {
	text := string(raw)
	var s string
	if json.Unmarshal(raw, &s) == nil {
		text = s
	}
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:59]) + "…"
	}
	return text
}

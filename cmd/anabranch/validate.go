package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"anabranch.dev/anabranch/offline/training"
	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

type validateCmd struct {
	where `group:"where"`

	Service string `arg:"" help:"A feature service, or features as view:feature,view:*."`
	Keys    string `help:"How many keys of each view, or all." default:"100" placeholder:"N|all"`
}

// Help shows an example.
func (c *validateCmd) Help() string {
	return "Example:\n  anabranch validate delay_model --keys all\n\nReads vectors online, recomputes them from history at the tokens that came with them, and compares bit for bit. Exit code 3 if any differs.\n\nWhere features declare a sensitivity, prints the inconsistency cost as well: of what was served against history\nat the tokens, and against all that history holds by now."
}

type validateJSON struct {
	Checked    int64              `json:"checked"` // values
	Mismatched int64              `json:"mismatched"`
	Keys       int64              `json:"keys"`
	Region     string             `json:"region"`
	Mismatches []validateMismatch `json:"mismatches,omitempty"` // the first ones
	// What served vectors cost, where features declare a discrepancy: against
	// history at their tokens, and at the same times against all of it.
	Cost      *costJSON `json:"cost,omitempty"`
	StaleCost *costJSON `json:"stale_cost,omitempty"`
}

type validateMismatch struct {
	Feature    string `json:"feature"`
	Key        string `json:"key"`
	At         string `json:"at"`
	Served     string `json:"served"`
	Recomputed string `json:"recomputed"`
	Token      string `json:"token"`
}

// Run validates one region.
func (c *validateCmd) Run(ctx context.Context, out *output) error {
	most := 0
	if c.Keys != "all" {
		n, err := strconv.Atoi(c.Keys)
		if err != nil || n < 1 {
			return usage("--keys %s: want a number above 0, or all", c.Keys)
		}
		most = n
	}
	e, err := c.find(ctx)
	if err != nil {
		return err
	}
	w, err := openWorld(ctx, &c.where, "")
	if err != nil {
		return err
	}
	defer w.close()
	doc, err := runValidate(ctx, e, w, c.Service, most, out)
	if err != nil {
		return err
	}
	if err := out.result(doc); err != nil {
		return err
	}
	out.say("%s values of %s keys checked in %s, %s mismatched", count(doc.Checked), count(doc.Keys), doc.Region, count(doc.Mismatched))
	for _, m := range doc.Mismatches {
		out.say("%s of %s at %s: served %s, history says %s", m.Feature, m.Key, m.At, m.Served, m.Recomputed)
	}
	doc.Cost.print(out, "history at their tokens")
	doc.StaleCost.print(out, "all that history holds by now")
	if doc.Mismatched > 0 {
		return checkFailed("%d served values differ from history", doc.Mismatched)
	}
	return nil
}

// runValidate checks the views of a service, or of a list of features, in the
// first region of e.
func runValidate(ctx context.Context, e *env, w *world, service string, most int, out *output) (*validateJSON, error) {
	views, err := validatedFeatures(w.state.Project, service)
	if err != nil {
		return nil, err
	}
	doc := &validateJSON{Region: e.places[0].region}
	for i := range w.state.Project.Views {
		v := &w.state.Project.Views[i]
		if names := views[v.Name]; len(names) > 0 {
			c := &validation{env: e, world: w, prog: w.programs[v.Name], names: names, doc: doc, out: out}
			if err := c.run(ctx, most); err != nil {
				return nil, fmt.Errorf("view %s: %w", v.Name, err)
			}
		}
	}
	return doc, nil
}

// validatedFeatures lists by view the features that a service asks for.
func validatedFeatures(p *definition.Project, service string) (map[string][]string, error) {
	s := p.Service(service)
	if strings.Contains(service, ":") {
		s = &definition.Service{}
		for _, f := range strings.Split(service, ",") {
			view, feature, _ := strings.Cut(f, ":")
			name, _, _ := strings.Cut(view, "@")
			s.Features = append(s.Features, definition.Selection{View: name, Features: []string{feature}})
		}
	}
	if s == nil {
		return nil, usage("project %s has no service %s", p.Name, service)
	}
	views := map[string][]string{}
	for _, sel := range s.Features {
		v := p.View(sel.View)
		if v == nil {
			return nil, usage("project %s has no view %s", p.Name, sel.View)
		}
		for i := range v.Features {
			name := v.Features[i].Name
			if (slices.Contains(sel.Features, "*") || slices.Contains(sel.Features, name)) && !slices.Contains(views[v.Name], name) {
				views[v.Name] = append(views[v.Name], name)
			}
		}
	}
	return views, nil
}

// validation is the check of one view.
type validation struct {
	env   *env
	world *world
	prog  *fold.Program
	names []string
	doc   *validateJSON
	out   *output
}

// served is one key's answer.
type served struct {
	key    []byte
	newest stamp.Micros
	at     stamp.Micros
	token  string
	row    int
	answer *featuresAnswer
	probe  training.Probe
}

// batchKeys is how many keys are asked for at once.
const batchKeys = 200

// run asks for the keys near their newest events, so that windows are not
// empty, then recomputes what came back.
func (c *validation) run(ctx context.Context, most int) error {
	keys, err := c.keys(ctx, most)
	if err != nil || len(keys) == 0 {
		return err
	}
	list := make([]*served, len(keys))
	for i, k := range keys {
		list[i] = &served{key: k, at: stamp.NoTime}
	}
	if err := c.each(list, func(batch []*served) error { return c.ask(ctx, batch, false) }); err != nil {
		return err
	}
	slices.SortStableFunc(list, func(a, b *served) int { return cmp.Compare(a.newest, b.newest) })
	if err := c.each(list, func(batch []*served) error { return c.ask(ctx, batch, true) }); err != nil {
		return err
	}
	return c.compare(ctx, list)
}

func (c *validation) each(list []*served, fn func([]*served) error) error {
	for i := 0; i < len(list); i += batchKeys {
		if err := fn(list[i:min(i+batchKeys, len(list))]); err != nil {
			return err
		}
	}
	return nil
}

// keys picks keys out of history, spread by their hash; all if most is 0.
func (c *validation) keys(ctx context.Context, most int) ([][]byte, error) {
	h, err := c.world.open(nil, c.out)(ctx, c.prog.Stream.Name, c.prog.Needed())
	if err != nil {
		return nil, err
	}
	type hashed struct {
		key  []byte
		hash uint64
	}
	var all []hashed
	for p := range c.prog.Stream.Partitions {
		err := h.Scan(ctx, p, nil, func(key []byte, _ []asof.Event) error {
			f := fnv.New64a()
			_, _ = f.Write(key)
			all = append(all, hashed{bytes.Clone(key), f.Sum64()})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b hashed) int { return cmp.Or(cmp.Compare(a.hash, b.hash), bytes.Compare(a.key, b.key)) })
	if most > 0 && len(all) > most {
		all = all[:most]
	}
	keys := make([][]byte, len(all))
	for i := range all {
		keys[i] = all[i].key
	}
	return keys, nil
}

// ask reads a batch; near its newest event, or at any time to learn that.
func (c *validation) ask(ctx context.Context, batch []*served, near bool) error {
	req := &featuresRequest{}
	for _, name := range c.names {
		req.Features = append(req.Features, c.prog.View.Name+":"+name)
	}
	at := stamp.NoTime
	for _, s := range batch {
		row, err := c.entity(s.key)
		if err != nil {
			return err
		}
		req.Entities = append(req.Entities, row)
		at = max(at, s.newest)
	}
	if near && at != stamp.NoTime {
		req.At = at.String()
	}
	body, err := c.env.features(ctx, &c.env.places[0], req, 30*time.Second)
	var p *problem
	if errors.As(err, &p) && strings.HasSuffix(p.Type, "/at-too-early") {
		req.At = "" // an event came in between: read at its time
		body, err = c.env.features(ctx, &c.env.places[0], req, 30*time.Second)
	}
	if err != nil {
		return err
	}
	a, err := parseAnswer(body)
	if err != nil {
		return err
	}
	return c.take(batch, a)
}

func (c *validation) entity(key []byte) (map[string]any, error) {
	parts, err := wire.ParseKey(key, c.prog.Entity.JoinKeys)
	if err != nil {
		return nil, err
	}
	row := map[string]any{}
	for i, k := range c.prog.Entity.JoinKeys {
		row[k.Name] = json.RawMessage(value.AppendJSON(nil, parts[i], value.Of(k.Type)))
	}
	return row, nil
}

// take keeps what was answered for each key, and at which frontier and time.
func (c *validation) take(batch []*served, a *featuresAnswer) error {
	token, err := position.Inspect(a.Token)
	if err != nil {
		return err
	}
	for i, s := range batch {
		at := a.At
		if a.Rows[i].At != "" {
			at = a.Rows[i].At
		}
		if s.at, err = stamp.ParseTime(at); err != nil {
			return err
		}
		s.newest = stamp.NoTime
		if t := a.Rows[i].EventTimestamps[0]; t != nil {
			if s.newest, err = stamp.ParseTime(*t); err != nil {
				return err
			}
		}
		s.row, s.answer, s.token = i, a, a.Token
		s.probe = training.Probe{Key: s.key, At: s.at}
		for _, part := range token.Parts {
			if part.View == c.prog.View.Name {
				s.probe.Frontier = part.Frontier
			}
		}
	}
	return nil
}

// maxMismatches bounds the mismatches that are shown.
const maxMismatches = 20

// compare recomputes every answer from history and compares its text, which is
// exact for every type.
func (c *validation) compare(ctx context.Context, list []*served) error {
	h, err := c.world.openServed(c.out)(ctx, c.prog.Stream.Name, c.prog.Needed())
	if err != nil {
		return err
	}
	which := make([]int, len(c.names))
	for i, name := range c.names {
		which[i] = c.prog.FeatureIndex(name)
	}
	probes := make([]training.Probe, len(list))
	for i, s := range list {
		probes[i] = s.probe
	}
	want, err := training.Recompute(ctx, c.prog, h, probes, which)
	if err != nil {
		return err
	}
	if err := c.costs(ctx, h, list, probes, which, want); err != nil {
		return err
	}
	for i, s := range list {
		c.doc.Keys++
		row := &s.answer.Rows[s.row]
		for j := range c.names {
			r := want[i].Results[j]
			have := row.Statuses[j] + " " + string(row.Values[j])
			text := r.Status.String() + " " + string(value.AppendJSON(nil, r.Value, c.prog.FeatureType(which[j])))
			c.doc.Checked++
			if have == text {
				continue
			}
			c.doc.Mismatched++
			if len(c.doc.Mismatches) < maxMismatches {
				c.doc.Mismatches = append(c.doc.Mismatches, validateMismatch{
					Feature: c.prog.View.Name + ":" + c.names[j], Key: string(s.key), At: s.at.String(), Served: have, Recomputed: text, Token: s.token,
				})
			}
		}
	}
	return nil
}

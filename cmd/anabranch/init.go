package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/definition/infer"
)

type initCmd struct {
	where `group:"where"`

	Sample  string `help:"File of events to guess from, or - for standard input." placeholder:"FILE" xor:"source"`
	Subject string `help:"Subject of a registered schema to start from, like shop.orders-value." placeholder:"NAME" xor:"source"`
	Format  string `help:"Of the sample: jsonl, csv, parquet or avro; default by the file's extension." placeholder:"NAME"`
	Rows    int    `help:"How many rows of the sample to look at." default:"10000" placeholder:"N"`
	Name    string `help:"Name of the stream; default after the file or the subject." placeholder:"NAME"`
	Out     string `help:"Directory to write to." default:"." placeholder:"DIR"`
	Force   bool   `help:"Overwrite files, and write beside other definitions."`
}

// Help shows an example.
func (c *initCmd) Help() string {
	return "Example:\n  anabranch init --sample orders.jsonl --out definitions\n  anabranch init --subject shop.orders-value --out definitions\n\n" +
		"What was guessed is marked with a ? in the files: which column keys the events, and which says when they happened."
}

// draft is what init makes: definitions and what they were made of.
type draft struct {
	files  []definition.File
	rows   int               // of the sample; 0 for a schema
	source string            // for a person
	key    map[string]string // the first row's text of each column
}

// Run writes the files and prints what was guessed.
func (c *initCmd) Run(ctx context.Context, out *output) error {
	var d *draft
	var err error
	switch {
	case c.Sample != "":
		d, err = c.fromSample(out)
	case c.Subject != "":
		d, err = c.fromSubject(ctx)
	default:
		return usage("init needs something to start from: --sample FILE of your events, or --subject NAME of a registered schema")
	}
	if err != nil {
		return err
	}
	defs, err := checkDefinitions(d.files)
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	paths, err := c.write(d.files)
	if err != nil {
		return err
	}
	doc := c.document(defs.project, d, paths)
	if !out.json {
		doc.print(out, d)
	}
	return out.result(doc)
}

// write creates the files, all or, if one is in the way, none.
func (c *initCmd) write(files []definition.File) ([]string, error) {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	if !c.Force {
		if err := c.inTheWay(files); err != nil {
			return nil, err
		}
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(c.Out, f.Name)
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// inTheWay refuses to overwrite, and to mix two projects: all definition files
// of a directory are read as one.
func (c *initCmd) inTheWay(files []definition.File) error {
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(c.Out, f.Name)); err == nil {
			return fmt.Errorf("%s exists: give another --out or --name, or overwrite it with --force", filepath.Join(c.Out, f.Name))
		}
	}
	entries, err := os.ReadDir(c.Out)
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	for _, e := range entries {
		if isDefinitionFile(e.Name()) && !e.IsDir() {
			return fmt.Errorf("%s holds %s, and all YAML files of a directory are read as one project: give --out a directory of its own, or --force", c.Out, e.Name())
		}
	}
	return nil
}

// fromSubject starts from the latest schema of a subject.
func (c *initCmd) fromSubject(ctx context.Context) (*draft, error) {
	cfg := c.registry()
	if cfg.URL == "" {
		e, err := c.find(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w, or --schema-registry-url", err)
		}
		cfg = e.places[0].registry
	}
	reg, err := registry.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	latest, err := reg.Latest(ctx, c.Subject)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fmt.Errorf("--subject %s: the schema registry at %s has no such subject", c.Subject, cfg.URL)
	}
	if err != nil {
		return nil, fmt.Errorf("--subject %s: %w", c.Subject, err)
	}
	topic := strings.TrimSuffix(c.Subject, "-value")
	name := c.Name
	if name == "" {
		name = topic[strings.LastIndex(topic, ".")+1:]
	}
	files, err := infer.FromSchema(name, topic, latest.Schema)
	return &draft{files: files, source: "subject " + c.Subject}, err
}

// initJSON is what init found, for a script.
type initJSON struct {
	Files          []string      `json:"files"`
	Rows           int           `json:"rows"`
	Project        string        `json:"project"`
	Stream         string        `json:"stream"`
	Entity         string        `json:"entity"`
	JoinKeys       []joinKeyJSON `json:"join_keys"`
	EventTimestamp string        `json:"event_timestamp"`
	EventID        string        `json:"event_id"`
	View           string        `json:"view"`
	Features       []string      `json:"features"`
	Service        string        `json:"service"`
	Next           []string      `json:"next"`
}

type joinKeyJSON struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func (c *initCmd) document(p *definition.Project, d *draft, paths []string) *initJSON {
	s, v, e := &p.Streams[0], &p.Views[0], &p.Entities[0]
	doc := &initJSON{
		Files: paths, Rows: d.rows, Project: p.Name, Stream: s.Name, Entity: e.Name, View: v.Name, Service: p.Services[0].Name,
		JoinKeys: []joinKeyJSON{}, Features: []string{}, EventTimestamp: s.Fields[s.EventTime].Name, EventID: eventIDText(s),
	}
	for _, k := range e.JoinKeys {
		doc.JoinKeys = append(doc.JoinKeys, joinKeyJSON{k.Name, k.Type.String()})
	}
	for _, f := range v.Features {
		doc.Features = append(doc.Features, f.Name)
	}
	doc.Next = c.next(doc, d)
	return doc
}

func eventIDText(s *definition.Stream) string {
	switch {
	case s.EventID.None():
		return ""
	case s.EventID.Header != "":
		return "header:" + s.EventID.Header
	}
	return s.Fields[s.EventID.Field].Name
}

// next are the commands to go on with.
func (c *initCmd) next(doc *initJSON, d *draft) []string {
	lines := []string{"anabranch dev -f " + shellWord(c.Out)}
	if c.Sample != "" && c.Sample != "-" {
		line := fmt.Sprintf("anabranch produce %s --input %s --wait", doc.Stream, shellWord(c.Sample))
		if c.Format != "" {
			line += " --format " + c.Format
		}
		if renamed := d.renamed(); len(renamed) > 0 {
			line += " --map " + shellWord(strings.Join(renamed, ","))
		}
		lines = append(lines, line)
	}
	var keys []string
	for _, k := range doc.JoinKeys {
		value := d.key[k.Name]
		if value == "" {
			value = "…"
		}
		keys = append(keys, k.Name+"="+value)
	}
	entity := strings.Join(keys, ",")
	if entity == "" {
		entity = "{}"
	}
	return append(lines, fmt.Sprintf("anabranch get-online %s --entity %s", doc.Service, shellWord(entity)))
}

// renamed are the fields of the schema whose column has another name, as --map
// takes them. The schema's docs tell.
func (d *draft) renamed() []string {
	var schema struct {
		Fields []struct {
			Name string `json:"name"`
			Doc  string `json:"doc"`
		} `json:"fields"`
	}
	i := slices.IndexFunc(d.files, func(f definition.File) bool { return strings.HasSuffix(f.Name, ".avsc") })
	if i < 0 || d.rows == 0 || json.Unmarshal(d.files[i].Data, &schema) != nil {
		return nil
	}
	var list []string
	for _, f := range schema.Fields {
		if column, ok := strings.CutPrefix(f.Doc, "column "); ok {
			list = append(list, f.Name+"="+column)
		}
	}
	return list
}

func (doc *initJSON) print(out *output, d *draft) {
	out.say("wrote %s from %s", strings.Join(doc.Files, " and "), d.source)
	keys := []string{}
	for _, k := range doc.JoinKeys {
		keys = append(keys, k.Name+" "+k.Type)
	}
	out.say("\nguessed:")
	out.table(nil, [][]string{
		{"  stream", doc.Stream},
		{"  key", orDash(strings.Join(keys, ", "))},
		{"  event_timestamp", doc.EventTimestamp},
		{"  event_id", orDash(doc.EventID)},
		{"  features", strings.Join(doc.Features, ", ")},
	})
	out.say("\nnext: look at the lines with a ? in %s, then\n  %s", doc.Files[0], strings.Join(doc.Next, "\n  "))
}

// shellWord quotes s for a shell where it must be.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./=,:@%+…", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

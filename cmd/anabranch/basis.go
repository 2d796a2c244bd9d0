package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"anabranch.dev/anabranch/offline/basis"
	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

type basisCmd struct {
	Fit basisFit `cmd:"" help:"Find the directions that a list field's vectors mostly lie in."`
}

type basisFit struct {
	where `group:"where"`

	Source      string `arg:"" name:"view-or-stream" help:"A view, for the events that it sees, or a stream, for all."`
	Of          string `help:"The field: an array of numbers." required:"" placeholder:"FIELD"`
	Rank        int    `help:"How many directions." required:"" placeholder:"R"`
	Rows        int64  `help:"About how many rows to look at, spread over all; default all." placeholder:"N"`
	Name        string `help:"The basis's name and version; default after the field, @1." placeholder:"NAME[@N]"`
	Out         string `help:"File to write; default NAME-VERSION.basis." placeholder:"FILE"`
	Seed        uint64 `help:"Of the random directions that it begins with." default:"1"`
	Skip        bool   `help:"Leave out rows of another length than most."`
	AsOf        string `help:"As of a snapshot file or a frontier." placeholder:"SNAPSHOT|FRONTIER"`
	Force       bool   `help:"Overwrite the file."`
	Definitions string `help:"Directory of definitions, to work from files alone without brokers." short:"f" placeholder:"DIR"`

	version int // out of Name
}

// Help shows an example.
func (c *basisFit) Help() string {
	return "Example:\n  anabranch basis fit clicks --of embedding --rank 16 --name items@1\n\n" +
		"Reads the history several times and keeps little of it in memory. The same history and seed give\n" +
		"the same file. A tenth of the rows is held out and says how well the basis fits."
}

type basisJSON struct {
	File      string    `json:"file"`
	Name      string    `json:"name"`
	Version   int       `json:"version"`
	Dim       int       `json:"dim"`
	Rank      int       `json:"rank"`
	Hash      string    `json:"hash"`
	Rows      int64     `json:"rows"`
	Nulls     int64     `json:"nulls"`
	Skipped   int64     `json:"skipped"` // of another length
	Used      int64     `json:"used"`
	HeldOut   int64     `json:"held_out"`
	Energy    []float64 `json:"energy"`    // of the rows used, by direction
	Explained float64   `json:"explained"` // their sum
	Error     *float64  `json:"error"`     // of the rows held out; null if there are none
	Frontier  string    `json:"frontier"`
	Basis     string    `json:"basis_yaml"`
	Feature   string    `json:"feature_yaml"`
}

// Run fits a basis and writes it.
func (c *basisFit) Run(ctx context.Context, out *output) error {
	if err := c.settle(); err != nil {
		return err
	}
	var cut asof.Cut
	if err := parseAsOf(c.AsOf, &cut); err != nil {
		return err
	}
	if cut.Timed {
		return usage("--as-of %s: a basis is cut by a frontier or a snapshot", c.AsOf)
	}
	w, err := openWorld(ctx, &c.where, c.Definitions)
	if err != nil {
		return err
	}
	defer w.close()
	field, stream, err := c.field(w)
	if err != nil {
		return err
	}
	h, err := w.open(cut.Frontier, out)(ctx, stream.Name, field.Needed())
	if err != nil {
		return err
	}
	fit, err := basis.Find(ctx, field.Rows(h), basis.Config{
		Rank: c.Rank, Sample: c.Rows, Skip: c.Skip, Seed: c.Seed,
		Progress: func(pass, passes int) { out.progress("%s: pass %d of %d", stream.Name, pass, passes) },
	})
	if err != nil {
		return fmt.Errorf("%s of stream %s: %w", c.Of, stream.Name, err)
	}
	if err := writeWhole(c.Out, fit.Basis.AppendBinary(nil)); err != nil {
		return err
	}
	doc := c.document(fit, stream)
	doc.Frontier = h.Frontier().Text()
	if !out.json {
		doc.print(out)
	}
	return out.result(doc)
}

// settle checks flags and fills in defaults.
func (c *basisFit) settle() error {
	if c.Name == "" {
		if c.Name = strings.ToLower(c.Of); !definition.IsBasisRef(c.Name + "@1") {
			c.Name = "basis"
		}
	}
	if !strings.Contains(c.Name, "@") {
		c.Name += "@1"
	}
	if !definition.IsBasisRef(c.Name) {
		return usage("--name %s: want a lower-case letter, then up to 62 of a-z, 0-9, _ and -; after an @ a version from 1", c.Name)
	}
	name, version, _ := strings.Cut(c.Name, "@")
	c.Name = name
	c.version, _ = strconv.Atoi(version)
	if c.Rows < 0 {
		return usage("--rows %d: want a number above 0", c.Rows)
	}
	if c.Out == "" {
		c.Out = fmt.Sprintf("%s-%d.basis", c.Name, c.version)
	}
	if filepath.Ext(c.Out) != ".basis" {
		return usage("--out %s: definitions read bases from files whose names end in .basis", c.Out)
	}
	if _, err := os.Stat(c.Out); err == nil && !c.Force {
		return fmt.Errorf("%s exists, and a version of a basis never changes: give a --name with another version, or overwrite it with --force", c.Out)
	}
	return nil
}

// field is what the basis is of: of the events that a view sees, or of all of a
// stream.
func (c *basisFit) field(w *world) (*basis.Field, *definition.Stream, error) {
	p := w.state.Project
	stream, where := p.Stream(c.Source), ""
	if v := p.View(c.Source); v != nil {
		if err := w.mayExport(c.Region, v.Name+":*"); err != nil {
			return nil, nil, err
		}
		stream, where = p.Stream(v.Stream), v.Where
	}
	if stream == nil {
		var names []string
		for i := range p.Views {
			names = append(names, p.Views[i].Name)
		}
		for i := range p.Streams {
			names = append(names, p.Streams[i].Name)
		}
		return nil, nil, usage("project %s has no view or stream %s%s", p.Name, c.Source, definition.Hint(c.Source, names))
	}
	field, err := basis.NewField(stream, c.Of, where)
	if err != nil {
		return nil, nil, usage("--of %s: %v", c.Of, err)
	}
	return field, stream, nil
}

// writeWhole writes a file that is there as a whole or not at all.
func writeWhole(path string, data []byte) error {
	partial := path + ".partial"
	if err := os.WriteFile(partial, data, 0o644); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return nil
}

func (c *basisFit) document(fit *basis.Fit, s *definition.Stream) *basisJSON {
	doc := &basisJSON{
		File: c.Out, Name: c.Name, Version: c.version, Dim: fit.Basis.Dim, Rank: fit.Basis.Rank, Hash: fit.Basis.Hash,
		Rows: fit.Rows.All, Nulls: fit.Rows.Null, Skipped: fit.Rows.Other, Used: fit.Rows.Used, HeldOut: fit.HeldOut, Energy: fit.Energy,
		Basis:   fmt.Sprintf("{name: %s, version: %d, file: %s}", c.Name, c.version, filepath.Base(c.Out)),
		Feature: fmt.Sprintf("{name: %s, kind: low_rank, of: %s, basis: %s@%d", c.feature(), c.Of, c.Name, c.version),
	}
	if s.Fields[s.Field(c.Of)].Type.Elem.Kind == value.Float64 {
		doc.Feature += ", scale: 4"
	}
	doc.Feature += "}"
	for _, e := range fit.Energy {
		doc.Explained += e
	}
	if fit.HeldOut > 0 {
		doc.Error = &fit.Error
	}
	return doc
}

// feature is a name for a feature over the basis.
func (c *basisFit) feature() string {
	name := strings.ToLower(strings.Trim(c.Of, "_"))
	if strings.Contains(name, "__") || name == "" {
		return "projected"
	}
	return name
}

// shownDirections is how many directions are listed for a person.
const shownDirections = 20

func (doc *basisJSON) print(out *output) {
	out.say("%s rows of %d numbers: %s used, %s held out, %s null, %s of another length left out",
		count(doc.Rows), doc.Dim, count(doc.Used), count(doc.HeldOut), count(doc.Nulls), count(doc.Skipped))
	rows, total := [][]string{}, 0.0
	for j, e := range doc.Energy {
		if total += e; j < shownDirections {
			rows = append(rows, []string{fmt.Sprintf("  %d", j+1), percent(e), percent(total)})
		}
	}
	if len(doc.Energy) > shownDirections {
		rows = append(rows, []string{"  …", "", percent(doc.Explained)})
	}
	out.table([]string{"  DIRECTION", "ENERGY", "IN ALL"}, rows)
	if doc.Error != nil {
		out.say("of the rows held out it misses %s of their length", percent(*doc.Error))
	}
	out.say("wrote %s (hash %s)\n\nput beside the views:\n\nbases:\n  - %s\n\nand among the features of a view:\n\n      - %s", doc.File, doc.Hash, doc.Basis, doc.Feature)
}

func percent(x float64) string { return fmt.Sprintf("%.2f %%", 100*x) }

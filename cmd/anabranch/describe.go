package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"anabranch.dev/anabranch/schemas/catalogue"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
)

type describeCmd struct {
	where `group:"where"`

	Name string `arg:"" optional:"" help:"A view, service, stream, entity or basis; none: all of the project."`
}

// Help shows an example.
func (c *describeCmd) Help() string { return "Example:\n  anabranch describe arrivals" }

// Run prints the definitions at work.
func (c *describeCmd) Run(ctx context.Context, out *output) error {
	e, err := c.find(ctx)
	if err != nil {
		return err
	}
	s, err := currentCatalogue(ctx, e, c.Project)
	if err != nil {
		return err
	}
	if c.Name != "" && !hasName(s.Project, c.Name) {
		return fmt.Errorf("project %s has no view, service, stream, entity or basis %s: run anabranch describe for all", s.Project.Name, c.Name)
	}
	if out.json {
		return out.result(map[string]any{"version": s.Version, "project": json.RawMessage(definition.Encode(s.Project)), "views": s.Views})
	}
	describeProject(out, &s, c.Name)
	return nil
}

func hasName(p *definition.Project, name string) bool {
	return p.View(name) != nil || p.Service(name) != nil || p.Stream(name) != nil || p.Entity(name) != nil ||
		slices.ContainsFunc(p.Bases, func(b definition.Basis) bool { return b.Name == name || b.Ref() == name })
}

// currentCatalogue is what is at work in the world that e reaches.
func currentCatalogue(ctx context.Context, e *env, project string) (catalogue.State, error) {
	var last error
	for i := range e.places {
		s, err := catalogueOf(ctx, &e.places[i], project)
		if err == nil {
			return s, nil
		}
		last = err
	}
	return catalogue.State{}, last
}

func catalogueOf(ctx context.Context, pl *place, project string) (catalogue.State, error) {
	k, err := pl.dial(ctx)
	if err != nil {
		return catalogue.State{}, err
	}
	defer k.Close()
	if project == "" {
		names, err := k.TopicNames(ctx)
		if err != nil {
			return catalogue.State{}, err
		}
		var found []string
		for _, t := range names {
			if name, ok := strings.CutSuffix(t, ".registry"); ok && !strings.Contains(name, ".") {
				found = append(found, name)
			}
		}
		switch len(found) {
		case 0:
			return catalogue.State{}, fmt.Errorf("region %s: nothing was applied yet: run anabranch apply -f DIR", pl.region)
		case 1:
			project = found[0]
		default:
			return catalogue.State{}, usage("--project: which of %s?", strings.Join(found, ", "))
		}
	}
	s, err := readRegistryLog(ctx, k, project)
	if err == nil && s.Project == nil {
		err = fmt.Errorf("region %s: project %s has no definitions yet: run anabranch apply -f DIR", pl.region, project)
	}
	return s, err
}

func describeProject(out *output, s *catalogue.State, name string) {
	p := s.Project
	show := func(n string) bool { return name == "" || n == name }
	if name == "" {
		out.say("project %s, definitions v%d, regions %s", p.Name, s.Version, strings.Join(p.Regions, ", "))
	}
	for i := range p.Entities {
		if e := &p.Entities[i]; show(e.Name) {
			keys := []string{}
			for _, k := range e.JoinKeys {
				keys = append(keys, k.Name+" "+k.Type.String())
			}
			out.say("\nentity %s (%s)", e.Name, orDash(strings.Join(keys, ", ")))
		}
	}
	for i := range p.Streams {
		if st := &p.Streams[i]; show(st.Name) {
			describeStream(out, st)
		}
	}
	for i := range p.Bases {
		if b := &p.Bases[i]; show(b.Name) || show(b.Ref()) {
			out.say("\nbasis %s (%s bytes)", b.Ref(), count(len(b.Data)))
		}
	}
	for i := range p.Views {
		if v := &p.Views[i]; show(v.Name) {
			describeView(out, s, v)
		}
	}
	for i := range p.Services {
		if sv := &p.Services[i]; show(sv.Name) {
			describeService(out, p, sv)
		}
	}
}

func describeStream(out *output, s *definition.Stream) {
	out.say("\nstream %s: topic %s, %d partitions, entity %s", s.Name, s.Topic, s.Partitions, s.Entity)
	rows := [][]string{}
	for i, f := range s.Fields {
		use := []string{}
		if i == s.EventTime {
			use = append(use, "event_timestamp")
		}
		if i == s.Created {
			use = append(use, "created_timestamp")
		}
		for _, k := range s.Key {
			if k == i {
				use = append(use, "key")
			}
		}
		typ := f.Type.String()
		if f.Nullable {
			typ += "?"
		}
		rows = append(rows, []string{"  " + f.Name, typ, strings.Join(use, ", ")})
	}
	out.table([]string{"  FIELD", "TYPE", "USE"}, rows)
}

func describeView(out *output, s *catalogue.State, v *definition.View) {
	at := s.View(v.Name)
	out.say("\nview %s@v%d over stream %s%s", v.Name, at.Version, v.Stream, described(v.Owner, v.Description))
	if v.TTL > 0 {
		out.say("  ttl %s", stamp.FormatSpan(v.TTL))
	}
	if v.Where != "" {
		out.say("  where %s", v.Where)
	}
	rows := [][]string{}
	for _, f := range v.Features {
		window := "lifetime"
		if f.Window > 0 {
			window = stamp.FormatSpan(f.Window) + " in panes of " + stamp.FormatSpan(f.Pane)
		}
		rows = append(rows, []string{"  " + f.Name, f.Kind, orDash(f.Of), window, orDash(f.Where), orDash(strings.Join(f.Parameters(), ", "))})
	}
	out.table([]string{"  FEATURE", "KIND", "OF", "WINDOW", "WHERE", "PARAMETERS"}, rows)
}

func describeService(out *output, p *definition.Project, sv *definition.Service) {
	out.say("\nservice %s", sv.Name)
	for _, sel := range sv.Features {
		as := ""
		if sel.As != "" {
			as = " as " + sel.As
		}
		names := []string{}
		for _, name := range sel.Features {
			if v := p.View(sel.View); name == "*" && v != nil {
				for _, f := range v.Features {
					names = append(names, f.Name)
				}
				continue
			}
			names = append(names, name)
		}
		out.say("  %s%s: %s", sel.View, as, strings.Join(names, ", "))
	}
}

func described(owner, description string) string {
	s := ""
	if owner != "" {
		s += ", owner " + owner
	}
	if description != "" {
		s += "\n  " + description
	}
	return s
}

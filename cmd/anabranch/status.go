package main

import (
	"context"
	"fmt"
	"strings"
)

type statusCmd struct {
	where `group:"where"`

	Digest bool `help:"Also hash all rows of each region: equal digests mean equal state."`
}

// Help shows an example.
func (c *statusCmd) Help() string { return "Example:\n  anabranch status --digest" }

type statusJSON struct {
	Regions map[string]regionStatusJSON `json:"regions"`
}

type regionStatusJSON struct {
	nodeStatus
	Digest string `json:"digest,omitempty"`
	Keys   *int   `json:"keys,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Run asks every region and prints what it says. A region that does not answer
// is shown as such.
func (c *statusCmd) Run(ctx context.Context, out *output) error {
	e, err := c.find(ctx)
	if err != nil {
		return err
	}
	doc := statusJSON{Regions: map[string]regionStatusJSON{}}
	answered := 0
	for i := range e.places {
		pl := &e.places[i]
		var r regionStatusJSON
		if err := e.ask(ctx, pl, "/v1/status", &r.nodeStatus); err != nil {
			r.Error = err.Error()
		} else {
			answered++
			if c.Digest {
				var d regionDigest
				if err := e.get(ctx, pl, "/v1/digest", &d); err != nil {
					return err
				}
				r.Digest, r.Keys = d.Digest, &d.Keys
			}
		}
		doc.Regions[pl.region] = r
	}
	if err := out.result(doc); err != nil {
		return err
	}
	if !out.json {
		printStatus(out, e, doc)
	}
	if answered == 0 {
		return fmt.Errorf("no region answers")
	}
	return nil
}

func printStatus(out *output, e *env, doc statusJSON) {
	views, streams, links := [][]string{}, [][]string{}, [][]string{}
	for _, name := range e.regions() {
		r := doc.Regions[name]
		if r.Error != "" {
			out.say("%s: %s", name, r.Error)
			continue
		}
		line := fmt.Sprintf("%s: project %s, definitions v%d, ready", name, orDash(r.Project), r.Catalogue)
		if !r.Ready {
			line = fmt.Sprintf("%s: not ready: %s", name, r.Reason)
		}
		if r.Digest != "" {
			line += fmt.Sprintf(", digest %s over %s rows", r.Digest, count(*r.Keys))
		}
		out.say("%s", line)
		for _, v := range r.Views {
			age := "unknown"
			if v.AgeMillis != nil {
				age = fmt.Sprintf("%d ms", *v.AgeMillis)
			}
			state := "ready"
			switch {
			case len(v.Halted) > 0:
				state = "HALTED " + strings.Join(v.Halted, "; ")
			case len(v.Blocked) > 0:
				state = "BLOCKED " + strings.Join(v.Blocked, "; ")
			case !v.Ready:
				state = fmt.Sprintf("building %s/%s", count(v.Folded), count(v.Total))
			case !v.Held:
				state, age = "shipped only", "-"
			}
			views = append(views, []string{name, fmt.Sprintf("%s@v%d", v.View, v.Version), count(v.Events), count(v.Repeated), age, state})
		}
		for _, s := range r.Streams {
			bad := int64(0)
			for _, n := range s.Quarantined {
				bad += n
			}
			streams = append(streams, []string{name, s.Stream, count(s.Read), count(s.Accepted), count(bad), count(s.Late)})
		}
		for _, l := range r.Links {
			links = append(links, []string{name + " → " + l.Peer, count(l.Rounds), sizeOf(l.PayloadBytes), sizeOf(l.WireBytes), orDash(l.Error)})
		}
	}
	section(out, []string{"REGION", "VIEW", "EVENTS", "REPEATED", "AGE", "STATE"}, views)
	section(out, []string{"REGION", "STREAM", "READ", "ACCEPTED", "QUARANTINED", "LATE"}, streams)
	section(out, []string{"LINK", "ROUNDS", "PAYLOAD", "ON THE WIRE", "TROUBLE"}, links)
}

func section(out *output, head []string, rows [][]string) {
	if len(rows) > 0 {
		out.say("")
		out.table(head, rows)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

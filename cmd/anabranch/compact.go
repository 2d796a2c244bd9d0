package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/offline/compact"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

type compactCmd struct {
	where `group:"where"`

	Stream string        `arg:"" optional:"" help:"Only this stream."`
	Every  time.Duration `help:"Go on, and compact again after so long; 0 compacts once." default:"0"`
}

// Help shows an example.
func (c *compactCmd) Help() string {
	return "Example:\n  anabranch compact\n  anabranch compact --config eu.yaml --every 5m"
}

type compactJSON struct {
	Region   string `json:"region"`
	Stream   string `json:"stream"`
	Events   int64  `json:"events"`
	Files    int    `json:"files"`
	Bytes    int64  `json:"bytes"`
	Merged   int    `json:"merged"`
	Manifest int64  `json:"manifest"`
	Frontier string `json:"frontier"`
}

// Run compacts the region that it is told, or every region of a dev server.
func (c *compactCmd) Run(ctx context.Context, out *output) error {
	e, err := c.find(ctx)
	if err != nil {
		return err
	}
	s, err := currentCatalogue(ctx, e, c.Project)
	if err != nil {
		return err
	}
	if c.Stream != "" && s.Project.Stream(c.Stream) == nil {
		return usage("project %s has no stream %s", s.Project.Name, c.Stream)
	}
	places := e.places[:1]
	if e.dev != nil && c.Region == "" {
		places = e.places
	}
	if c.Every > 0 {
		return c.keepOn(ctx, places, s.Project, out)
	}
	results := []compactJSON{}
	for i := range places {
		list, err := compactPlace(ctx, &places[i], s.Project, c.Stream, out)
		results = append(results, list...)
		if err != nil {
			return err
		}
	}
	if out.json {
		return out.result(results)
	}
	rows := [][]string{}
	for _, r := range results {
		rows = append(rows, []string{r.Region, r.Stream, count(r.Events), count(r.Files), sizeOf(r.Bytes), fmt.Sprint(r.Manifest)})
	}
	out.table([]string{"REGION", "STREAM", "EVENTS", "FILES", "SIZE", "MANIFEST"}, rows)
	return nil
}

// keepOn compacts every place again and again until ctx ends.
func (c *compactCmd) keepOn(ctx context.Context, places []place, p *definition.Project, out *output) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range places {
		group.Go(func() error {
			for {
				list, err := compactPlace(ctx, &places[i], p, c.Stream, out)
				if err != nil {
					return err
				}
				for _, r := range list {
					out.progress("%s %s: %s events into %d files, manifest %d", r.Region, r.Stream, count(r.Events), r.Files, r.Manifest)
				}
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(c.Every):
				}
			}
		})
	}
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// compactPlace compacts the region's own log of each stream once.
func compactPlace(ctx context.Context, pl *place, p *definition.Project, only string, out *output) ([]compactJSON, error) {
	k, err := pl.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	said := time.Now()
	return compactStreams(ctx, pl, k, p, only, out.log(), func(at compact.Progress) {
		if time.Since(said) > 2*time.Second {
			said = time.Now()
			out.progress("%s: %s of %s records read, %d files", at.Stream, count(at.Read), count(at.Total), at.Files)
		}
	})
}

func compactStreams(ctx context.Context, pl *place, k *kafka.Client, p *definition.Project, only string, log *slog.Logger, progress func(compact.Progress)) ([]compactJSON, error) {
	store, err := pl.openStore(ctx)
	if err != nil {
		return nil, err
	}
	reg, err := registry.NewClient(pl.registry)
	if err != nil {
		return nil, err
	}
	var results []compactJSON
	for i := range p.Streams {
		name := p.Streams[i].Name
		if only != "" && name != only {
			continue
		}
		c, err := compact.New(compact.Config{
			Project: p, Stream: name, Origin: position.Source{Origin: pl.region, Incarnation: 1},
			Kafka: k, Registry: reg, Store: store, Log: log, Version: codeVersion(), Progress: progress,
		})
		if err != nil {
			return results, err
		}
		r, err := c.RunOnce(ctx)
		if err != nil {
			return results, fmt.Errorf("region %s: %w", pl.region, err)
		}
		results = append(results, compactJSON{
			Region: pl.region, Stream: name, Events: r.Events, Files: r.Files, Bytes: r.Bytes, Merged: r.Merged,
			Manifest: r.Manifest, Frontier: r.Frontier.Text(),
		})
	}
	return results, nil
}

// compactEvery compacts the node's own logs again and again until ctx ends.
// Trouble is logged: history falls behind, and reads go to the log meanwhile.
func (n *node) compactEvery(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		p := n.worker.Live().Project
		if p == nil {
			continue
		}
		if _, err := compactStreams(ctx, &n.cfg.place, n.kafka, p, "", n.cfg.log, nil); err != nil && ctx.Err() == nil {
			n.cfg.log.Error("compact", "region", n.cfg.region, "error", err)
		}
	}
}

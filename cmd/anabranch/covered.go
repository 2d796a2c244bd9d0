package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"anabranch.dev/anabranch/materializer/serve"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// answerTime is how long a region may take to say how far it is.
const answerTime = 5 * time.Second

// canWait tells before anything is sent whether every region can be asked.
func (e *env) canWait(p *definition.Project) error {
	for _, region := range p.Regions {
		if pl := e.place(region); pl == nil || pl.http == "" {
			return usage("--wait: the HTTP address of region %s is not known: name it under peers in --config, or leave --wait out", region)
		}
	}
	return nil
}

// waitCovered waits until every region that holds a view of the streams has
// folded what f says.
func waitCovered(ctx context.Context, e *env, p *definition.Project, f position.Frontier, timeout time.Duration, out *output) error {
	deadline := time.Now().Add(timeout)
	for i := range e.places {
		pl := &e.places[i]
		if !p.HasRegion(pl.region) || pl.http == "" {
			continue
		}
		said := time.Now()
		for {
			missing, err := lacking(ctx, e, pl, f)
			if err == nil && missing == "" {
				break
			}
			var refusal *problem
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.As(err, &refusal) && refusal.Status == http.StatusUnauthorized:
				return err
			case err != nil:
				missing = err.Error()
			}
			if time.Now().After(deadline) {
				return checkFailed("the events are acknowledged, but region %s has not folded them within %v: %s", pl.region, timeout, missing)
			}
			if time.Since(said) > 2*time.Second {
				said = time.Now()
				out.progress("waiting for %s: %s", pl.region, missing)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// lacking says what of f a region has not folded yet, or nothing.
func lacking(ctx context.Context, e *env, pl *place, f position.Frontier) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var report serve.FrontierReport
	if err := e.get(ctx, pl, "/v1/frontier", &report); err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(report.Views)) {
		v := report.Views[name]
		have, err := position.ParseFrontier(v.Frontier)
		if err != nil {
			return "", err
		}
		for log, want := range f {
			if v.Stream == log.Stream && have[log].Next < want.Next {
				return fmt.Sprintf("view %s has folded %s/%s/%d up to %d of %d", name, log.Origin, log.Stream, log.Partition, have[log].Next, want.Next), nil
			}
		}
	}
	return "", nil
}

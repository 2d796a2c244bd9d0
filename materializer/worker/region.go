package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Region is the worker of one region. Make it with New, then Run it.
type Region struct {
	cfg      Config
	closings *state.Closings
	metrics  *metrics
	live     atomic.Pointer[state.Live]
	trouble  atomic.Pointer[string] // why the definitions cannot be followed or put to work

	// Only follow's goroutine replaces these maps, as a whole and under mu.
	mu        sync.RWMutex
	pipelines map[string]*pipeline
	wardens   map[string]*warden

	spawned sync.WaitGroup
}

// New makes a worker; nothing runs yet.
func New(cfg Config) (*Region, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	r := &Region{
		cfg: cfg, closings: state.NewClosings(), metrics: newMetrics(cfg.Metrics),
		pipelines: map[string]*pipeline{}, wardens: map[string]*warden{},
	}
	r.live.Store(&state.Live{Region: cfg.Region, Closings: r.closings})
	return r, nil
}

// Live is what the region serves right now. Its Project is nil before any
// definitions were applied.
func (r *Region) Live() *state.Live { return r.live.Load() }

// Closings is the table of what all regions said of their logs.
func (r *Region) Closings() *state.Closings { return r.closings }

// Trouble is why the worker cannot follow its definitions, or empty.
func (r *Region) Trouble() string {
	if p := r.trouble.Load(); p != nil {
		return *p
	}
	return ""
}

// Run works until ctx ends, then flushes and joins everything it started. The
// error is one that keeps the worker from starting at all.
func (r *Region) Run(outer context.Context) error {
	group, ctx := errgroup.WithContext(outer)
	group.Go(func() error { return r.follow(ctx) })
	group.Go(func() error { return r.close(ctx) })
	group.Go(func() error { return r.hear(ctx) })
	err := group.Wait()
	for _, p := range r.pipelines {
		p.stop()
	}
	for _, w := range r.wardens {
		w.stop()
	}
	r.spawned.Wait()
	if outer.Err() != nil && errors.Is(err, outer.Err()) {
		return nil
	}
	return err
}

// spawn runs fn beside everything else; Run waits for it.
func (r *Region) spawn(fn func()) { r.spawned.Go(fn) }

func (r *Region) own() position.Source {
	return position.Source{Origin: r.cfg.Region, Incarnation: 1}
}

func (r *Region) project() string {
	if p := r.Live().Project; p != nil {
		return p.Name
	}
	return r.cfg.Project
}

// Lane is one view instance that this region folds, held by it or not.
type Lane struct {
	View *state.View
	p    *pipeline
}

// Do runs fn in the goroutine that owns the view's partition and returns its
// error. fn must not block on the network.
func (l Lane) Do(ctx context.Context, partition int32, fn func(*state.Shard) error) error {
	return l.p.owners[partition].do(ctx, fn)
}

// Lanes lists the view instances that the region folds, by name of the view.
func (r *Region) Lanes() map[string]Lane {
	r.mu.RLock()
	defer r.mu.RUnlock()
	lanes := make(map[string]Lane, len(r.pipelines))
	for name, p := range r.pipelines {
		lanes[name] = Lane{View: p.view, p: p}
	}
	return lanes
}

// Ready says why the region is not ready to serve, or nil.
func (r *Region) Ready() error {
	live := r.Live()
	if live.Project == nil {
		if t := r.Trouble(); t != "" {
			return fmt.Errorf("no definitions yet: %s", t)
		}
		return fmt.Errorf("no definitions yet: run anabranch apply")
	}
	for i := range live.Project.Views {
		def := &live.Project.Views[i]
		if !def.MayHold(r.cfg.Region) {
			continue
		}
		v := live.Views[def.Name]
		if v == nil {
			return fmt.Errorf("view %s is about to be built", def.Name)
		}
		if !v.Ready() {
			p := v.Progress()
			return fmt.Errorf("view %s is building: %d of %d events", def.Name, p.Folded, p.Total)
		}
	}
	return nil
}

func (r *Region) now() stamp.Micros { return r.cfg.Now() }

// retrying runs fn until it succeeds, ctx ends, or it fails for good.
func (r *Region) retrying(ctx context.Context, what string, fn func() error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := fn()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !kafka.IsRetriable(err) {
			return fmt.Errorf("%s: %w", what, err)
		}
		r.cfg.Log.Warn(what, "error", err, "retry", wait)
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

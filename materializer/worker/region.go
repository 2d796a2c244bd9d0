package worker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
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

	mu        sync.RWMutex // guards what follows
	pipelines map[string]*pipeline
	wardens   map[string]*warden

	spawned sync.WaitGroup
	group   *errgroup.Group
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
func (r *Region) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	r.group = group
	group.Go(func() error { return r.follow(ctx) })
	group.Go(func() error { return r.close(ctx) })
	group.Go(func() error { return r.hear(ctx) })
	err := group.Wait()
	r.mu.Lock()
	for _, p := range r.pipelines {
		p.stop()
	}
	for _, w := range r.wardens {
		w.stop()
	}
	r.mu.Unlock()
	r.spawned.Wait()
	if ctx.Err() != nil && err == context.Canceled {
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

// others lists the other regions of the project.
func (r *Region) others() []string {
	var list []string
	for _, name := range r.Live().Project.Regions {
		if name != r.cfg.Region {
			list = append(list, name)
		}
	}
	return list
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

// adopt puts definitions to work: it starts, keeps and stops pipelines, and
// publishes what is served.
func (r *Region) adopt(ctx context.Context, a adoption) error {
	programs, err := fold.CompileAll(a.project)
	if err != nil {
		return fmt.Errorf("definitions of version %d do not compile here (is this binary older than the one that applied them?): %w", a.version, err)
	}
	if !a.project.HasRegion(r.cfg.Region) {
		return fmt.Errorf("project %s has no region %s, only %v: start the worker with --region of one of them", a.project.Name, r.cfg.Region, a.project.Regions)
	}
	live := &state.Live{
		Region: r.cfg.Region, Project: a.project, Catalogue: a.version, Secret: a.secret,
		Views: map[string]*state.View{}, Closings: r.closings,
	}
	for _, name := range a.project.Regions {
		live.Sources = append(live.Sources, position.Source{Origin: name, Incarnation: 1})
	}
	previous := r.live.Load()
	r.live.Store(previous.With(a.project))
	if err := EnsureTopics(ctx, r.cfg.Kafka, a.project, r.cfg.Region); err != nil {
		r.live.Store(previous)
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.reconcile(ctx, a, programs, live); err != nil {
		return err
	}
	r.live.Store(live)
	return r.watch(ctx, a.project, programs)
}

// reconcile makes the set of pipelines that the definitions ask for.
func (r *Region) reconcile(ctx context.Context, a adoption, programs map[string]*fold.Program, live *state.Live) error {
	for name, p := range r.pipelines {
		if a.keys[name] != p.key {
			p.stop()
			delete(r.pipelines, name)
			if a.instances[name] != p.view.Instance {
				if err := r.cfg.Store.Drop(p.view.Instance); err != nil {
					return err
				}
				if err := r.cfg.Store.Note(p.readyNote(), nil); err != nil {
					return err
				}
			}
		}
	}
	for i := range a.project.Views {
		v := &a.project.Views[i]
		holds := v.MayHold(r.cfg.Region)
		p := r.pipelines[v.Name]
		if p == nil {
			var err error
			if p, err = r.begin(ctx, a, v, programs[v.Name], holds); err != nil {
				return err
			}
			r.pipelines[v.Name] = p
		}
		if holds {
			live.Views[v.Name] = p.view
		}
	}
	return nil
}

// begin opens and runs the pipeline of one view.
func (r *Region) begin(ctx context.Context, a adoption, v *definition.View, prog *fold.Program, holds bool) (*pipeline, error) {
	view, err := r.cfg.Store.OpenView(v.Name, a.instances[v.Name], a.versions[v.Name], r.cfg.Region, prog)
	if err != nil {
		return nil, err
	}
	p, err := r.openPipeline(ctx, a.keys[v.Name], view, holds)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", v.Name, err)
	}
	run, cancel := context.WithCancel(ctx)
	p.cancel = cancel
	go p.run(run)
	return p, nil
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
	for name, v := range live.Views {
		if !v.Ready() {
			p := v.Progress()
			return fmt.Errorf("view %s is building: %d of %d events", name, p.Folded, p.Total)
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

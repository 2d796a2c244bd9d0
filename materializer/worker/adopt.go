package worker

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/catalogue"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// adoption is a state of the catalogue as this region puts it to work.
type adoption struct {
	project   *definition.Project
	version   uint64
	secret    []byte
	versions  map[string]int    // of views
	instances map[string]string // hash of each view's meaning
	keys      map[string]string // what must be the same for a pipeline to go on
}

func adoptionOf(s catalogue.State, region string) adoption {
	a := adoption{
		project: s.Project, version: s.Version, secret: s.Secret,
		versions: map[string]int{}, instances: map[string]string{}, keys: map[string]string{},
	}
	for _, v := range s.Views {
		a.versions[v.Name], a.instances[v.Name] = v.Version, v.Hash
		// The regions decide the order of ties; what the region may hold, which
		// logs are read; and the budgets and names that a view carries ride with it.
		view := definition.Encode(&definition.Project{Name: "v", Views: []definition.View{*s.Project.View(v.Name)}})
		a.keys[v.Name] = fmt.Sprintf("%s|%d|%v|%v|%s", v.Hash, v.Version, s.Project.Regions, s.Project.View(v.Name).MayHold(region), view)
	}
	a.addIDs()
	return a
}

// adopt puts definitions to work: it keeps the pipelines that stay the same,
// starts new ones, publishes what is served, and only then stops and drops what
// nobody asks for any more. Where it fails, what is left goes on, and it is
// called again.
func (r *Region) adopt(ctx context.Context, a adoption) error {
	programs, err := fold.CompileAll(a.project)
	if err != nil {
		return fmt.Errorf("definitions of version %d do not compile here (is this binary older than the one that applied them?): %w", a.version, err)
	}
	if !a.project.HasRegion(r.cfg.Region) {
		return fmt.Errorf("project %s has no region %s, only %v: start the worker with --region of one of them", a.project.Name, r.cfg.Region, a.project.Regions)
	}
	if err := EnsureTopics(ctx, r.cfg.Kafka, a.project, r.cfg.Region); err != nil {
		return err
	}
	r.reopen(a)
	next, err := r.pipelinesFor(ctx, a, programs)
	if err != nil {
		return err
	}
	former := r.publish(a, next)
	for _, p := range former {
		p.stop()
		p.view.Retire()
	}
	if err := r.dropOthers(a); err != nil {
		return err
	}
	return r.watch(ctx, a.project, programs)
}

// reopen stops the pipelines whose instance stays but must be opened anew. No
// two may work on one instance, so these are not served in between.
func (r *Region) reopen(a adoption) {
	keep, served := maps.Clone(r.pipelines), *r.Live()
	served.Views = maps.Clone(served.Views)
	var stop []*pipeline
	for name, p := range r.pipelines {
		if a.instances[name] == p.view.Instance && a.keys[name] != p.key {
			delete(keep, name)
			delete(served.Views, name)
			stop = append(stop, p)
		}
	}
	if len(stop) == 0 {
		return
	}
	r.live.Store(&served)
	r.setPipelines(keep)
	for _, p := range stop {
		p.stop()
		p.view.Retire()
	}
}

func (r *Region) setPipelines(m map[string]*pipeline) {
	r.mu.Lock()
	r.pipelines = m
	r.mu.Unlock()
}

// pipelinesFor makes the pipelines that the definitions ask for: those that are
// at work already, and new ones. On an error the new ones are stopped.
func (r *Region) pipelinesFor(ctx context.Context, a adoption, programs map[string]*fold.Program) (map[string]*pipeline, error) {
	next := make(map[string]*pipeline, len(a.keys))
	var begun []*pipeline
	for _, name := range sortedKeys(a.keys) {
		if p := r.pipelines[name]; p != nil && p.key == a.keys[name] {
			next[name] = p
			continue
		}
		p, err := r.begin(ctx, a, name, programs[name])
		if err != nil {
			for _, p := range begun {
				p.stop()
				p.view.Retire()
			}
			return nil, err
		}
		next[name] = p
		begun = append(begun, p)
	}
	return next, nil
}

// begin opens and runs the pipeline of one view, or of a stream's ids.
func (r *Region) begin(ctx context.Context, a adoption, name string, prog *fold.Program) (*pipeline, error) {
	view, err := r.open(a, name, prog)
	if err != nil {
		return nil, err
	}
	p, err := r.openPipeline(ctx, a.keys[name], view, a.project, view.IDs() || a.project.View(name).MayHold(r.cfg.Region))
	if err != nil {
		view.Retire()
		return nil, fmt.Errorf("view %s: %w", name, err)
	}
	run, cancel := context.WithCancel(ctx)
	p.cancel = cancel
	go p.run(run)
	return p, nil
}

// publish serves from the pipelines and returns those that were at work before
// and are not among them.
func (r *Region) publish(a adoption, next map[string]*pipeline) (former []*pipeline) {
	live := &state.Live{
		Region: r.cfg.Region, Project: a.project, Catalogue: a.version, Secret: a.secret,
		Views: map[string]*state.View{}, Closings: r.closings,
	}
	for _, name := range a.project.Regions {
		live.Sources = append(live.Sources, position.Source{Origin: name, Incarnation: 1})
	}
	slices.SortFunc(live.Sources, position.Source.Compare)
	for name, p := range next {
		if v := a.project.View(name); v != nil && v.MayHold(r.cfg.Region) {
			live.Views[name] = p.view
		}
	}
	for name, p := range r.pipelines {
		if next[name] != p {
			former = append(former, p)
		}
	}
	r.setPipelines(next)
	r.live.Store(live)
	return former
}

// dropOthers removes what the store holds of instances that the definitions do
// not name: of views that changed or went, also while this worker was away.
func (r *Region) dropOthers(a adoption) error {
	wanted := map[string]bool{}
	for _, instance := range a.instances {
		wanted[instance] = true
	}
	stored, err := r.cfg.Store.Instances()
	if err != nil {
		return err
	}
	for _, instance := range stored {
		if wanted[instance] {
			continue
		}
		if err := r.cfg.Store.Note(readyNote(instance), nil); err != nil {
			return err
		}
		if err := r.cfg.Store.Drop(instance); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/ksuid"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/materializer/worker"
	"anabranch.dev/anabranch/schemas/catalogue"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/evolve"
)

type planCmd struct {
	where `group:"where"`

	Definitions string `help:"Directory of definitions." short:"f" default:"." placeholder:"DIR"`
}

func (c *planCmd) Help() string { return "Example:\n  anabranch plan -f definitions" }

// Run prints what apply would do. Without a region to ask it plans against
// nothing.
func (c *planCmd) Run(ctx context.Context, out *output) error {
	defs, err := loadDefinitions(c.Definitions)
	if err != nil {
		return err
	}
	var s catalogue.State
	e, err := c.find(ctx)
	if err == nil {
		s, err = readCatalogue(ctx, e, defs.project)
	} else {
		out.progress("no region is reached, so this is the plan for an empty one (%v)", err)
		err = nil
	}
	if err != nil {
		return err
	}
	plan := s.Plan(defs.project)
	if err := out.result(planDocument(defs, &plan)); err != nil {
		return err
	}
	printPlan(out, defs, &plan)
	if plan.Refused() {
		return errors.New("the plan has changes that are refused")
	}
	return nil
}

type planJSON struct {
	Project string          `json:"project"`
	Changes []changeJSON    `json:"changes"`
	Views   []viewBytesJSON `json:"views"`
}

type changeJSON struct {
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Action      string `json:"action"`
	Detail      string `json:"detail,omitempty"`
	Consequence string `json:"consequence"`
	Severity    string `json:"severity"`
}

type viewBytesJSON struct {
	View             string `json:"view"`
	Version          int    `json:"version"`
	WorstBytesPerKey int    `json:"worst_bytes_per_key"` // for each region that writes the key
	FullBytesPerKey  int    `json:"full_bytes_per_key"`  // the same if a busy key fills every pane of every collection
}

func planDocument(defs *definitions, plan *catalogue.Plan) planJSON {
	doc := planJSON{Project: defs.project.Name, Changes: []changeJSON{}}
	for _, ch := range plan.Changes {
		doc.Changes = append(doc.Changes, changeJSON{ch.Kind, ch.Name, string(ch.Action), ch.Detail, ch.Consequence, ch.Severity.String()})
	}
	for _, v := range plan.Views {
		doc.Views = append(doc.Views, viewBytesJSON{v.Name, v.Version, defs.bytesPerKey(defs.project.View(v.Name)), defs.programs[v.Name].WorstBytes()})
	}
	return doc
}

func printPlan(out *output, defs *definitions, plan *catalogue.Plan) {
	if out.json {
		return
	}
	if plan.Empty() {
		out.say("nothing to do: the definitions are at work as they are")
	}
	marks := map[evolve.Action]string{evolve.Added: "+", evolve.Removed: "-", evolve.Changed: "~"}
	for _, ch := range plan.Changes {
		mark := marks[ch.Action]
		if ch.Severity == evolve.Refused {
			mark = "!"
		}
		out.say("%s %s", mark, ch)
	}
	rows := [][]string{}
	for _, v := range plan.Views {
		rows = append(rows, []string{v.Name, fmt.Sprintf("v%d", v.Version), count(defs.bytesPerKey(defs.project.View(v.Name))), count(defs.programs[v.Name].WorstBytes())})
	}
	out.say("")
	out.table([]string{"VIEW", "VERSION", "WORST BYTES PER KEY", "IF EVERY PANE IS FULL"}, rows)
}

type applyCmd struct {
	where `group:"where"`

	Definitions string        `help:"Directory of definitions." short:"f" default:"." placeholder:"DIR"`
	Timeout     time.Duration `help:"How long to wait until every region serves them; 0 does not wait." default:"5m"`
}

func (c *applyCmd) Help() string { return "Example:\n  anabranch apply -f definitions" }

// Run puts definitions to work.
func (c *applyCmd) Run(ctx context.Context, out *output) error {
	defs, err := loadDefinitions(c.Definitions)
	if err != nil {
		return err
	}
	e, err := c.find(ctx)
	if err != nil {
		return err
	}
	result, err := applyDefinitions(ctx, e, defs, applyOptions{wait: c.Timeout}, out)
	if err != nil {
		return err
	}
	return out.result(result)
}

type applyOptions struct {
	wait time.Duration
}

type applyJSON struct {
	planJSON
	Version uint64   `json:"version"` // of the catalogue
	Changed bool     `json:"changed"`
	Serving []string `json:"serving"` // regions that serve the definitions
}

// applyDefinitions creates topics, registers schemas, appends the command to
// the registry log, and waits until the regions serve.
func applyDefinitions(ctx context.Context, e *env, defs *definitions, opt applyOptions, out *output) (*applyJSON, error) {
	p := defs.project
	if err := e.covers(p); err != nil {
		return nil, err
	}
	s, err := readCatalogue(ctx, e, p)
	if err != nil {
		return nil, err
	}
	plan := s.Plan(p)
	printPlan(out, defs, &plan)
	if plan.Refused() {
		return nil, errors.New("nothing was applied: the plan has changes that are refused")
	}
	for _, pl := range e.places {
		if err := prepareRegion(ctx, &pl, p); err != nil {
			return nil, fmt.Errorf("region %s: %w", pl.region, err)
		}
	}
	result := &applyJSON{planJSON: planDocument(defs, &plan), Version: s.Version, Serving: []string{}}
	if !plan.Empty() {
		if result.Version, err = appendApply(ctx, e, defs, s); err != nil {
			return nil, err
		}
		result.Changed = true
		out.say("applied as version %d", result.Version)
	}
	if opt.wait > 0 {
		at := catalogue.State{Project: p, Version: result.Version}
		result.Serving, err = waitServing(ctx, e, &at, opt.wait, out)
		if err == nil && len(result.Serving) > 0 {
			out.say("serving in %s", strings.Join(result.Serving, ", "))
		}
	}
	return result, err
}

// covers checks that the leading region is reached and, in dev, all others too.
func (e *env) covers(p *definition.Project) error {
	here := strings.Join(e.regions(), ", ")
	for _, r := range p.Regions {
		switch {
		case e.place(r) != nil:
		case e.dev != nil:
			return fmt.Errorf("project %s has region %s, but dev runs only %s: start \"anabranch dev --regions %s\", with a --data DIR of its own if this one is to stay",
				p.Name, r, here, strings.Join(p.Regions, ","))
		case r == p.Regions[0]:
			return fmt.Errorf("the registry of project %s is in region %s, which is not reached from here, only %s: add it to peers in --config", p.Name, r, here)
		}
	}
	return nil
}

// prepareRegion creates and checks the region's topics and registers its
// schemas.
func prepareRegion(ctx context.Context, pl *place, p *definition.Project) error {
	if !p.HasRegion(pl.region) || len(pl.kafka.Brokers) == 0 {
		return nil
	}
	k, err := pl.dial(ctx)
	if err != nil {
		return err
	}
	defer k.Close()
	if err := worker.EnsureTopics(ctx, k, p, pl.region); err != nil {
		return err
	}
	reg, err := registry.NewClient(pl.registry)
	if err != nil {
		return err
	}
	for i := range p.Streams {
		s := &p.Streams[i]
		if _, err := reg.Register(ctx, definition.Subject(s.Topic), s.Schema); err != nil {
			return fmt.Errorf("register the schema of stream %s: %w", s.Name, err)
		}
	}
	return nil
}

// readCatalogue folds the registry log of the project's leading region.
func readCatalogue(ctx context.Context, e *env, p *definition.Project) (catalogue.State, error) {
	pl := e.place(p.Regions[0])
	if pl == nil {
		pl = &e.places[0]
	}
	k, err := pl.dial(ctx)
	if err != nil {
		return catalogue.State{}, err
	}
	defer k.Close()
	if e.dev != nil {
		if err := onlyProject(ctx, k, p.Name); err != nil {
			return catalogue.State{}, err
		}
	}
	return readRegistryLog(ctx, k, p.Name)
}

// onlyProject refuses a second project in one dev.
func onlyProject(ctx context.Context, k *kafka.Client, project string) error {
	names, err := k.TopicNames(ctx)
	if err != nil {
		return err
	}
	for _, t := range names {
		if name, ok := strings.CutSuffix(t, ".registry"); ok && !strings.Contains(name, ".") && name != project {
			return fmt.Errorf("this dev serves project %s; give project %s a dev of its own: anabranch dev --data DIR", name, project)
		}
	}
	return nil
}

func readRegistryLog(ctx context.Context, k *kafka.Client, project string) (catalogue.State, error) {
	var s catalogue.State
	tp := kafka.TopicPartition{Topic: definition.RegistryTopic(project)}
	ends, err := k.EndOffsets(ctx, []kafka.TopicPartition{tp})
	if errors.Is(err, kafka.ErrNoTopic) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	reader, err := k.NewReader(kafka.ReaderConfig{}, kafka.Assignment{Topic: tp.Topic})
	if err != nil {
		return s, err
	}
	defer reader.Close()
	for s.Next < ends[tp].Stable {
		batch, err := reader.Poll(ctx, 0)
		if err != nil {
			return s, err
		}
		for i := range batch.Partitions {
			if err := batch.Partitions[i].Err; err != nil {
				return s, err
			}
			for r := range batch.Partitions[i].All() {
				cmd, err := catalogue.Decode(r.Value)
				if errors.Is(err, catalogue.ErrNewer) {
					return s, err
				}
				if err != nil {
					s = s.Skip(r.Offset)
					continue
				}
				s, _ = s.Step(cmd, r.Offset)
			}
			s.Next = max(s.Next, batch.Partitions[i].Next)
		}
	}
	return s, nil
}

// appendApply appends the command and reads the log's verdict on it.
func appendApply(ctx context.Context, e *env, defs *definitions, s catalogue.State) (uint64, error) {
	p := defs.project
	leader := *e.place(p.Regions[0])
	leader.kafka.Compression = kafka.Compression{Codec: "lz4"}
	leader.kafka.MaxBatchBytes = worker.MaxBatchBytes
	k, err := leader.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer k.Close()
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return 0, err
	}
	cmd := &catalogue.Command{ID: ksuid.New().String(), Expected: s.Version, Kind: catalogue.Apply, Project: p, Files: defs.files, Secret: secret}
	b, err := cmd.Encode()
	if err != nil {
		return 0, err
	}
	if _, err := k.Produce(ctx, []kafka.Record{{Topic: definition.RegistryTopic(p.Name), Value: b}}); err != nil {
		return 0, err
	}
	after, err := readRegistryLog(ctx, k, p.Name)
	if err != nil {
		return 0, err
	}
	_, verdict := after.Step(cmd, after.Next-1)
	if verdict.Outcome != catalogue.Repeated {
		return 0, fmt.Errorf("somebody else applied version %d first: look at the plan again, then apply", after.Version)
	}
	return verdict.Have, nil
}

// waitServing waits until every region of the project whose HTTP is known serves
// its version.
func waitServing(ctx context.Context, e *env, s *catalogue.State, timeout time.Duration, out *output) ([]string, error) {
	deadline := time.Now().Add(timeout)
	serving := []string{}
	said := time.Now()
	for _, pl := range e.places {
		if pl.http == "" || !s.Project.HasRegion(pl.region) {
			continue
		}
		for {
			why := regionServes(ctx, e, &pl, s.Version)
			if why == "" {
				break
			}
			if ctx.Err() != nil {
				return serving, ctx.Err()
			}
			if time.Now().After(deadline) {
				return serving, fmt.Errorf("version %d is applied, but region %s does not serve it after %v: %s", s.Version, pl.region, timeout, why)
			}
			if time.Since(said) > 2*time.Second {
				out.progress("waiting for %s: %s", pl.region, why)
				said = time.Now()
			}
			time.Sleep(50 * time.Millisecond)
		}
		serving = append(serving, pl.region)
	}
	return serving, nil
}

// regionServes says why a region does not serve a version of the definitions
// yet, or nothing.
func regionServes(ctx context.Context, e *env, pl *place, version uint64) string {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var s worker.Status
	if err := e.get(ctx, pl, "/v1/status", &s); err != nil {
		return err.Error()
	}
	switch {
	case s.Catalogue < version && s.Reason != "":
		return s.Reason
	case s.Catalogue < version:
		return fmt.Sprintf("it is at version %d of the definitions", s.Catalogue)
	case !s.Ready:
		return s.Reason
	}
	return ""
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/offline/history"
	"anabranch.dev/anabranch/offline/training"
	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/catalogue"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

type getHistoricalCmd struct {
	where `group:"where"`

	Service          string        `arg:"" help:"A feature service, or features as view:feature,view:*."`
	Spine            string        `help:"File of rows: join keys, event_timestamp and any other columns (Parquet, CSV, Arrow or JSONL)." required:"" placeholder:"FILE"`
	Out              string        `help:"Parquet file to write; its manifest goes beside it." required:"" placeholder:"FILE"`
	Format           string        `help:"parquet, csv, arrow or jsonl; default by the spine's extension." placeholder:"NAME"`
	FullFeatureNames bool          `help:"Name columns view__feature."`
	EventTimestamp   string        `help:"The spine's column of times." default:"event_timestamp" placeholder:"COLUMN"`
	Timezone         string        `help:"Zone of times without one." default:"UTC" placeholder:"NAME"`
	TimeUnit         string        `help:"Unit of times that are numbers: s, ms, us or ns." placeholder:"UNIT"`
	KnownAt          string        `help:"What a row may know: label, label-5m or off." default:"label" placeholder:"CUT"`
	AsOf             string        `help:"Ask as of a snapshot file, a frontier or a time." placeholder:"SNAPSHOT|FRONTIER|TIME"`
	Definitions      string        `help:"Directory of definitions, to work from files alone without brokers." short:"f" placeholder:"DIR"`
	Rows             int           `help:"How many rows to show." default:"5"`
	Timeout          time.Duration `help:"How long to wait for a broker or an object store." default:"30s"`
}

// Help shows an example.
func (c *getHistoricalCmd) Help() string {
	return "Example:\n  anabranch get-historical delay_model --spine labels.parquet --out train.parquet\n\n" +
		"Every row of the spine comes back in its place, followed by one column per feature. The same request at the same\nfrontier writes the same bytes."
}

type trainingJSON struct {
	Rows           int64            `json:"rows"`
	File           string           `json:"file"`
	Manifest       string           `json:"manifest"`
	Digest         string           `json:"digest"`
	Frontier       string           `json:"frontier"`
	Values         int64            `json:"values"`
	Nulls          int64            `json:"nulls"`
	NullKeyRows    int64            `json:"null_key_rows"`
	LeaksPrevented int64            `json:"leaks_prevented"`
	Columns        []trainingColumn `json:"columns"`
	Hint           string           `json:"hint,omitempty"`
}

type trainingColumn struct {
	Name    string `json:"name"`
	Feature string `json:"feature"`
	Type    string `json:"type"`
	Nulls   int64  `json:"nulls"`
	Leaked  int64  `json:"leaked"`
}

// Run makes the training set.
func (c *getHistoricalCmd) Run(ctx context.Context, out *output) error {
	w, err := openWorld(ctx, &c.where, c.Definitions)
	if err != nil {
		return err
	}
	defer w.close()
	req := &training.Request{
		Spine: c.Spine, Table: columnar.TableOptions{Format: c.Format}, TimeColumn: c.EventTimestamp,
		Out: c.Out, FullFeatureNames: c.FullFeatureNames, PreviewRows: c.Rows,
	}
	if req.Times, err = timeOptions(c.Timezone, c.TimeUnit); err != nil {
		return err
	}
	if strings.Contains(c.Service, ":") {
		req.Features = strings.Split(c.Service, ",")
	} else {
		req.Service = c.Service
	}
	if err := training.ParseKnownAt(c.KnownAt, &req.Cut); err != nil {
		return flagError(err)
	}
	if err := parseAsOf(c.AsOf, &req.Cut); err != nil {
		return err
	}
	if err := w.mayExport(c.Region, c.Service); err != nil {
		return err
	}
	rep, err := w.train(ctx, req, out)
	if err != nil {
		return err
	}
	if err := out.result(trainingDocument(rep)); err != nil {
		return err
	}
	printTraining(out, rep)
	return nil
}

// flagError is wrong usage, unless what the flag asks for is not built yet.
func flagError(err error) error {
	if strings.Contains(err.Error(), "not built yet") {
		return fmt.Errorf("--%w", err)
	}
	return usage("--%v", err)
}

// mayExport refuses what the residency of a view keeps out of the region that
// the command is in. A command that names no region is in none.
func (w *world) mayExport(region, service string) error {
	views, err := validatedFeatures(w.state.Project, service)
	if err != nil {
		return nil // an unknown name is for the request to say
	}
	for i := range w.state.Project.Views {
		v := &w.state.Project.Views[i]
		if region != "" && len(views[v.Name]) > 0 && !v.MayHold(region) {
			return fmt.Errorf("view %s may be held in %s only, not in %s: ask there", v.Name, strings.Join(v.Policy.Residency, ", "), region)
		}
	}
	return nil
}

// timeOptions reads --timezone and --time-unit.
func timeOptions(zone, unit string) (columnar.TimeOptions, error) {
	if _, err := time.LoadLocation(zone); err != nil {
		return columnar.TimeOptions{}, usage("--timezone %s: %v", zone, err)
	}
	switch unit {
	case "", "s", "ms", "us", "ns":
	default:
		return columnar.TimeOptions{}, usage("--time-unit %s: want s, ms, us or ns", unit)
	}
	return columnar.TimeOptions{Zone: zone, Unit: unit}, nil
}

// parseAsOf reads --as-of: a snapshot or training set stands for its frontier.
func parseAsOf(text string, cut *asof.Cut) error {
	if _, err := os.Stat(text); text != "" && err == nil {
		f, err := manifestFrontier(text)
		cut.Frontier = f
		return err
	}
	if err := training.ParseAsOf(text, cut); err != nil {
		return flagError(err)
	}
	return nil
}

// manifestFrontier is the frontier in the manifest beside a training set or a
// snapshot.
func manifestFrontier(path string) (position.Frontier, error) {
	b, err := os.ReadFile(path + ".manifest.json")
	if err != nil {
		return nil, fmt.Errorf("--as-of %s: its manifest says the frontier: %w", path, err)
	}
	var m struct {
		Frontier string `json:"frontier"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%s.manifest.json: %w", path, err)
	}
	return position.ParseFrontier(m.Frontier)
}

func trainingDocument(r *training.Report) trainingJSON {
	doc := trainingJSON{
		Rows: r.Rows, File: r.Out, Manifest: r.Manifest, Digest: r.Digest, Frontier: r.Frontier.Text(), Values: r.Values,
		Nulls: r.Nulls, NullKeyRows: r.NullKeyRows, LeaksPrevented: r.Leaked, Columns: []trainingColumn{}, Hint: r.Hint,
	}
	for _, c := range r.Columns {
		doc.Columns = append(doc.Columns, trainingColumn{c.Name, c.Feature, c.Type.String(), c.Nulls, c.Leaked})
	}
	return doc
}

func printTraining(out *output, r *training.Report) {
	if out.json {
		return
	}
	printPreview(out, &r.Preview)
	out.say("\n%s rows, %d features in %s (%s)", count(r.Rows), len(r.Columns), r.Out, sizeOf(r.Bytes))
	out.say("%s of %s values are null; %s rows had a null key", count(r.Nulls), count(r.Values), count(r.NullKeyRows))
	out.say("%s values would have leaked the future in a join on event time alone", count(r.Leaked))
	out.say("digest %s\nfrontier %s\nmanifest %s", r.Digest, r.Frontier.Text(), r.Manifest)
	if r.Hint != "" {
		out.say("\n%s", r.Hint)
	}
}

func printPreview(out *output, p *training.Preview) {
	const most = 7
	head, rows := p.Columns, append([][]string{}, p.Rows...)
	if len(head) > most {
		head = append(append([]string{}, head[:most]...), "…")
		for i := range rows {
			rows[i] = append(append([]string{}, rows[i][:most]...), "…")
		}
	}
	for i := range rows {
		for j, cell := range rows[i] {
			if len(cell) > 24 {
				rows[i] = append([]string{}, rows[i]...)
				rows[i][j] = cell[:23] + "…"
			}
		}
	}
	out.table(head, rows)
}

// world is what a historical command reads: definitions, and for each region
// its files and its log.
type world struct {
	state     catalogue.State
	programs  map[string]*fold.Program
	origins   []history.Origin
	kafkas    []*kafka.Client
	histories []*history.History
	offline   bool
}

// openWorld reaches every region that the settings know. With definitions from
// a directory, regions without brokers are read from their files alone.
func openWorld(ctx context.Context, w *where, definitions string) (*world, error) {
	e, err := w.find(ctx)
	if err != nil {
		return nil, err
	}
	var s catalogue.State
	if definitions == "" {
		if !e.brokers() {
			return nil, usage("-f DIR: without brokers the definitions must be given as files")
		}
		if s, err = currentCatalogue(ctx, e, w.Project); err != nil {
			return nil, err
		}
		return worldOf(ctx, e, s)
	}
	defs, err := loadDefinitions(definitions)
	if err != nil {
		return nil, err
	}
	s.Project = defs.project
	for i := range defs.project.Views {
		v := &defs.project.Views[i]
		s.Views = append(s.Views, catalogue.View{Name: v.Name, Version: 1, Hash: definition.ViewHash(defs.project, v)})
	}
	return worldOf(ctx, e, s)
}

// worldOf opens the regions of the definitions.
func worldOf(ctx context.Context, e *env, s catalogue.State) (_ *world, err error) {
	w := &world{state: s}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.programs, err = fold.CompileAll(s.Project); err != nil {
		return nil, err
	}
	for _, name := range s.Project.Regions {
		if err := w.openOrigin(ctx, e, name); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *world) openOrigin(ctx context.Context, e *env, region string) error {
	pl := e.place(region)
	if pl == nil {
		pl = &place{region: region, store: e.places[0].store}
	}
	o := history.Origin{Region: region}
	var err error
	if pl.store != "" {
		if o.Store, err = pl.openStore(ctx); err != nil {
			return err
		}
	}
	if len(pl.kafka.Brokers) > 0 {
		k, err := pl.dial(ctx)
		if err != nil {
			return err
		}
		w.kafkas = append(w.kafkas, k)
		o.Kafka = k
		if o.Registry, err = registry.NewClient(pl.registry); err != nil {
			return err
		}
	}
	if o.Store == nil && o.Kafka == nil {
		return fmt.Errorf("region %s of project %s: neither its files nor its brokers are known: name it under peers in --config", region, w.state.Project.Name)
	}
	w.offline = w.offline || o.Kafka == nil
	w.origins = append(w.origins, o)
	return nil
}

func (w *world) close() {
	for _, h := range w.histories {
		_ = h.Close()
	}
	for _, k := range w.kafkas {
		k.Close()
	}
}

func (w *world) definitions() training.Definitions {
	d := training.Definitions{Project: w.state.Project, Programs: w.programs, Versions: map[string]int{}}
	for _, v := range w.state.Views {
		d.Versions[v.Name] = v.Version
	}
	return d
}

// open is a training.Histories: it opens a stream's history up to a frontier,
// or to what is committed now.
func (w *world) open(upto position.Frontier, out *output) training.Histories {
	return w.opener(upto, out, false)
}

// openServed opens what is committed now, and what the regions took back.
func (w *world) openServed(out *output) training.Histories { return w.opener(nil, out, true) }

func (w *world) opener(upto position.Frontier, out *output, served bool) training.Histories {
	return func(ctx context.Context, stream string, needed []bool) (training.History, error) {
		said := time.Now()
		h, err := history.Open(ctx, history.Config{
			Project: w.state.Project, Stream: stream, Needed: needed, Observed: w.observes(stream), Origins: w.origins, Upto: upto, Retractions: served,
			Progress: func(s history.Stats) {
				if out != nil && time.Since(said) > 2*time.Second {
					said = time.Now()
					out.progress("%s: %s of %s records of the logs' tails read", stream, count(s.TailOffsets), count(s.TailTotal))
				}
			},
		})
		if err != nil {
			return nil, err
		}
		w.histories = append(w.histories, h)
		return &historyOf{h}, nil
	}
}

// observes reports whether a view of the stream wants the tokens that producers
// acted on.
func (w *world) observes(stream string) bool {
	for _, p := range w.programs {
		if p.Stream.Name == stream && p.Observes() {
			return true
		}
	}
	return false
}

// historyOf gives a history's events as the sweep takes them: with the fields
// that History.Fields names and no others.
type historyOf struct {
	*history.History
}

// Scan hands out each key's events; see training.History.
func (h *historyOf) Scan(ctx context.Context, partition int32, keys [][]byte, fn func(key []byte, events []asof.Event) error) error {
	var list []asof.Event
	return h.History.Scan(ctx, partition, history.Keys(keys), func(key []byte, events []history.Event) error {
		list = list[:0]
		for i := range events {
			e := &events[i]
			list = append(list, asof.Event{
				Source: e.Source, Partition: e.Partition, Offset: e.Offset, Stamp: e.Stamp, Time: e.Time, Created: e.Created,
				ID: e.ID, HasID: e.HasID, Observed: e.Observed, Fields: e.Fields,
			})
		}
		return fn(key, list)
	})
}

// train runs a request in this world, with progress.
func (w *world) train(ctx context.Context, req *training.Request, out *output) (*training.Report, error) {
	req.Definitions, req.CodeVersion = w.definitions(), codeVersion()
	req.Histories = w.open(req.Cut.Frontier, out)
	said := time.Now()
	req.Progress = func(done, total int64) {
		if time.Since(said) > 2*time.Second {
			said = time.Now()
			out.progress("%s of %s rows", count(done), count(total))
		}
	}
	rep, err := training.Run(ctx, req)
	if err == nil && w.offline {
		out.progress("some regions were read from their files alone; the frontier says how far")
	}
	return rep, err
}

type snapshotCmd struct {
	where `group:"where"`

	View        string `arg:"" help:"The view."`
	Out         string `help:"Parquet file to write; its manifest goes beside it." required:"" placeholder:"FILE"`
	At          string `help:"Read time, RFC 3339; default now." placeholder:"TIME"`
	AsOf        string `help:"As of another snapshot file or a frontier." placeholder:"SNAPSHOT|FRONTIER"`
	Definitions string `help:"Directory of definitions, to work from files alone without brokers." short:"f" placeholder:"DIR"`
}

// Help shows an example.
func (c *snapshotCmd) Help() string {
	return "Example:\n  anabranch snapshot arrivals --at 2001-03-31T23:59:00Z --out arrivals.parquet\n\nIts frontier pins it: give the file to --as-of of get-historical."
}

// Run writes the snapshot.
func (c *snapshotCmd) Run(ctx context.Context, out *output) error {
	w, err := openWorld(ctx, &c.where, c.Definitions)
	if err != nil {
		return err
	}
	defer w.close()
	if w.state.Project.View(c.View) == nil {
		return usage("project %s has no view %s", w.state.Project.Name, c.View)
	}
	if err := w.mayExport(c.Region, c.View+":*"); err != nil {
		return err
	}
	req := &training.SnapshotRequest{Definitions: w.definitions(), View: c.View, Out: c.Out, CodeVersion: codeVersion(), At: stamp.FromTime(time.Now())}
	if c.At != "" {
		if req.At, err = wire.ParseTimestamp(c.At); err != nil {
			return usage("--at %s: %v", c.At, err)
		}
	}
	var cut asof.Cut
	if err := parseAsOf(c.AsOf, &cut); err != nil {
		return err
	}
	if cut.Timed {
		return usage("--as-of %s: a snapshot is cut by a frontier or another snapshot; its time is --at", c.AsOf)
	}
	req.Frontier, req.Histories = cut.Frontier, w.open(cut.Frontier, out)
	rep, err := training.Snapshot(ctx, req)
	if err != nil {
		return err
	}
	if out.json {
		return out.result(map[string]any{
			"view": c.View, "rows": rep.Rows, "file": rep.Out, "manifest": rep.Manifest, "digest": rep.Digest,
			"at": req.At.String(), "frontier": rep.Frontier.Text(),
		})
	}
	printPreview(out, &rep.Preview)
	out.say("\n%s keys of %s at %s in %s\ndigest %s\nfrontier %s", count(rep.Rows), c.View, req.At, filepath.Base(rep.Out), rep.Digest, rep.Frontier.Text())
	return nil
}

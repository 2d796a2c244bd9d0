package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/connectors/link"
	"anabranch.dev/anabranch/schemas/catalogue"
	"anabranch.dev/anabranch/schemas/stamp"
)

type demoCmd struct {
	Definitions string            `help:"Directory of definitions; default those of the flights." short:"f" placeholder:"DIR"`
	Input       string            `help:"File of events for the first stream; default 20,000 real flights." placeholder:"FILE"`
	Map         map[string]string `help:"Read a field from a column of another name." placeholder:"FIELD=COLUMN" mapsep:","`
	Split       string            `help:"Which events are written in which region: FIELD=REGION:VALUE,VALUE;REGION:*; default even." placeholder:"FIELD=RULES"`
	Synthetic   int               `help:"Use so many generated events with a heavy tail instead." placeholder:"N"`
	Out         string            `help:"Leave everything here to go on with." placeholder:"DIR"`
	Delay       time.Duration     `help:"Emulated one-way delay between regions." default:"40ms"`
	Budget      int64             `help:"Bytes per second from each region to each other; 0 is unlimited." default:"0" placeholder:"N"`
}

// Help shows examples.
func (c *demoCmd) Help() string {
	return "Examples:\n  anabranch demo\n  anabranch demo --out /tmp/flights --json\n" +
		"  anabranch demo -f definitions --input orders.jsonl --map ordered_at=ts --split \"country=eu:DE,FR;us:*\""
}

// demoJSON is the report of a demo.
type demoJSON struct {
	Events      int64                     `json:"events"`      // accepted, each id once
	Duplicates  int64                     `json:"duplicates"`  // accepted records whose id had counted
	Quarantined int64                     `json:"quarantined"` // records set aside
	Reasons     map[string]int64          `json:"quarantined_by_reason"`
	Late        int64                     `json:"late"`
	Regions     map[string]demoRegionJSON `json:"regions"`
	Converged   bool                      `json:"converged"`
	Validate    validateJSON              `json:"validate"`
	WAN         demoWANJSON               `json:"wan"`
	Training    demoTrainingJSON          `json:"training"`
	Seconds     float64                   `json:"seconds"`
}

type demoRegionJSON struct {
	Digest              string `json:"digest"`
	Keys                int    `json:"keys"`
	FoldEventsPerSecond int64  `json:"fold_events_per_second"`
}

type demoWANJSON struct {
	Bytes    int64 `json:"bytes"`     // between the regions' mirrors, framing included
	RawBytes int64 `json:"raw_bytes"` // what copying the events' own zstd batches to every other region would have cost
}

type demoTrainingJSON struct {
	Rows           int64  `json:"rows"`
	File           string `json:"file"` // empty without --out: nothing is kept
	Digest         string `json:"digest"`
	LeaksPrevented int64  `json:"leaks_prevented"`
}

// demo is one run.
type demo struct {
	cmd     *demoCmd
	out     *output
	dir     string // of everything
	defs    *definitions
	input   *demoInput
	dev     *dev
	env     *env
	state   catalogue.State
	child   *childWorker
	raw     *link.Link // counts what the producers send
	at      stamp.Micros
	request *featuresRequest // for the key with the most events
	doc     demoJSON
}

// Run runs the demo.
func (c *demoCmd) Run(ctx context.Context, out *output) (err error) {
	began := time.Now()
	d := &demo{cmd: c, out: out, doc: demoJSON{Reasons: map[string]int64{}, Regions: map[string]demoRegionJSON{}}}
	if err := d.prepare(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.cleanUp()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running, err := d.start(ctx)
	if err != nil {
		return err
	}
	err = d.steps(ctx)
	cancel()
	if rerr := running.Wait(); rerr != nil && !errors.Is(rerr, context.Canceled) {
		err = errors.Join(err, rerr)
	}
	if err != nil {
		return err
	}
	d.doc.Seconds = float64(time.Since(began).Milliseconds()) / 1000
	d.goOn()
	if c.Out == "" {
		d.doc.Training.File = "" // it goes with the temporary directory
	}
	if err := out.result(d.doc); err != nil {
		return err
	}
	return d.verdict()
}

// verdict is the exit code: everything that was checked must hold.
func (d *demo) verdict() error {
	switch {
	case !d.doc.Converged:
		return checkFailed("the regions did not converge")
	case d.doc.Validate.Mismatched > 0:
		return checkFailed("%d served values differ from history", d.doc.Validate.Mismatched)
	}
	return nil
}

// prepare lays out the directory, the definitions and the input.
func (d *demo) prepare() error {
	var err error
	if d.dir = d.cmd.Out; d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "anabranch-demo-*"); err != nil {
			return err
		}
	} else if d.dir, err = filepath.Abs(d.dir); err != nil {
		return err
	} else if entries, err := os.ReadDir(d.dir); err == nil && len(entries) > 0 {
		return usage("--out %s is not empty: give a new directory", d.cmd.Out)
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	if err := d.writeDefinitions(); err != nil {
		return err
	}
	if d.defs, err = loadDefinitions(filepath.Join(d.dir, "definitions")); err != nil {
		return err
	}
	d.input, err = d.openInput()
	return err
}

// start runs the regions: the first one's worker as a process of its own, so
// that it can be killed, the others' in this one.
func (d *demo) start(ctx context.Context) (*errgroup.Group, error) {
	d.say("1. Regions %s, each with a broker, a schema registry and a worker; %v apart.",
		strings.Join(d.defs.project.Regions, ", "), d.cmd.Delay)
	cmd := &devCmd{Data: filepath.Join(d.dir, "dev"), Regions: d.defs.project.Regions, Delay: d.cmd.Delay, Budget: d.cmd.Budget}
	cmd.external = d.defs.project.Regions[0]
	var err error
	if d.dev, err = cmd.open(d.out); err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.dev.run(ctx) })
	if d.child, err = startChild(d.dev, cmd, filepath.Join(d.dir, "worker.log")); err != nil {
		return group, err
	}
	if err := d.dev.wait(ctx); err != nil {
		return group, err
	}
	if d.env, err = (&where{}).fromAddresses(&d.dev.addresses); err != nil {
		return group, err
	}
	quiet := *d.out
	quiet.quiet = true
	if _, err := applyDefinitions(ctx, d.env, d.defs, applyOptions{wait: 2 * time.Minute}, &quiet); err != nil {
		return group, err
	}
	d.state, err = readCatalogue(ctx, d.env, d.defs.project)
	return group, err
}

func (d *demo) steps(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		d.produce, d.converge, d.serve, d.train, d.validate, d.wan,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) say(format string, args ...any) { d.out.say(format, args...) }

// converge waits until every region has folded everything and compares bytes.
func (d *demo) converge(ctx context.Context) error {
	if err := waitEnds(ctx, d.env, d.defs.project, 2*time.Minute, d.out); err != nil {
		return err
	}
	rows := [][]string{}
	digests := map[string]bool{}
	for _, name := range d.defs.project.Regions {
		pl := d.env.place(name)
		var digest regionDigest
		if err := d.env.get(ctx, pl, "/v1/digest", &digest); err != nil {
			return err
		}
		status, err := d.settled(ctx, pl)
		if err != nil {
			return err
		}
		r := demoRegionJSON{Digest: digest.Digest, Keys: digest.Keys, FoldEventsPerSecond: d.count(status)}
		d.doc.Regions[name] = r
		digests[digest.Digest] = true
		rows = append(rows, []string{"   " + name, r.Digest, count(r.Keys), count(r.FoldEventsPerSecond)})
	}
	d.doc.Converged = len(digests) == 1
	d.say("\n3. Every region has folded every log.")
	d.out.table([]string{"   REGION", "DIGEST OF ALL ROWS", "KEYS", "EVENTS/S WHILE FOLDING"}, rows)
	if d.doc.Converged {
		d.say("   The same bytes in every region.")
	} else {
		d.say("   THE REGIONS DIFFER.")
	}
	d.sayVerdicts()
	return nil
}

// settled waits until the region's count of verdicts has caught up with its
// logs and returns its status.
func (d *demo) settled(ctx context.Context, pl *place) (*nodeStatus, error) {
	for {
		var s nodeStatus
		if err := d.env.get(ctx, pl, "/v1/status", &s); err != nil {
			return nil, err
		}
		done := true
		for _, st := range s.Streams {
			done = done && st.Read >= d.input.sent[pl.region]
		}
		if done {
			return &s, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// count adds a region's verdicts to the report and returns its folding rate.
func (d *demo) count(s *nodeStatus) int64 {
	for _, st := range s.Streams {
		d.doc.Late += st.Late
		d.doc.Events += st.Accepted
		for reason, n := range st.Quarantined {
			d.doc.Reasons[reason] += n
			d.doc.Quarantined += n
		}
	}
	var events, nanos int64
	for i, v := range s.Views {
		if i == 0 {
			d.doc.Duplicates += v.Repeated
			d.doc.Events -= v.Repeated
		}
		events += v.SinceStart
		nanos += v.FoldNanos
	}
	if nanos == 0 {
		return 0
	}
	return int64(float64(events) / (float64(nanos) / 1e9))
}

func (d *demo) sayVerdicts() {
	reasons := []string{}
	for r, n := range d.doc.Reasons {
		reasons = append(reasons, fmt.Sprintf("%s %d", r, n))
	}
	slices.Sort(reasons)
	d.say("   %s events counted, %s duplicates of them did not, %s records quarantined (%s), %s late ones.",
		count(d.doc.Events), count(d.doc.Duplicates), count(d.doc.Quarantined), orDash(strings.Join(reasons, ", ")), count(d.doc.Late))
}

// wan compares what crossed between the regions with raw copying.
func (d *demo) wan(ctx context.Context) error {
	for i := range d.env.places {
		var s nodeStatus
		if err := d.env.get(ctx, &d.env.places[i], "/v1/status", &s); err != nil {
			return err
		}
		for _, l := range s.Links {
			d.doc.WAN.Bytes += l.WireBytes
		}
	}
	d.doc.WAN.Bytes += d.child.bytesBefore
	d.doc.WAN.RawBytes = d.raw.WireBytes() * int64(len(d.env.places)-1)
	d.say("\n7. Between the regions: %s on the wire, framing included. Copying the events' own zstd batches: %s.",
		sizeOf(d.doc.WAN.Bytes), sizeOf(d.doc.WAN.RawBytes))
	return nil
}

// goOn prints how to go on with what was left.
func (d *demo) goOn() {
	if d.cmd.Out == "" {
		d.say("\nDone in %.1f s. Keep everything with --out DIR.", d.doc.Seconds)
		return
	}
	example := d.exampleRequest()
	d.say(`
Done in %.1f s. Go on with what is left in %s:
  anabranch dev --data %s
  curl -s %s/v1/features -d '%s'
  duckdb -c "from '%s' limit 10"`,
		d.doc.Seconds, d.dir, filepath.Join(d.dir, "dev"),
		d.dev.addresses.Regions[d.defs.project.Regions[0]].HTTP, example, d.doc.Training.File)
}

func (d *demo) cleanUp() error {
	var errs []error
	if d.child != nil {
		errs = append(errs, d.child.stop())
	}
	if d.dev != nil {
		d.dev.close()
	}
	if d.input != nil {
		d.input.close()
	}
	if d.cmd.Out == "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

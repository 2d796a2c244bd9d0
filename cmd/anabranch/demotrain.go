package main

import (
	"context"
	"path/filepath"

	"anabranch.dev/anabranch/offline/training"
)

// train compacts what the regions have so far and makes a training set from the
// files and the logs' tails.
func (d *demo) train(ctx context.Context) error {
	for i := range d.env.places {
		if _, err := compactPlace(ctx, &d.env.places[i], d.defs.project, "", d.out); err != nil {
			return err
		}
	}
	spine := filepath.Join(d.dir, "spine.parquet")
	rows, err := d.writeSpine(ctx, spine)
	if err != nil {
		return err
	}
	w, err := d.world(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	req := &training.Request{Spine: spine, Out: filepath.Join(d.dir, "train.parquet"), PreviewRows: 4, Service: d.service()}
	if req.Service == "" {
		req.Features = []string{d.defs.project.Views[0].Name + ":*"}
	}
	rep, err := w.train(ctx, req, d.out)
	if err != nil {
		return err
	}
	d.doc.Training = demoTrainingJSON{Rows: rep.Rows, File: rep.Out, Digest: rep.Digest, LeaksPrevented: rep.Leaked}
	d.say("\n5. A training set of %s labels, each with what was known at its time.", count(rows))
	if !d.out.json {
		printPreview(d.out, &rep.Preview)
	}
	d.say("   A join on event time alone would have leaked the future into %s of its %s values.", count(rep.Leaked), count(rep.Values))
	if rep.Hint != "" {
		d.say("   %s", rep.Hint)
	}
	return nil
}

// service is the first service whose views all read the demo's stream, so that
// the spine has all of its keys; or none.
func (d *demo) service() string {
	p := d.defs.project
	for i := range p.Services {
		fits := true
		for _, sel := range p.Services[i].Features {
			v := p.View(sel.View)
			fits = fits && p.Stream(v.Stream).Entity == d.entity().Name && len(sel.Keys) == 0
		}
		if fits {
			return p.Services[i].Name
		}
	}
	return ""
}

func (d *demo) world(ctx context.Context) (*world, error) {
	return worldOf(ctx, d.env, d.state)
}

// validate recomputes every key's served vector from history, in every region.
func (d *demo) validate(ctx context.Context) error {
	for _, name := range d.defs.project.Regions {
		w, err := d.world(ctx)
		if err != nil {
			return err
		}
		e := *d.env
		e.places = append([]place{}, d.env.places...)
		if err := e.prefer(name); err != nil {
			return err
		}
		service := d.service()
		if service == "" {
			service = d.defs.project.Views[0].Name + ":*"
		}
		doc, err := runValidate(ctx, &e, w, service, 0, d.out)
		w.close()
		if err != nil {
			return err
		}
		d.doc.Validate.Checked += doc.Checked
		d.doc.Validate.Mismatched += doc.Mismatched
		d.doc.Validate.Keys += doc.Keys
		d.doc.Validate.Mismatches = append(d.doc.Validate.Mismatches, doc.Mismatches...)
	}
	d.say("\n6. Served vectors, recomputed from history at their tokens: %s values checked, %s mismatched.",
		count(d.doc.Validate.Checked), count(d.doc.Validate.Mismatched))
	return nil
}

package compact

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/offline/history/table"
	"anabranch.dev/anabranch/offline/manifest"
	"anabranch.dev/anabranch/schemas/stamp"
)

// merge merges files until the plan has nothing left.
func (r *run) merge(ctx context.Context) error {
	r.progress.Merging = true
	for {
		from, to, ok := Plan(r.m.Files, r.cfg.Tiers)
		if !ok {
			return nil
		}
		if err := r.mergeFiles(ctx, slices.Clone(r.m.Files[from:to])); err != nil {
			return fmt.Errorf("merge: %w", err)
		}
	}
}

// mergeFiles replaces files by one. If another compactor has changed the list meanwhile so that they no longer follow
// one another, the new file is dropped.
func (r *run) mergeFiles(ctx context.Context, old []manifest.File) error {
	merged := manifest.Union(old)
	names := make([]string, len(old))
	for i, f := range old {
		names[i] = f.Name
	}
	err := r.write(ctx, &merged, func(w *table.Writer) error { return r.mergeInto(ctx, w, old) })
	if err != nil {
		return err
	}
	before := r.m.Number
	err = r.commit(ctx, manifest.Merge{Names: names, File: merged})
	if err == nil {
		r.res.Merged += len(old)
		r.progress.Files++
		r.progress.Bytes += merged.Length
		r.cfg.Progress(r.progress)
		return nil
	}
	if !errors.Is(err, blob.ErrUnknown) && r.m.Number > before && !lists(r.m, names) {
		r.res.Lost++
		r.cfg.Store.Delete(ctx, r.id.File(merged.Name)) // an orphan if that fails
		return nil
	}
	return err
}

// lists reports whether a manifest still lists all these files.
func lists(m manifest.Manifest, names []string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(m.Files, func(f manifest.File) bool { return f.Name == name }) {
			return false
		}
	}
	return true
}

// mergeInto writes the rows of all files, a partition after the other; memory is bounded by a batch of each file and one
// row group.
func (r *run) mergeInto(ctx context.Context, w *table.Writer, old []manifest.File) error {
	files := make([]*columnar.File, len(old))
	for i, f := range old {
		o, err := r.cfg.Store.Open(ctx, r.id.File(f.Name))
		if err != nil {
			return err
		}
		defer o.Close()
		if o.Size() != f.Length {
			return fmt.Errorf("%s has %d bytes, the manifest says %d", r.id.File(f.Name), o.Size(), f.Length)
		}
		if files[i], err = columnar.Open(o, o.Size()); err == nil {
			err = r.layout.Check(files[i])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.id.File(f.Name), err)
		}
	}
	for p := range r.stream.Partitions {
		if err := r.mergePartition(ctx, w, files, p); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) mergePartition(ctx context.Context, w *table.Writer, files []*columnar.File, partition int32) error {
	cursors := make([]*table.Cursor, 0, len(files))
	for i, f := range files {
		c, err := r.layout.OfFile(f, partition, nil, i)
		if err != nil {
			return err
		}
		defer c.Close()
		cursors = append(cursors, c)
	}
	m, err := table.NewMerge(cursors)
	if err != nil {
		return err
	}
	for n := 0; m.Top() != nil; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		b, i := m.Top().Row()
		if err := w.Append(b, i, partition); err != nil {
			return err
		}
		if err := m.Step(); err != nil {
			return err
		}
	}
	return nil
}

// clean deletes the files whose grace period is over, and then forgets them. A crash in between deletes them again.
func (r *run) clean(ctx context.Context) error {
	names := r.m.Expired(stamp.FromTime(r.cfg.Now().Add(-r.cfg.Grace)))
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		if err := r.cfg.Store.Delete(ctx, r.id.File(name)); err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
		r.res.Deleted++
	}
	return r.commit(ctx, manifest.Forget{Names: names})
}

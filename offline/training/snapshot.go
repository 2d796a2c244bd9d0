package training

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// SnapshotRequest asks for a view's values of all keys at one time.
type SnapshotRequest struct {
	Definitions
	View string
	At   stamp.Micros
	// Frontier, unless nil, cuts the events as Request.Cut does.
	Frontier    position.Frontier
	Histories   Histories
	Out         string // path of the Parquet file
	Compression string // as columnar.Options
	CodeVersion string
	Workers     int // default 2
	PreviewRows int // default 5
}

// Snapshot writes a row for each key that was seen at the time: its join keys,
// the view's features and event_timestamp, the newest event seen, sorted by the
// join keys. Nothing is cut by when it became known. Memory is bounded by the
// keys of as many partitions as there are workers; partitions that are done
// wait on disk beside the output.
func Snapshot(ctx context.Context, r *SnapshotRequest) (*Report, error) {
	p, err := newSnapshotPlan(r)
	if err != nil {
		return nil, err
	}
	out, err := newOutput(r.Out, "")
	if err != nil {
		return nil, err
	}
	rep, err := snapshot(ctx, r, p, out)
	if err != nil {
		out.discard()
		return nil, err
	}
	return rep, nil
}

// snapshotPlan is the columns of a snapshot: keys, features, newest event.
type snapshotPlan struct {
	request *SnapshotRequest
	prog    *fold.Program
	which   []int
	cut     asof.Cut
	columns []column
	schema  columnar.Schema
	keys    int
}

func newSnapshotPlan(r *SnapshotRequest) (*snapshotPlan, error) {
	prog := r.Programs[r.View]
	if prog == nil {
		return nil, fmt.Errorf("feature view %q does not exist; there are %s", r.View, listed(r.Project.Views, func(v *definition.View) string { return v.Name }))
	}
	p := &snapshotPlan{request: r, prog: prog, keys: len(prog.Entity.JoinKeys), cut: asof.Cut{Knowledge: asof.Off, Frontier: r.Frontier}}
	for _, k := range prog.Entity.JoinKeys {
		p.schema = append(p.schema, columnar.Column{Name: k.Name, Type: value.Of(k.Type)})
	}
	for f := range prog.Features() {
		p.which = append(p.which, f)
		p.columns = append(p.columns, column{name: prog.FeatureName(f), feature: r.View + ":" + prog.FeatureName(f), prog: prog, index: f})
		p.schema = append(p.schema, columnar.Column{Name: prog.FeatureName(f), Type: prog.FeatureType(f), Nullable: true})
	}
	p.schema = append(p.schema, columnar.Column{Name: DefaultTimeColumn, Type: value.Of(value.Timestamp)})
	if err := p.schema.Validate(); err != nil {
		return nil, fmt.Errorf("snapshot of view %s: %w", r.View, err)
	}
	return p, nil
}

func snapshot(ctx context.Context, r *SnapshotRequest, p *snapshotPlan, out *output) (*Report, error) {
	histories, frontier, err := openHistories(ctx, r.Histories, []string{p.prog.Stream.Name}, [][]bool{p.prog.Needed()}, &p.cut)
	if err != nil {
		return nil, err
	}
	rep := &Report{Out: r.Out, Manifest: r.Out + ManifestSuffix, Frontier: frontier}
	for _, c := range p.columns {
		rep.Columns = append(rep.Columns, ColumnReport{Name: c.name, Feature: c.feature, Type: c.typ(), Stats: Stats{Statuses: map[string]int64{}}})
	}
	dir, err := os.MkdirTemp(filepath.Dir(r.Out), "."+filepath.Base(r.Out)+".*.partial")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", r.Out, err)
	}
	defer os.RemoveAll(dir)
	parts, err := p.spill(ctx, histories[p.prog.Stream.Name], dir, rep)
	if err != nil {
		return nil, err
	}
	if err := p.merge(parts, out, rep); err != nil {
		return nil, err
	}
	return rep, p.finish(out, rep)
}

// spill writes each partition's rows, sorted, to a file of its own.
func (p *snapshotPlan) spill(ctx context.Context, h History, dir string, rep *Report) ([]string, error) {
	paths := make([]string, p.prog.Stream.Partitions)
	all := make([][]counts, len(paths))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(orDefault(p.request.Workers, defaultWorkers))
	for i := range paths {
		paths[i] = filepath.Join(dir, fmt.Sprintf("%d.parquet", i))
		g.Go(func() (err error) {
			all[i], err = p.partition(ctx, h, int32(i), paths[i])
			return err
		})
	}
	err := g.Wait()
	for _, counts := range all {
		for f := range counts {
			rep.Columns[f].add(&counts[f])
		}
	}
	return paths, err
}

func (p *snapshotPlan) partition(ctx context.Context, h History, partition int32, path string) ([]counts, error) {
	rows, stats := columnar.NewBatch(p.schema), make([]counts, len(p.which))
	sweeper := newSweeper(p.prog, h)
	err := h.Scan(ctx, partition, nil, func(key []byte, events []asof.Event) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		keys, err := wire.ParseKey(key, p.prog.Entity.JoinKeys)
		if err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
		sweeper.Key(events, []stamp.Micros{p.request.At}, p.which, &p.cut, func(a *asof.Answer) { p.row(rows, stats, keys, a) })
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("history of stream %s, partition %d: %w", p.prog.Stream.Name, partition, err)
	}
	return stats, p.writeSorted(rows, path)
}

// row appends the answer of a key that was seen.
func (p *snapshotPlan) row(rows *columnar.Batch, stats []counts, keys []value.Value, a *asof.Answer) {
	if a.Newest == stamp.NoTime {
		return
	}
	row := append(make([]value.Value, 0, len(p.schema)), keys...)
	for f, r := range a.Results {
		row = append(row, r.Value)
		stats[f].statuses[r.Status]++
	}
	rows.Append(append(row, value.Time(a.Newest))...)
}

func (p *snapshotPlan) preview(batch *columnar.Batch, rep *Report) {
	rep.Preview.Columns = p.schema.Names()
	most := orDefault(p.request.PreviewRows, defaultPreview)
	for row := 0; row < batch.Rows && len(rep.Preview.Rows) < most; row++ {
		cells := make([]string, len(p.schema))
		for i := range p.schema {
			cells[i] = value.Format(batch.Cols[i].At(row), p.schema[i].Type)
		}
		rep.Preview.Rows = append(rep.Preview.Rows, cells)
	}
}

func (p *snapshotPlan) finish(out *output, rep *Report) error {
	rep.sum()
	rep.Digest, rep.Bytes = out.digest(), out.bytes
	m := p.request.manifest(rep, p.columns)
	m.View, m.At, m.CodeVersion = p.request.View, p.request.At.String(), p.request.CodeVersion
	m.Cuts = cutsManifest{knownAt(&p.cut), asOf(&p.cut)}
	text, err := m.bytes()
	if err != nil {
		return err
	}
	return out.commit(text)
}

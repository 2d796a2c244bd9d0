package training

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/value"
)

// Run makes a training set: every row of the spine in its place, its columns as
// they are, followed by one nullable column for each feature, and the manifest
// beside it.
func Run(ctx context.Context, r *Request) (rep *Report, err error) {
	p, err := newPlan(r)
	if err != nil {
		return nil, err
	}
	s, err := openSpine(r, p)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := s.close(); err == nil && e != nil {
			rep, err = nil, e
		}
	}()
	out, err := newOutput(r.Out, r.Spine)
	if err != nil {
		return nil, err
	}
	if rep, err = run(ctx, r, p, s, out); err != nil {
		out.discard()
		return nil, err
	}
	return rep, nil
}

func run(ctx context.Context, r *Request, p *plan, s *spine, out *output) (*Report, error) {
	streams, needed := p.needed()
	histories, frontier, err := openHistories(ctx, r.Histories, streams, needed, &r.Cut)
	if err != nil {
		return nil, err
	}
	b := &builder{request: r, plan: p, spine: s, histories: histories, report: newReport(r, p)}
	b.report.Frontier = frontier
	if err := b.write(ctx, out); err != nil {
		return nil, err
	}
	return b.report, b.finish(out)
}

func newReport(r *Request, p *plan) *Report {
	rep := &Report{Out: r.Out, Manifest: r.Out + ManifestSuffix}
	for _, c := range p.columns {
		rep.Columns = append(rep.Columns, ColumnReport{Name: c.name, Feature: c.feature, Type: c.typ(), Stats: Stats{Statuses: map[string]int64{}}})
	}
	return rep
}

// builder is one run.
type builder struct {
	request   *Request
	plan      *plan
	spine     *spine
	histories map[string]History
	report    *Report

	mu   sync.Mutex
	done int64 // rows × passes
}

// schema is the new columns.
func (p *plan) schema() columnar.Schema {
	schema := make(columnar.Schema, len(p.columns))
	for i, c := range p.columns {
		schema[i] = columnar.Column{Name: c.name, Type: c.typ(), Nullable: true}
	}
	return schema
}

func (b *builder) write(ctx context.Context, out *output) error {
	schema := b.plan.schema()
	x, err := b.spine.table.Extend(out, schema, columnar.Options{Compression: b.request.Compression})
	if err != nil {
		return err
	}
	batch := columnar.NewBatch(schema)
	for {
		c, err := b.spine.read(b.chunkRows())
		if err != nil {
			return fmt.Errorf("spine %s: %w", b.request.Spine, err)
		}
		if c.rows() == 0 {
			return x.Close()
		}
		if err := b.chunk(ctx, c, x, batch); err != nil {
			return err
		}
	}
}

func (b *builder) chunkRows() int {
	if b.request.ChunkRows > 0 {
		return b.request.ChunkRows
	}
	return min(defaultChunkRows, max(leastChunkRows, chunkValues/len(b.plan.columns)))
}

// swept is the outcome of one pass over a chunk.
type swept struct {
	*order
	results []*result // by partition; nil: no row has a key there
}

// chunk computes the values of some rows and writes them.
func (b *builder) chunk(ctx context.Context, c *chunk, x columnar.Extender, batch *columnar.Batch) error {
	passes := make([]swept, len(b.plan.passes))
	for i := range b.plan.passes {
		var err error
		if passes[i], err = b.pass(ctx, &b.plan.passes[i], c); err != nil {
			return err
		}
	}
	b.count(c, passes)
	b.report.Preview.add(orDefault(b.request.PreviewRows, defaultPreview), b.spine, c, b.plan.columns, func(column, row int) value.Value {
		if v, i := passes[b.plan.columns[column].pass].at(&b.plan.columns[column], row); v != nil {
			return v.At(i)
		}
		return value.Value{}
	})
	for from := 0; from < c.rows(); from += outputRows {
		to := min(from+outputRows, c.rows())
		b.fill(batch, passes, from, to)
		if err := x.Write(batch); err != nil {
			return err
		}
	}
	b.report.Rows += int64(c.rows())
	return nil
}

// pass sweeps a chunk's rows, its partitions side by side.
func (b *builder) pass(ctx context.Context, p *pass, c *chunk) (swept, error) {
	s := swept{order: newOrder(b.spine, p, c), results: make([]*result, p.stream.Partitions)}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(orDefault(b.request.Workers, defaultWorkers))
	for _, j := range s.jobs {
		g.Go(func() error {
			w := &worker{pass: p, order: s.order, chunk: c, cut: &b.request.Cut, job: j}
			result, err := sweep(ctx, b.histories[p.stream.Name], w)
			if err != nil {
				return err
			}
			s.results[j.partition] = result
			b.finished(j.to - j.from)
			return nil
		})
	}
	err := g.Wait()
	b.finished(c.rows() - len(s.sorted))
	return s, err
}

// finished tells how far the run is.
func (b *builder) finished(rows int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += int64(rows)
	if b.request.Progress != nil {
		b.request.Progress(b.done/int64(len(b.plan.passes)), b.spine.table.Rows())
	}
}

// at finds the value of a row: its vector and place, or nil for a null key.
func (s *swept) at(c *column, row int) (*columnar.Vector, int) {
	p := s.part[row]
	if p < 0 {
		return nil, 0
	}
	r := s.results[p]
	return &r.vectors[c.read][c.pos], int(s.place[row]) - r.from
}

// fill makes a batch of the new columns of rows from to to.
func (b *builder) fill(batch *columnar.Batch, passes []swept, from, to int) {
	batch.Reset()
	batch.Rows = to - from
	for i := range b.plan.columns {
		c, out := &b.plan.columns[i], &batch.Cols[i]
		s := &passes[c.pass]
		for row := from; row < to; row++ {
			if v, at := s.at(c, row); v != nil {
				out.AppendRange(v, at, at+1)
			} else {
				out.AppendNull()
			}
		}
	}
}

// count adds up what became of a chunk's values. A null key gives no answer at
// all: its values are invalid.
func (b *builder) count(c *chunk, passes []swept) {
	for i, col := range b.plan.columns {
		s, stats := &passes[col.pass], &b.report.Columns[i].Stats
		for _, r := range s.results {
			if r != nil {
				stats.add(&r.counts[col.read][col.pos])
			}
		}
		var invalid counts
		invalid.statuses[fold.Invalid] = int64(c.rows() - len(s.sorted))
		stats.add(&invalid)
	}
	for row := range c.rows() {
		for i := range passes {
			if passes[i].part[row] < 0 {
				b.report.NullKeyRows++
				break
			}
		}
	}
}

// finish closes the books and puts the files in their places.
func (b *builder) finish(out *output) error {
	r, rep := b.request, b.report
	rep.sum()
	rep.Hint = hint(rep, b.plan, &r.Cut)
	rep.Digest, rep.Bytes = out.digest(), out.bytes
	var err error
	if rep.SpineDigest, err = fileDigest(r.Spine); err != nil {
		return fmt.Errorf("spine %s: %w", r.Spine, err)
	}
	m := r.manifest(rep, b.plan.columns)
	m.Service, m.FullNames, m.CodeVersion = r.Service, r.FullFeatureNames, r.CodeVersion
	m.Cuts = cutsManifest{knownAt(&r.Cut), asOf(&r.Cut)}
	m.Spine = &fileManifest{SHA256: rep.SpineDigest, Rows: rep.Rows}
	text, err := m.bytes()
	if err != nil {
		return err
	}
	return out.commit(text)
}

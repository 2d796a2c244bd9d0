package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/offline/history/table"
	"anabranch.dev/anabranch/offline/manifest"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// History is the events of a stream below a cut; see Open.
type History struct {
	cfg      Config
	stream   *definition.Stream
	entity   *definition.Entity
	layout   *table.Layout
	origins  []*origin // by source
	frontier position.Frontier

	// Objects stay open from the first scan that needs them to Close, which ends life.
	life context.Context
	end  context.CancelFunc

	rows, files, bytes atomic.Int64
	tail               Stats // of the tails alone; fixed by Open
}

// origin is one source's part of a history.
type origin struct {
	Origin
	src   position.Source
	back  bool // it is the log of retractions of the source's region
	table manifest.Manifest
	files []*openFile
	tail  *memory
	cut   []int64 // by partition: the first offset that is left out
}

// openFile is a file of a table, opened once by the first scan that needs it.
type openFile struct {
	manifest.File
	open func() (*columnar.File, error)

	mu     sync.Mutex
	object blob.Object
}

// Open decides what is read, and reads the tails of the logs. ctx bounds Open alone.
func Open(ctx context.Context, cfg Config) (*History, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.MemoryBytes == 0 {
		cfg.MemoryBytes = 256 << 20
	}
	if cfg.Progress == nil {
		cfg.Progress = func(Stats) {}
	}
	s := cfg.Project.Stream(cfg.Stream)
	h := &History{cfg: cfg, stream: s, entity: cfg.Project.Entity(s.Entity), frontier: position.Frontier{}}
	h.layout = table.Project(s, h.entity, cfg.Needed, cfg.Observed)
	h.life, h.end = context.WithCancel(context.WithoutCancel(ctx))
	for _, o := range cfg.Origins {
		h.origins = append(h.origins, &origin{Origin: o, src: o.source()})
		if cfg.Retractions && o.Kafka != nil && cfg.Project.SharesIDs(s) {
			log := Origin{Kafka: o.Kafka, Registry: o.Registry}
			h.origins = append(h.origins, &origin{Origin: log, src: o.source().Retractions(), back: true})
		}
	}
	slices.SortFunc(h.origins, func(a, b *origin) int { return a.src.Compare(b.src) })
	for _, o := range h.origins {
		if err := h.openOrigin(ctx, o); err != nil {
			return nil, errors.Join(fmt.Errorf("open history of %s from %s: %w", cfg.Stream, o.src.Origin, err), h.Close())
		}
	}
	return h, nil
}

// Frontier is what the history covers: a mark for each log of which it covers anything. If it does not cover Config.Upto,
// there was no more to read.
func (h *History) Frontier() position.Frontier { return h.frontier.Clone() }

// Fields are the indexes in the stream's Fields of what Event.Fields holds, ascending. Read-only.
func (h *History) Fields() []int { return h.layout.Fields() }

// Partitions is how many partitions there are to scan.
func (h *History) Partitions() int32 { return h.stream.Partitions }

// Stats is what was read so far.
func (h *History) Stats() Stats {
	s := h.tail
	s.Rows, s.Files, s.Bytes = h.rows.Load(), h.files.Load(), h.bytes.Load()
	return s
}

// Close closes files and deletes temporary ones. No scan may be under way.
func (h *History) Close() error {
	var errs []error
	for _, o := range h.origins {
		for _, f := range o.files {
			f.mu.Lock()
			if f.object != nil {
				errs = append(errs, f.object.Close())
				f.object = nil
			}
			f.mu.Unlock()
		}
		if o.tail != nil {
			errs = append(errs, o.tail.close())
		}
	}
	h.end()
	return errors.Join(errs...)
}

// openOrigin loads the origin's manifest and reads its tail.
func (h *History) openOrigin(ctx context.Context, o *origin) error {
	id := manifest.ID{Project: h.cfg.Project.Name, Stream: h.cfg.Stream, Source: o.src}
	o.table = manifest.Manifest{ID: id}
	if o.Store != nil {
		var err error
		if o.table, err = manifest.Load(ctx, o.Store, id); err != nil {
			return err
		}
	}
	stale := h.leaveStale(o)
	if err := h.readTail(ctx, o); err != nil {
		if stale != "" {
			err = fmt.Errorf("%w (the files were written under definition %s of the stream, and compaction has not written them anew)", err, stale)
		}
		return err
	}
	for i := range o.table.Files {
		f := &openFile{File: o.table.Files[i]}
		f.open = sync.OnceValues(func() (*columnar.File, error) { return h.openFile(o, f) })
		o.files = append(o.files, f)
	}
	return nil
}

// leaveStale passes over files that were written under another definition of the stream, whose hash it returns: the
// log has to do without them.
func (h *History) leaveStale(o *origin) string {
	have := o.table.Header.StreamHash
	if o.table.Number == 0 || have == definition.StreamHash(h.cfg.Project, h.stream) {
		return ""
	}
	o.table = manifest.Manifest{ID: o.table.ID}
	return have
}

func (h *History) openFile(o *origin, f *openFile) (*columnar.File, error) {
	name := o.table.ID.File(f.Name)
	object, err := o.Store.Open(h.life, name)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.object = object
	f.mu.Unlock()
	h.files.Add(1)
	h.bytes.Add(f.Length)
	if object.Size() != f.Length {
		return nil, fmt.Errorf("%s has %d bytes, the manifest says %d", name, object.Size(), f.Length)
	}
	file, err := columnar.Open(object, object.Size())
	if err == nil {
		err = h.layout.Check(file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return file, nil
}

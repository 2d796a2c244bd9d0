package compact

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/offline/history/table"
	"anabranch.dev/anabranch/offline/history/tail"
	"anabranch.dev/anabranch/offline/manifest"
	"anabranch.dev/anabranch/schemas/stamp"
)

// buffer holds the events of a cycle, in the order in which they came.
type buffer struct {
	layout *table.Layout
	batch  *columnar.Batch
	bytes  int64   // about what the batch takes
	fixed  int64   // about what a row takes besides its content
	spans  spans   // of times
	rows   []int64 // by partition
}

// spans are the least and greatest times of rows.
type spans struct{ minTime, maxTime, minCreated, maxCreated stamp.Micros }

func newBuffer(l *table.Layout) *buffer {
	return &buffer{layout: l, batch: columnar.NewBatch(l.Schema), fixed: int64(len(l.Schema)) * 17}
}

func (b *buffer) reset() {
	b.batch.Reset()
	b.bytes, b.spans = 0, spans{}
	clear(b.rows)
}

func (b *buffer) add(r table.Row) {
	ev := r.Event
	if b.batch.Rows == 0 {
		b.spans = spans{ev.Time, ev.Time, ev.Created, ev.Created}
	}
	b.spans.minTime, b.spans.maxTime = min(b.spans.minTime, ev.Time), max(b.spans.maxTime, ev.Time)
	b.spans.minCreated, b.spans.maxCreated = min(b.spans.minCreated, ev.Created), max(b.spans.maxCreated, ev.Created)
	for int(ev.Partition) >= len(b.rows) {
		b.rows = append(b.rows, 0)
	}
	b.rows[ev.Partition]++
	b.layout.Append(b.batch, r)
	b.bytes += b.fixed + int64(len(ev.Key)+r.Size)
}

// writeCycle makes and uploads the file of what was read since from; false if that is nothing. A crash before the upload
// is whole leaves a temporary file; after it, an object that no manifest names.
func (r *run) writeCycle(ctx context.Context, from []tail.From, to []tail.State, passed []int64) (manifest.File, bool, error) {
	f := manifest.File{
		MinTime: r.buffer.spans.minTime, MaxTime: r.buffer.spans.maxTime,
		MinCreated: r.buffer.spans.minCreated, MaxCreated: r.buffer.spans.maxCreated,
	}
	for p, s := range to {
		if s.Mark.Next == from[p].Mark.Next {
			continue
		}
		iv := manifest.Interval{Partition: int32(p), Lo: from[p].Mark.Next, Hi: s.Mark.Next, Stamp: s.Mark.Stamp, Epoch: s.Epoch}
		if p < len(r.buffer.rows) {
			iv.Rows = r.buffer.rows[p]
		}
		f.Rows += iv.Rows
		f.Quarantined += s.Quarantined - passed[p]
		f.Intervals = append(f.Intervals, iv)
	}
	if len(f.Intervals) == 0 {
		return f, false, nil
	}
	err := r.write(ctx, &f, func(w *table.Writer) error {
		return w.AppendRuns(r.buffer.batch, r.layout.Sort(r.buffer.batch))
	})
	if err != nil {
		return f, false, err
	}
	r.res.Events += f.Rows
	r.res.Quarantined += f.Quarantined
	r.res.Files++
	r.res.Bytes += f.Length
	r.progress.Files++
	r.progress.Bytes += f.Length
	r.cfg.Progress(r.progress)
	return f, true, nil
}

// write makes a file of rows in a temporary place, with its length and digest, and uploads it under a new name.
func (r *run) write(ctx context.Context, f *manifest.File, rows func(*table.Writer) error) error {
	tmp, err := os.CreateTemp(r.cfg.TempDir, "anabranch-compact-*.parquet")
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	digest, out := sha256.New(), bufio.NewWriterSize(tmp, 1<<20)
	w, err := r.layout.NewWriter(io.MultiWriter(out, digest), table.Options{Metadata: r.metadata(f), GroupRows: r.cfg.GroupRows})
	if err == nil {
		err = rows(w)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = tmp.Close()
	}
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	f.Name, f.SHA256 = r.cfg.NewID()+".parquet", hex.EncodeToString(digest.Sum(nil))
	info, err := blob.UploadFile(ctx, r.cfg.Store, r.id.File(f.Name), tmp.Name())
	f.Length = info.SizeBytes
	return err
}

// metadata says in the file itself what it is, for who finds it without its manifest.
func (r *run) metadata(f *manifest.File) map[string]string {
	intervals := make([]string, len(f.Intervals))
	for i, iv := range f.Intervals {
		intervals[i] = fmt.Sprintf("%d:%d-%d", iv.Partition, iv.Lo, iv.Hi)
	}
	return map[string]string{
		"anabranch.project": r.id.Project, "anabranch.stream": r.id.Stream, "anabranch.origin": r.id.Origin,
		"anabranch.incarnation": strconv.FormatUint(uint64(r.id.Incarnation), 10), "anabranch.stream_hash": r.hash,
		"anabranch.intervals": strings.Join(intervals, " "), "anabranch.version": r.cfg.Version,
	}
}

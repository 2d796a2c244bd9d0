package training

import (
	"context"
	"fmt"
	"strings"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// History is the events of one stream up to a frontier.
type History interface {
	// Scan calls fn once for each key of a partition that has events, keys
	// ascending by their bytes, with all events of the key from all sources in
	// any order. Keys, sorted and each once, limit it to those; nil: all. What fn
	// is given is its own until it returns. Scans of different partitions may run
	// at the same time.
	Scan(ctx context.Context, partition int32, keys [][]byte, fn func(key []byte, events []asof.Event) error) error
	// Frontier is what Scan gives: all of each log below its mark.
	Frontier() position.Frontier
	// Fields says which fields Event.Fields holds, by index in the stream's Fields,
	// ascending; events may hold all fields all the same. Nil: they do.
	Fields() []int
}

// Histories opens the history of a stream with the fields that needed names by
// index. It is called once for each stream of a request; who opened a history
// closes it, after the request.
type Histories func(ctx context.Context, stream string, needed []bool) (History, error)

// Definitions are what the features mean.
type Definitions struct {
	Project  *definition.Project
	Programs map[string]*fold.Program // by view
	Versions map[string]int           // live version by view; absent: 1
}

// Request asks for a training set.
type Request struct {
	Definitions
	// Service names a feature service; else Features lists view:feature,
	// view@v2:feature or view:*.
	Service  string
	Features []string
	// FullFeatureNames names columns view__feature instead of feature.
	FullFeatureNames bool

	Spine      string // path of a Parquet, CSV, Arrow or JSONL file
	Table      columnar.TableOptions
	Times      columnar.TimeOptions
	TimeColumn string // default event_timestamp

	Cut       asof.Cut
	Histories Histories

	Out         string // path of the Parquet file
	Compression string // as columnar.Options
	CodeVersion string // for the manifest
	// Progress, unless nil, is told rows done and rows in all, by one goroutine
	// at a time.
	Progress func(done, total int64)
	// ChunkRows is how many rows of the spine are worked on at once; default
	// about a million, fewer with many features. It changes no byte.
	ChunkRows   int
	Workers     int // sweeping at once; default 2
	PreviewRows int // rows of Report.Preview; default 5
}

// DefaultTimeColumn is the spine's column of label times.
const DefaultTimeColumn = "event_timestamp"

// Defaults of a request.
const (
	defaultChunkRows = 1 << 20
	chunkValues      = 1 << 24 // values of a chunk, about
	leastChunkRows   = 1 << 14
	defaultWorkers   = 2
	defaultPreview   = 5
	outputRows       = 1 << 12 // rows of a batch read or written
)

// ParseKnownAt reads --known-at into the cut: label, label-5m or off.
func ParseKnownAt(s string, cut *asof.Cut) error {
	switch {
	case s == "" || s == "label":
		cut.Knowledge, cut.Delay = asof.ByLabel, 0
		return nil
	case s == "off":
		cut.Knowledge, cut.Delay = asof.Off, 0
		return nil
	case strings.HasPrefix(s, "region:"), strings.HasPrefix(s, "token:"):
		return fmt.Errorf("known-at %s: not built yet; there are label, label-5m and off", s)
	}
	if rest, ok := strings.CutPrefix(s, "label-"); ok {
		if d, err := stamp.ParseSpan(rest); err == nil {
			cut.Knowledge, cut.Delay = asof.ByLabel, d
			return nil
		}
	}
	return fmt.Errorf("known-at %q: want label, label and a delay like label-5m, or off", s)
}

// ParseAsOf reads --as-of into the cut: a frontier as a command printed it, or a
// time. Empty is neither.
func ParseAsOf(s string, cut *asof.Cut) error {
	cut.Frontier, cut.AsOf, cut.Timed = nil, 0, false
	if s == "" {
		return nil
	}
	if t, err := wire.ParseTimestamp(s); err == nil {
		cut.AsOf, cut.Timed = t, true
		return nil
	}
	f, err := position.ParseFrontier(s)
	if err != nil {
		return fmt.Errorf("as-of %q: want a time like 2001-03-31T23:00:00Z or a frontier as a command printed it (f…); names of snapshots are not built yet", s)
	}
	cut.Frontier = f
	return nil
}

// knownAt prints what ParseKnownAt reads.
func knownAt(c *asof.Cut) string {
	switch {
	case c.Knowledge == asof.Off:
		return "off"
	case c.Delay == 0:
		return "label"
	}
	return "label-" + stamp.FormatSpan(c.Delay)
}

func (d *Definitions) version(view string) int {
	if v := d.Versions[view]; v > 0 {
		return v
	}
	return 1
}

func orDefault(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

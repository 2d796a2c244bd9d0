package compact

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/segmentio/ksuid"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/offline/manifest"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// Config says what to compact, and within which bounds.
type Config struct {
	Project *definition.Project
	Stream  string
	// Origin is the region whose log is read; Incarnation defaults to 1.
	Origin   position.Source
	Kafka    *kafka.Client    // of the origin
	Registry *registry.Client // of the origin
	Store    blob.Store
	Log      *slog.Logger // default: nothing is logged

	// MaxRows and MaxBytes bound the events that a cycle holds in memory and that make one file. A cycle ends after
	// the answer of the brokers with which it reaches a bound. Defaults 1,048,576 and 256 MiB.
	MaxRows  int
	MaxBytes int64
	// GroupRows bounds the rows of a row group. Default columnar.DefaultRowGroupRows.
	GroupRows int
	Tiers     Tiers
	// Grace is how long a file stays after the table has let go of it. Readers must finish within it. Default 24 h.
	Grace time.Duration
	// TempDir holds a file while it is written. Default the system's.
	TempDir string
	// Starts are the marks at which a new table begins, by partition, where a person has declared that the log's
	// history begins there. Nil: offset 0.
	Starts []position.Mark
	// Version of the code, for the files' metadata. Default "dev".
	Version string
	// Progress is told after every answer of the brokers and after every file. Default: nobody is.
	Progress func(Progress)
	// NewID makes names that are never made again. Default: a KSUID.
	NewID func() string
	// Now is the clock of commits and of the grace period. Default time.Now.
	Now func() time.Time
	// Patience is how long brokers may hand out nothing. Default 30 s.
	Patience time.Duration
}

// Progress is how far a run has come.
type Progress struct {
	Stream  string
	Read    int64 // offsets read of those that the run set out to read
	Total   int64
	Files   int   // written
	Bytes   int64 // of files
	Merging bool
}

// Validate reports what is missing or out of bounds.
func (c Config) Validate() error {
	switch {
	case c.Project == nil || c.Kafka == nil || c.Registry == nil || c.Store == nil:
		return errors.New("compactor: project, Kafka, registry and store are needed")
	case c.Project.Stream(c.Stream) == nil:
		return fmt.Errorf("compactor: no stream %q in project %s", c.Stream, c.Project.Name)
	case c.Origin.Origin == "":
		return errors.New("compactor: origin is missing")
	case c.MaxRows < 0 || c.MaxRows > 1<<30:
		return fmt.Errorf("compactor: %d rows a file: want 1 to %d", c.MaxRows, 1<<30)
	case c.MaxBytes < 0 || c.Grace < 0 || c.GroupRows < 0:
		return errors.New("compactor: a bound is negative")
	case c.Tiers.Base < 0 || c.Tiers.Factor < 0 || c.Tiers.Factor == 1 || c.Tiers.MaxBytes < 0:
		return fmt.Errorf("compactor: tiers %+v: want a positive base and a factor of at least 2", c.Tiers)
	case c.Starts != nil && len(c.Starts) != int(c.Project.Stream(c.Stream).Partitions):
		return fmt.Errorf("compactor: %d starts for %d partitions", len(c.Starts), c.Project.Stream(c.Stream).Partitions)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Origin.Incarnation == 0 {
		c.Origin.Incarnation = 1
	}
	if c.MaxRows == 0 {
		c.MaxRows = 1 << 20
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 256 << 20
	}
	if c.Grace == 0 {
		c.Grace = 24 * time.Hour
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	if c.NewID == nil {
		c.NewID = func() string { return ksuid.New().String() }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Result is what a run did.
type Result struct {
	Events      int64             // rows added to the table
	Quarantined int64             // records that are no rows, because of their verdict
	Files       int               // added
	Bytes       int64             // of the files added
	Merged      int               // files that were merged into others
	Deleted     int               // files deleted after the grace period
	Lost        int               // files dropped because another compactor was faster
	Rewritten   bool              // the table was written anew under a changed definition
	Manifest    int64             // number of the newest manifest known
	Frontier    position.Frontier // what the table covers
}

// DefinitionError says that a table was written under another definition and cannot be written anew.
type DefinitionError struct {
	Table      manifest.ID
	Have, Want string // stream hashes
	Err        error  // why not: a *kafka.GapError
}

func (e *DefinitionError) Error() string {
	return fmt.Sprintf("table %s was written under definition %s of the stream, which is now %s, and cannot be written anew: %v",
		e.Table, e.Have, e.Want, e.Err)
}

func (e *DefinitionError) Unwrap() error { return e.Err }

package intake

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// Config says where rows go. All fields are required.
type Config struct {
	Kafka    *kafka.Client
	Registry *registry.Client
	Project  *definition.Project
	Region   string // that Kafka and the registry belong to
}

// Intake produces rows into the streams of one region. Safe for concurrent
// use.
type Intake struct {
	cfg Config

	mu   sync.Mutex
	idle map[string]*bench // by stream
}

// bench keeps the encoders of one stream between pushes.
type bench struct {
	latest  registry.Registered
	asked   time.Time // when the registry said so
	waiting []*Encoder
}

// maxIdle bounds the encoders kept for one stream; maxAge is how old the
// registry's word on the latest schema may be for a push.
const (
	maxIdle = 16
	maxAge  = 5 * time.Second
)

// New makes an intake. It connects when first used.
func New(cfg Config) *Intake { return &Intake{cfg: cfg, idle: map[string]*bench{}} }

// Stream makes an encoder for a stream, with the schema that the registry says
// is the latest of <topic>-value.
func (in *Intake) Stream(ctx context.Context, name string) (*Encoder, error) {
	stream, err := in.stream(name)
	if err != nil {
		return nil, err
	}
	latest, err := in.cfg.Registry.Latest(ctx, stream.Topic+"-value")
	if err != nil {
		return nil, fmt.Errorf("intake of stream %s: %w", name, err)
	}
	return newEncoder(stream, in.cfg.Project.Entity(stream.Entity), latest)
}

func (in *Intake) stream(name string) (*definition.Stream, error) {
	if s := in.cfg.Project.Stream(name); s != nil {
		return s, nil
	}
	all := make([]string, len(in.cfg.Project.Streams))
	for i := range all {
		all[i] = in.cfg.Project.Streams[i].Name
	}
	return nil, fmt.Errorf("intake: no stream %q; streams: %s", name, strings.Join(all, ", "))
}

// Push encodes all rows, then produces them and returns where they are, in
// order of the rows. If a row is bad, a [*RowError] names it and nothing is
// sent. After any other error some rows may be in the log.
func (in *Intake) Push(ctx context.Context, stream string, rows []Row) ([]position.Position, error) {
	e, err := in.borrow(ctx, stream)
	if err != nil {
		return nil, err
	}
	defer in.giveBack(e)
	records := make([]kafka.Record, len(rows))
	for i := range rows {
		if records[i], err = e.Encode(rows[i]); err != nil {
			return nil, &RowError{Row: i, Err: err}
		}
	}
	produced, err := in.cfg.Kafka.Produce(ctx, records)
	if err != nil {
		return nil, fmt.Errorf("push to stream %s: %w", stream, err)
	}
	out := make([]position.Position, len(produced))
	for i, p := range produced {
		log := position.Log{Stream: stream, Source: position.Source{Origin: in.cfg.Region, Incarnation: 1}, Partition: p.Partition}
		out[i] = position.Position{Log: log, Offset: p.Offset}
	}
	return out, nil
}

// borrow finds an idle encoder of the latest schema, or makes one.
func (in *Intake) borrow(ctx context.Context, stream string) (*Encoder, error) {
	in.mu.Lock()
	if b := in.idle[stream]; b != nil && time.Since(b.asked) < maxAge {
		if n := len(b.waiting); n > 0 {
			e := b.waiting[n-1]
			b.waiting = b.waiting[:n-1]
			in.mu.Unlock()
			return e, nil
		}
	}
	in.mu.Unlock()
	e, err := in.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	b := in.idle[stream]
	if b == nil || b.latest.ID != e.latest.ID {
		b = &bench{latest: e.latest}
		in.idle[stream] = b
	}
	b.asked = time.Now()
	return e, nil
}

// giveBack keeps an encoder for the next push if its schema is still the
// latest.
func (in *Intake) giveBack(e *Encoder) {
	in.mu.Lock()
	defer in.mu.Unlock()
	b := in.idle[e.stream.Name]
	if b != nil && b.latest.ID == e.latest.ID && len(b.waiting) < maxIdle {
		b.waiting = append(b.waiting, e)
	}
}

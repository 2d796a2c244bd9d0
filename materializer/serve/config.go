package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anabranch.dev/anabranch/materializer/intake"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Config says what a server answers from.
type Config struct {
	// Live is the snapshot that requests are answered from; nil while the
	// region has none yet. Required.
	Live func() *state.Live
	// Now is the server's clock. Default the machine's.
	Now func() stamp.Micros
	// Epsilon bounds how far the clocks of two regions differ. Default 10 ms.
	Epsilon stamp.Micros
	// Token, if not empty, must come with every request as a bearer token;
	// only /health is open.
	Token  string
	Limits Limits
	// Push produces rows into a stream's log in this region and returns where
	// they are. nil: pushing is refused.
	Push func(ctx context.Context, stream string, rows []intake.Row) ([]position.Position, error)
	// Ready is nil once the owned partitions are restored, else why not.
	// Default: ready.
	Ready func() error
	// Status is what GET /v1/status shows, as encoding/json prints it.
	// Default: an empty object.
	Status func() any
	// Documents are further paths that answer GET with what the function
	// returns, as encoding/json prints it; an error is a 503 with its text.
	Documents map[string]func(ctx context.Context) (any, error)
	// Metrics gets the server's metrics and is what GET /metrics shows.
	// Default: a registry of its own.
	Metrics *prometheus.Registry
	// TLS, if not nil, is put on the listener by Run.
	TLS *tls.Config
	// Drain bounds how long Run lets requests finish. Default 10 s.
	Drain time.Duration
	Log   *slog.Logger // default: discarded
}

// Limits bound what one request may take; 0 is the default.
type Limits struct {
	Rows        int // default 1,000
	Features    int // default 1,000
	BodyBytes   int // default 1 MiB
	MaxInFlight int // requests answered at once; default 1,024
}

// Validate checks a configuration.
func (c *Config) Validate() error {
	switch {
	case c.Live == nil:
		return errors.New("serve config: Live is missing")
	case c.Epsilon < 0:
		return fmt.Errorf("serve config: epsilon %d is negative", c.Epsilon)
	case c.Limits.Rows < 0 || c.Limits.Features < 0 || c.Limits.BodyBytes < 0 || c.Limits.MaxInFlight < 0:
		return errors.New("serve config: a limit is negative")
	}
	return nil
}

// filled is c with its defaults.
func (c Config) filled() Config {
	if c.Now == nil {
		c.Now = func() stamp.Micros { return stamp.FromTime(time.Now()) }
	}
	if c.Epsilon == 0 {
		c.Epsilon = 10 * stamp.Millisecond
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	if c.Status == nil {
		c.Status = func() any { return struct{}{} }
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Drain == 0 {
		c.Drain = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Limits.Rows = orElse(c.Limits.Rows, 1000)
	c.Limits.Features = orElse(c.Limits.Features, 1000)
	c.Limits.BodyBytes = orElse(c.Limits.BodyBytes, 1<<20)
	c.Limits.MaxInFlight = orElse(c.Limits.MaxInFlight, 1024)
	return c
}

func orElse(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

package worker

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Config is what a region's worker needs. Kafka, Registry and Store stay the
// caller's, who closes them after Run has returned.
type Config struct {
	Region string
	// Project is the project to serve; empty: the one whose registry log is
	// found in the region's Kafka.
	Project  string
	Kafka    *kafka.Client
	Registry *registry.Client
	Store    *state.Store
	// FlushEvery bounds how long changed rows wait to be written. A crash folds
	// again what was not; a key that changes often is written once. Default
	// 500 ms.
	FlushEvery time.Duration
	// CloseEvery is how often the region asks for the ends of its logs.
	// Default 100 ms; at least 10 ms.
	CloseEvery time.Duration
	// RepairAfter is how long rounds of another region may be overdue before
	// they are asked for, and how long that takes to be asked again. Default 5 s.
	RepairAfter time.Duration
	// Epsilon bounds the error of this machine's clock. Default 5 ms.
	Epsilon time.Duration
	// Now is the clock; default the machine's.
	Now func() stamp.Micros
	Log *slog.Logger
	// Metrics takes the worker's metrics; default a registry of its own.
	Metrics prometheus.Registerer
}

// chunk is how many records are folded while readers wait, unless the disk was
// asked as often as lookups before.
const (
	chunk   = 128
	lookups = 16
)

func (c Config) withDefaults() Config {
	if c.FlushEvery == 0 {
		c.FlushEvery = 500 * time.Millisecond
	}
	if c.CloseEvery == 0 {
		c.CloseEvery = 100 * time.Millisecond
	}
	if c.RepairAfter == 0 {
		c.RepairAfter = 5 * time.Second
	}
	if c.Epsilon == 0 {
		c.Epsilon = 5 * time.Millisecond
	}
	if c.Now == nil {
		c.Now = func() stamp.Micros { return stamp.FromTime(time.Now()) }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

// Validate says what is missing or out of range.
func (c Config) Validate() error {
	switch {
	case c.Region == "":
		return fmt.Errorf("worker: no region")
	case c.Kafka == nil || c.Registry == nil || c.Store == nil:
		return fmt.Errorf("worker: needs kafka, a schema registry and a store")
	case c.CloseEvery != 0 && c.CloseEvery < 10*time.Millisecond:
		return fmt.Errorf("worker: close every %v, want at least 10ms", c.CloseEvery)
	}
	return nil
}

// HaltError stops one partition of one view until an operator has acted.
type HaltError struct {
	View      string
	Partition int32
	Err       error
	Next      string // what the operator can do
}

// Error is one line: what stopped, why, what to do.
func (e *HaltError) Error() string {
	return fmt.Sprintf("view %s partition %d halted: %v; %s", e.View, e.Partition, e.Err, e.Next)
}

// Unwrap gives the cause.
func (e *HaltError) Unwrap() error { return e.Err }

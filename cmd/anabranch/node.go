package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/link"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/materializer/intake"
	"anabranch.dev/anabranch/materializer/mirror"
	"anabranch.dev/anabranch/materializer/serve"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/materializer/worker"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// epsilon bounds the error of a region's clock, as the fold and the answers
// count it.
const epsilon = 5 * time.Millisecond

// roles says which shells a node runs.
type roles struct {
	fold, serve, mirror bool
}

// nodeConfig is one region's worker process, or one region of dev.
type nodeConfig struct {
	place
	project  string
	roles    roles
	data     string // the region's own directory
	peers    []peer
	listener net.Listener // nil without the serve role
	token    string
	tls      *tls.Config
	describe func() any // what /v1/addresses answers
	log      *slog.Logger
}

// peer is another region to mirror to.
type peer struct {
	region         string
	kafka          kafka.Config
	delay          time.Duration // emulated, one way
	bytesPerSecond int64
	interval       time.Duration
}

// node is one running region.
type node struct {
	cfg      nodeConfig
	kafka    *kafka.Client
	registry *registry.Client
	store    *state.Store
	worker   *worker.Region
	server   *serve.Server
	mirrors  []*mirror.Mirror
	closers  []func()

	mu       sync.Mutex // guards what follows
	intake   *intake.Intake
	intakeOf *definition.Project // that intake was made for
}

// openNode opens everything a region needs; run starts it.
func openNode(cfg nodeConfig) (_ *node, err error) {
	n := &node{cfg: cfg}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	log := cfg.log.With("region", cfg.region)
	clientCfg := cfg.kafka
	clientCfg.Compression = kafka.Compression{Codec: "lz4"}
	if n.kafka, err = kafka.Dial(clientCfg); err != nil {
		return nil, err
	}
	n.onClose(n.kafka.Close)
	if n.registry, err = registry.NewClient(cfg.registry); err != nil {
		return nil, err
	}
	if n.store, err = state.Open(state.Config{Dir: filepath.Join(cfg.data, "state"), Log: log}); err != nil {
		return nil, err
	}
	n.onClose(func() {
		if err := n.store.Close(); err != nil {
			log.Error("close state", "error", err)
		}
	})
	metrics := prometheus.NewRegistry()
	n.worker, err = worker.New(worker.Config{
		Region: cfg.region, Project: cfg.project, Kafka: n.kafka, Registry: n.registry, Store: n.store,
		Epsilon: epsilon, Log: log, Metrics: metrics,
	})
	if err != nil {
		return nil, err
	}
	if cfg.roles.mirror {
		if err = n.openMirrors(log); err != nil {
			return nil, err
		}
	}
	if cfg.roles.serve {
		err = n.openServer(metrics, log)
	}
	return n, err
}

func (n *node) openMirrors(log *slog.Logger) error {
	for _, p := range n.cfg.peers {
		l := link.New(link.Config{Name: n.cfg.region + "→" + p.region, Delay: p.delay})
		n.onClose(func() { _ = l.Close() })
		cfg := p.kafka
		cfg.Dialer = l.DialContext
		cfg.Compression = kafka.Compression{Codec: "zstd", Level: 3}
		cfg.MaxBatchBytes = worker.MaxBatchBytes
		remote, err := kafka.Dial(cfg)
		if err != nil {
			return fmt.Errorf("peer %s: %w", p.region, err)
		}
		n.onClose(remote.Close)
		n.mirrors = append(n.mirrors, mirror.New(mirror.Config{
			Region: n.worker, Name: n.cfg.region, Peer: p.region, Remote: remote, Local: n.kafka, Link: l,
			Store: n.store, Interval: p.interval, BytesPerSecond: p.bytesPerSecond, Log: log,
		}))
	}
	return nil
}

func (n *node) openServer(metrics *prometheus.Registry, log *slog.Logger) error {
	metrics.MustRegister(&statusMetrics{status: n.status})
	var err error
	n.server, err = serve.New(serve.Config{
		Live: n.live, Epsilon: stamp.Micros(epsilon.Microseconds()), Token: n.cfg.token,
		Push: n.push, Ready: n.worker.Ready, Status: func() any { return n.status() },
		Documents: n.documents(), Metrics: metrics, TLS: n.cfg.tls, Log: log,
	})
	return err
}

// live is what the server answers from: nothing until there are definitions.
func (n *node) live() *state.Live {
	if live := n.worker.Live(); live.Project != nil {
		return live
	}
	return nil
}

// push takes rows into a stream's log of this region.
func (n *node) push(ctx context.Context, stream string, rows []intake.Row) ([]position.Position, error) {
	project := n.worker.Live().Project
	if project == nil {
		return nil, errors.New("no definitions yet: run anabranch apply")
	}
	n.mu.Lock()
	if n.intake == nil || n.intakeOf != project {
		n.intake = intake.New(intake.Config{Kafka: n.kafka, Registry: n.registry, Project: project, Region: n.cfg.region})
		n.intakeOf = project
	}
	in := n.intake
	n.mu.Unlock()
	return in.Push(ctx, stream, rows)
}

// nodeStatus is what /v1/status answers.
type nodeStatus struct {
	worker.Status
	Links []mirror.Status `json:"links"`
}

func (n *node) status() nodeStatus {
	s := nodeStatus{Status: n.worker.Status(), Links: []mirror.Status{}}
	for _, m := range n.mirrors {
		s.Links = append(s.Links, m.Status())
	}
	return s
}

// documents are what only a node can answer.
func (n *node) documents() map[string]func(context.Context) (any, error) {
	return map[string]func(context.Context) (any, error){
		"/v1/addresses": func(context.Context) (any, error) { return n.cfg.describe(), nil },
		"/v1/digest": func(ctx context.Context) (any, error) {
			digest, rows, err := n.worker.Digest(ctx)
			return regionDigest{Region: n.cfg.region, Digest: digest, Keys: rows, Frontier: n.frontier().Text()}, err
		},
	}
}

// regionDigest is what /v1/digest answers.
type regionDigest struct {
	Region   string `json:"region"`
	Digest   string `json:"digest"`
	Keys     int    `json:"keys"` // rows over all views
	Frontier string `json:"frontier"`
}

// frontier is how far all views of the node are folded: the join of theirs.
func (n *node) frontier() position.Frontier {
	f := position.Frontier{}
	for _, v := range n.worker.Live().Views {
		f.Join(v.Frontier())
	}
	return f
}

// run works until ctx ends: first the server drains, then the rest stops and
// flushes.
func (n *node) run(ctx context.Context) error {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, inner := errgroup.WithContext(inner)
	group.Go(func() error { return n.worker.Run(inner) })
	for _, m := range n.mirrors {
		group.Go(func() error { return m.Run(inner) })
	}
	serving := make(chan error, 1)
	if n.server != nil {
		go func() { serving <- n.server.Run(ctx, n.cfg.listener) }()
	} else {
		close(serving)
	}
	var err error
	select {
	case <-ctx.Done():
		err = <-serving
	case err = <-serving:
		if n.server == nil {
			<-ctx.Done()
		}
	case <-inner.Done():
	}
	stop()
	if werr := group.Wait(); werr != nil {
		return fmt.Errorf("region %s: %w", n.cfg.region, werr)
	}
	return err
}

func (n *node) onClose(fn func()) { n.closers = append(n.closers, fn) }

// close releases what openNode opened, in reverse.
func (n *node) close() {
	for _, fn := range slices.Backward(n.closers) {
		fn()
	}
	n.closers = nil
}

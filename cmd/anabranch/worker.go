package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
)

type workerCmd struct {
	where `group:"where"`

	Data  string   `help:"Directory of the region's state; it can be lost, and is then folded anew." default:".anabranch" env:"ANABRANCH_DATA" placeholder:"DIR"`
	Roles []string `help:"What to run." default:"fold,serve,mirror" enum:"fold,serve,mirror"`
}

func (c *workerCmd) Help() string {
	return "Example:\n  anabranch worker --config eu.yaml --roles fold,serve,mirror"
}

// Run runs one region's worker until a signal.
func (c *workerCmd) Run(ctx context.Context, out *output) error {
	e, err := c.fromSettings()
	if err != nil {
		return err
	}
	file, err := c.file()
	if err != nil {
		return err
	}
	if _, is := file.Peers[c.Region]; is {
		return usage("--region %s: %s has it among the peers", c.Region, c.Config)
	}
	if e.places[0].region == "" {
		return usage("--region: which region is this the worker of?")
	}
	if len(e.places[0].kafka.Brokers) == 0 {
		return usage("--kafka-brokers: where is the region's Kafka?")
	}
	if e.places[0].registry.URL == "" {
		return usage("--schema-registry-url: where is the region's schema registry?")
	}
	if err := os.MkdirAll(c.Data, 0o755); err != nil {
		return err
	}
	cfg := nodeConfig{
		place: e.places[0], project: c.Project, data: c.Data, token: c.HTTPToken, log: out.log(),
		roles:    roles{fold: true, serve: slices.Contains(c.Roles, "serve"), mirror: slices.Contains(c.Roles, "mirror")},
		describe: func() any { return ownAddresses(e) },
	}
	if !slices.Contains(c.Roles, "fold") {
		return usage("--roles: serve and mirror work on what this process folds, so fold must be among them")
	}
	for _, p := range e.places[1:] {
		s := file.Peers[p.region]
		cfg.peers = append(cfg.peers, peer{region: p.region, kafka: p.kafka, bytesPerSecond: s.BytesPerSecond, interval: time.Duration(s.Interval), delay: time.Duration(s.Delay)})
	}
	if cfg.roles.serve {
		if err := c.listen(&cfg); err != nil {
			return err
		}
	}
	n, err := openNode(cfg)
	if err != nil {
		return err
	}
	defer n.close()
	if err := c.announce(&cfg, out); err != nil {
		return err
	}
	if err := n.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// workerJSON is what a script learns of a worker that has started.
type workerJSON struct {
	Region string `json:"region"`
	HTTP   string `json:"http,omitempty"` // the address it listens on
	PID    int    `json:"pid"`
}

func (c *workerCmd) announce(cfg *nodeConfig, out *output) error {
	doc := workerJSON{Region: cfg.region, PID: os.Getpid()}
	if cfg.listener != nil {
		doc.HTTP = cfg.listener.Addr().String()
	}
	if !out.json {
		out.say("region %s: HTTP on %s", doc.Region, orDash(doc.HTTP))
	}
	return out.result(doc)
}

func (c *workerCmd) listen(cfg *nodeConfig) error {
	addr := c.HTTPListen
	if addr == "" {
		addr = ":8080"
	}
	if (c.HTTPTLSCert == "") != (c.HTTPTLSKey == "") {
		return usage("--http-tls-cert and --http-tls-key go together")
	}
	if c.HTTPTLSCert != "" {
		pair, err := tls.LoadX509KeyPair(c.HTTPTLSCert, c.HTTPTLSKey)
		if err != nil {
			return err
		}
		cfg.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	var err error
	cfg.listener, err = net.Listen("tcp", addr)
	return err
}

// ownAddresses is what the worker tells other commands: no secrets.
func ownAddresses(e *env) addresses {
	a := addresses{Regions: map[string]regionAddresses{}, PID: os.Getpid(), ObjectStore: e.places[0].store}
	for _, p := range e.places {
		r := regionAddresses{SchemaRegistry: p.registry.URL, HTTP: p.http}
		for i, b := range p.kafka.Brokers {
			if i > 0 {
				r.Kafka += ","
			}
			r.Kafka += b
		}
		a.Regions[p.region] = r
	}
	return a
}

// storeOptions are the object store's settings that no flag changes.
func storeOptions() blob.Options { return blob.Options{} }

package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Client produces to and administers one cluster.
type Client struct {
	cfg   Config
	kgo   *kgo.Client
	admin *kadm.Client
}

// Dial checks the configuration and returns a client. It connects when first
// used; Ping says whether the cluster answers.
func Dial(cfg Config) (*Client, error) {
	k, err := open(cfg, ProducerConfig{Compression: cfg.Compression, Linger: cfg.Linger, MaxBatchBytes: cfg.MaxBatchBytes})
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, kgo: k, admin: kadm.NewClient(k)}, nil
}

// open returns a client of the library that can produce.
func open(cfg Config, p ProducerConfig) (*kgo.Client, error) {
	opts, err := cfg.options()
	if err != nil {
		return nil, err
	}
	more, err := p.options()
	if err != nil {
		return nil, err
	}
	k, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		return nil, fmt.Errorf("dial kafka: %w", err)
	}
	return k, nil
}

// Ping asks any broker for an answer.
func (c *Client) Ping(ctx context.Context) error {
	if err := c.kgo.Ping(ctx); err != nil {
		return fmt.Errorf("ping %v: %w", c.cfg.Brokers, err)
	}
	return nil
}

// Close drops the connections. Readers and Bulks have their own and are closed
// by themselves.
func (c *Client) Close() { c.kgo.Close() }

package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrPartitioned is the cause of what fails because the link is cut.
var ErrPartitioned = errors.New("link is partitioned")

// Config describes one link. Only Name is required.
type Config struct {
	// Name says which link it is in errors, for example "us-east→eu-central".
	Name string
	// Delay is how long a byte travels one way; the round trip is twice that. Default 0.
	Delay time.Duration
	// BytesPerSecond bounds each direction, framing included, all connections together. 0: unlimited.
	BytesPerSecond int64
	// WindowBytes bounds what is under way in one direction of one connection, and with it its rate to
	// WindowBytes/Delay. Default 16 MiB.
	WindowBytes int
	// StallTimeout is how long connections stall under a partition before they fail, and how long a closed
	// connection may take to deliver what it was given. Default 10 s.
	StallTimeout time.Duration
	// Dial makes the real connection. Default: net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Validate says what is out of range.
func (c Config) Validate() error {
	if c.Name == "" {
		return errors.New("link has no name")
	}
	if c.Delay < 0 || c.BytesPerSecond < 0 || c.WindowBytes < 0 || c.StallTimeout < 0 {
		return fmt.Errorf("link %s: Delay %v, BytesPerSecond %d, WindowBytes %d and StallTimeout %v must not be negative",
			c.Name, c.Delay, c.BytesPerSecond, c.WindowBytes, c.StallTimeout)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.WindowBytes == 0 {
		c.WindowBytes = 16 << 20
	}
	if c.StallTimeout == 0 {
		c.StallTimeout = 10 * time.Second
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	return c
}

// Link is an emulated WAN link. It is made by New and ends with Close.
type Link struct {
	cfg     Config
	out, in direction
	dialled atomic.Int64
	running sync.WaitGroup // the connections' goroutines

	mu      sync.Mutex
	closed  bool
	conns   map[*conn]struct{}
	cutAt   time.Time     // zero: the link is up
	changed chan struct{} // closed and replaced when cutAt changes
	stalled *time.Timer   // fails the connections StallTimeout after the cut
}

// New returns a link that is up. It panics on a Config that Validate refuses, which is the caller's bug.
func New(cfg Config) *Link {
	if err := cfg.Validate(); err != nil {
		panic("BUG: " + err.Error())
	}
	cfg = cfg.withDefaults()
	return &Link{
		cfg:     cfg,
		out:     direction{pace: *NewBudget(cfg.BytesPerSecond, 0)},
		in:      direction{pace: *NewBudget(cfg.BytesPerSecond, 0)},
		conns:   map[*conn]struct{}{},
		changed: make(chan struct{}),
	}
}

// DialContext connects to addr across the link, in one round trip.
func (l *Link) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := l.dial(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("link %s: dial %s: %w", l.cfg.Name, addr, err)
	}
	return c, nil
}

func (l *Link) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := l.travel(ctx, 0); err != nil {
		return nil, err
	}
	if err := l.travel(ctx, l.cfg.Delay); err != nil {
		return nil, err
	}
	raw, err := l.cfg.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if err := l.travel(ctx, l.cfg.Delay); err != nil {
		raw.Close()
		return nil, err
	}
	return l.adopt(raw)
}

// travel waits for d and says whether the link is usable then.
func (l *Link) travel(ctx context.Context, d time.Duration) error {
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.usable()
}

// usable needs l.mu.
func (l *Link) usable() error {
	if l.closed {
		return net.ErrClosed
	}
	if !l.cutAt.IsZero() {
		return ErrPartitioned
	}
	return nil
}

func (l *Link) adopt(raw net.Conn) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		raw.Close()
		return nil, err
	}
	c := newConn(l, raw)
	l.conns[c] = struct{}{}
	l.dialled.Add(1)
	l.running.Go(c.send)
	l.running.Go(c.receive)
	return c, nil
}

func (l *Link) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// Partition cuts the link (true) or heals it (false).
func (l *Link) Partition(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on == !l.cutAt.IsZero() || l.closed {
		return
	}
	if on {
		l.cutAt = time.Now()
		l.stalled = time.AfterFunc(l.cfg.StallTimeout, l.giveUp)
	} else {
		l.cutAt = time.Time{}
		l.stalled.Stop()
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// giveUp fails the connections of a link that has been cut for StallTimeout.
func (l *Link) giveUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.cutAt) < l.cfg.StallTimeout || l.cutAt.IsZero() {
		return // healed while the timer fired, and perhaps cut again
	}
	for c := range l.conns {
		c.abort(ErrPartitioned)
	}
}

// state returns when the link was cut, zero if it is up, and a channel that closes when that changes.
func (l *Link) state() (cutAt time.Time, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cutAt, l.changed
}

// Close fails all connections at once, and later dials, and waits until every goroutine of the link has ended.
func (l *Link) Close() error {
	l.mu.Lock()
	l.closed = true
	if l.stalled != nil {
		l.stalled.Stop()
	}
	for c := range l.conns {
		c.abort(net.ErrClosed)
	}
	l.mu.Unlock()
	l.running.Wait()
	return nil
}

package kafka

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anabranch.dev/anabranch/connectors/kafka/embedded"
)

// pipes is a network in memory: a listener and its dialer.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9092} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestVirtualTime runs a broker, a producer and a reader through days in
// which each waits for the other.
func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		b, err := embedded.Open(embedded.Config{Listen: func(string, string) (net.Listener, error) { return network, nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		c, err := Dial(Config{Brokers: []string{b.Addr()}, Dialer: network.dial})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx := context.Background()
		if err := c.CreateTopic(ctx, NewTopic{Name: "t", Partitions: 1}); err != nil {
			t.Fatal(err)
		}
		r, err := c.NewReader(ReaderConfig{MaxWait: 12 * time.Hour}, Assignment{Topic: "t"})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		began := time.Now()
		for day := range 5 {
			time.Sleep(24 * time.Hour)
			if _, err := c.Produce(ctx, numbered(0, day, day+1)); err != nil {
				t.Fatal(err)
			}
			batch, err := r.Poll(ctx, 0)
			if err != nil || len(batch.Partitions) != 1 {
				t.Fatal(batch, err)
			}
			for rec := range batch.Partitions[0].All() {
				if rec.Offset != int64(day) || rec.AppendTime < began.Add(time.Duration(day+1)*24*time.Hour).UnixMilli() {
					t.Fatalf("day %d: %+v", day, rec)
				}
			}
		}
	})
}

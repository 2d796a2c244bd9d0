package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
)

// defaultStall is how long a broker may acknowledge nothing before produce gives
// up, as long as Java's producer waits.
const defaultStall = 2 * time.Minute

// watch ends the returned context if the broker acknowledges nothing of what was
// added for so long, and says meanwhile that it waits.
func (p *producer) watch(ctx context.Context, bulk *kafka.Bulk, added *atomic.Int64) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	patience := p.stall
	if patience == 0 {
		patience = defaultStall
	}
	acked, since, said := int64(0), time.Now(), time.Now()
	ended := every(min(patience/4, time.Second), func() {
		n := acknowledged(bulk)
		if n > acked || n == added.Load() {
			acked, since = n, time.Now()
			return
		}
		brokers := strings.Join(p.place.kafka.Brokers, ",")
		switch quiet := time.Since(since); {
		case quiet > patience:
			cancel(fmt.Errorf("the broker of %s at %s acknowledges nothing for %v: %d of %d events are acknowledged", p.place.region, brokers, patience, n, added.Load()))
		case quiet > 2*time.Second && time.Since(said) > 2*time.Second:
			said = time.Now()
			p.out.progress("waiting for the broker of %s at %s: %s events acknowledged", p.place.region, brokers, count(n))
		}
	})
	return ctx, func() { ended(); cancel(nil) }
}

func acknowledged(bulk *kafka.Bulk) int64 {
	var n int64
	for _, span := range bulk.Spans() {
		n += span.Count
	}
	return n
}

// every calls fn every interval until the returned function is called.
func every(interval time.Duration, fn func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(interval)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				fn()
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

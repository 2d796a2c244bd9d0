package link

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPartitionStallsThenFails(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms, StallTimeout: time.Second}, func(t *testing.T, l *Link, near, far net.Conn) {
		mustWrite(t, near, []byte("under way"))
		time.Sleep(10 * ms)
		l.Partition(true)
		start := time.Now()
		if n, err := near.Read(make([]byte, 1)); n != 0 || !errors.Is(err, ErrPartitioned) {
			t.Errorf("read: %d, %v", n, err)
		}
		wantElapsed(t, start, time.Second)
		if _, err := near.Write([]byte("x")); !errors.Is(err, ErrPartitioned) {
			t.Errorf("write: %v", err)
		}
		if n, err := far.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("the other side read %d bytes, %v", n, err)
		}
		if c := l.Counts(); c.SentBytes != 0 {
			t.Errorf("%d bytes are counted, none arrived", c.SentBytes)
		}
		if err := near.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func TestPartitionThatHealsLosesNothing(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms, StallTimeout: time.Second}, func(t *testing.T, l *Link, near, far net.Conn) {
		start := time.Now()
		mustWrite(t, near, []byte("before"))
		mustWrite(t, far, []byte("reply"))
		l.Partition(true)
		l.Partition(true) // once more changes nothing
		mustWrite(t, near, []byte(" and during"))
		time.AfterFunc(500*ms, func() { l.Partition(false) })
		if got := mustRead(t, far, 17); string(got) != "before and during" {
			t.Errorf("read %q", got)
		}
		mustRead(t, near, 5)
		wantElapsed(t, start, 500*ms)
		time.Sleep(10 * time.Second) // the timer of the first cut is gone
		mustWrite(t, near, []byte("after"))
		mustRead(t, far, 5)
	})
}

func TestPartitionLeavesWhatHadArrived(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms, StallTimeout: time.Second}, func(t *testing.T, l *Link, near, far net.Conn) {
		mustWrite(t, far, []byte("early"))
		time.Sleep(50 * ms)
		l.Partition(true)
		if got := mustRead(t, near, 5); string(got) != "early" {
			t.Errorf("read %q", got)
		}
	})
}

func TestPartitionedLinkRefusesDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, far := pair(t, Config{Delay: 40 * ms})
		defer l.Close()
		defer far.Close()
		l.Partition(true)
		start := time.Now()
		_, err := l.DialContext(t.Context(), "tcp", "b:1")
		if !errors.Is(err, ErrPartitioned) || !strings.Contains(err.Error(), "link a→b: dial b:1") {
			t.Errorf("dial: %v", err)
		}
		wantElapsed(t, start, 0)
		l.Partition(false)
		time.AfterFunc(60*ms, func() { l.Partition(true) }) // in the middle of the round trip
		if _, err := l.DialContext(t.Context(), "tcp", "b:1"); !errors.Is(err, ErrPartitioned) {
			t.Errorf("dial: %v", err)
		}
		l.Partition(false)
		ctx, cancel := context.WithTimeout(t.Context(), 20*ms)
		defer cancel()
		if _, err := l.DialContext(ctx, "tcp", "b:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial: %v", err)
		}
		l.Close()
		if _, err := l.DialContext(t.Context(), "tcp", "b:1"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dial on a closed link: %v", err)
		}
	})
}

func TestLinkCloseEndsEverything(t *testing.T) {
	virtual(t, Config{Delay: time.Hour, StallTimeout: time.Hour}, func(t *testing.T, l *Link, near, far net.Conn) {
		mustWrite(t, near, []byte("never arrives"))
		l.Partition(true)
		start := time.Now()
		l.Close()
		wantElapsed(t, start, 0)
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v", err)
		}
	})
}

// TestHTTPOverRealSockets sends requests over TCP in real time.
func TestHTTPOverRealSockets(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // all of it, or the connection would not be kept
		w.Write(body)
	}))
	defer srv.Close()
	l := New(Config{Name: "a→b", Delay: 5 * ms})
	defer l.Close()
	tr := &http.Transport{DialContext: l.DialContext}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr}
	for i := range 3 {
		start := time.Now()
		resp, err := client.Post(srv.URL, "text/plain", strings.NewReader(strings.Repeat("x", 300_000)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if len(body) != 300_000 || err != nil {
			t.Fatalf("request %d: %d bytes, %v", i, len(body), err)
		}
		if d := time.Since(start); d < 10*ms {
			t.Errorf("request %d: %v, less than a round trip", i, d)
		}
	}
	c := l.Counts()
	if c.Connections != 1 || c.SentBytes < 900_000 || c.ReceivedBytes < 900_000 || c.WireBytes() < c.SentBytes+c.ReceivedBytes+52*1240 {
		t.Errorf("counts %+v, %d wire bytes", c, c.WireBytes())
	}
}

func BenchmarkThroughput(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if c, err := ln.Accept(); err == nil {
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	l := New(Config{Name: "a→b", Delay: 40 * ms})
	defer l.Close()
	c, err := l.DialContext(b.Context(), "tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if _, err := c.Write(p); err != nil {
			b.Fatal(err)
		}
	}
}

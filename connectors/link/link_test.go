package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair dials across a link in virtual time: near is the dialling side, far the other side's real connection.
func pair(t testing.TB, cfg Config) (l *Link, near, far net.Conn) {
	t.Helper()
	far, raw := net.Pipe()
	cfg.Name = "a→b"
	cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return raw, nil }
	l = New(cfg)
	near, err := l.DialContext(t.Context(), "tcp", "b:1")
	if err != nil {
		t.Fatal(err)
	}
	return l, near, far
}

// virtual runs a test in virtual time over one connection, and ends everything afterwards.
func virtual(t *testing.T, cfg Config, test func(t *testing.T, l *Link, near, far net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		l, near, far := pair(t, cfg)
		defer l.Close()
		defer far.Close()
		test(t, l, near, far)
	})
}

func mustWrite(t *testing.T, c net.Conn, data []byte) {
	t.Helper()
	if n, err := c.Write(data); n != len(data) || err != nil {
		t.Fatalf("write: %d of %d bytes, %v", n, len(data), err)
	}
}

func mustRead(t *testing.T, c net.Conn, n int) []byte {
	t.Helper()
	p := make([]byte, n)
	if _, err := io.ReadFull(c, p); err != nil {
		t.Fatalf("read: %v", err)
	}
	return p
}

func wantElapsed(t *testing.T, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want {
		t.Fatalf("took %v, want %v", got, want)
	}
}

const ms = time.Millisecond

func TestEachDirectionTakesOneDelay(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms}, func(t *testing.T, l *Link, near, far net.Conn) {
		start := time.Now()
		mustWrite(t, near, []byte("ping"))
		wantElapsed(t, start, 0) // writing does not wait
		mustRead(t, far, 4)
		wantElapsed(t, start, 40*ms)
		mustWrite(t, far, []byte("pong"))
		mustRead(t, near, 4)
		wantElapsed(t, start, 80*ms)
	})
}

func TestDialTakesARoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		l, _, far := pair(t, Config{Delay: 40 * ms})
		defer l.Close()
		defer far.Close()
		wantElapsed(t, start, 80*ms)
	})
}

func TestDelayDoesNotThrottle(t *testing.T) {
	const size = 8 << 20
	virtual(t, Config{Delay: 40 * ms}, func(t *testing.T, l *Link, near, far net.Conn) {
		data := make([]byte, size)
		rand.NewChaCha8([32]byte{1}).Read(data)
		start := time.Now()
		mustWrite(t, near, data)
		if got := mustRead(t, far, size); !bytes.Equal(got, data) {
			t.Fatal("the data changed on its way")
		}
		wantElapsed(t, start, 40*ms)
		go far.Write(data)
		if got := mustRead(t, near, size); !bytes.Equal(got, data) {
			t.Fatal("the data changed on its way back")
		}
		wantElapsed(t, start, 80*ms)
	})
}

func TestWindowBoundsWhatIsUnderWay(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms, WindowBytes: chunkBytes}, func(t *testing.T, l *Link, near, far net.Conn) {
		go io.Copy(io.Discard, far)
		start := time.Now()
		mustWrite(t, near, make([]byte, 5*chunkBytes)) // each chunk waits for the one before
		wantElapsed(t, start, 160*ms)
	})
}

func TestRateCountsFraming(t *testing.T) {
	// 10 full segments on 15,000 B/s: 15,000 bytes on the wire take one second.
	virtual(t, Config{Delay: 40 * ms, BytesPerSecond: 15_000}, func(t *testing.T, l *Link, near, far net.Conn) {
		start := time.Now()
		mustWrite(t, near, make([]byte, 10*SegmentBytes))
		mustRead(t, far, 10*SegmentBytes)
		wantElapsed(t, start, time.Second+40*ms)
		mustWrite(t, far, make([]byte, SegmentBytes)) // the other direction is free
		mustRead(t, near, SegmentBytes)
		wantElapsed(t, start, time.Second+80*ms+100*ms)
	})
}

func TestCounts(t *testing.T) {
	virtual(t, Config{Delay: ms}, func(t *testing.T, l *Link, near, far net.Conn) {
		mustWrite(t, near, make([]byte, 1))
		mustRead(t, far, 1)
		mustWrite(t, near, make([]byte, SegmentBytes+1))
		mustRead(t, far, SegmentBytes+1)
		mustWrite(t, near, make([]byte, 3*chunkBytes))
		mustRead(t, far, 3*chunkBytes)
		mustWrite(t, far, make([]byte, 100))
		mustRead(t, near, 100)
		synctest.Wait()
		want := Counts{Connections: 1, SentBytes: 2 + SegmentBytes + 3*chunkBytes, ReceivedBytes: 100, SentSegments: 1 + 2 + 3*45, ReceivedSegments: 1}
		if got := l.Counts(); got != want {
			t.Errorf("counts %+v, want %+v", got, want)
		}
		if got, want := l.WireBytes(), int64(2+1448+3*65160+100+52*(138+1)); got != want {
			t.Errorf("wire bytes %d, want %d", got, want)
		}
	})
}

func TestEndOfStreamArrivesAfterTheData(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms}, func(t *testing.T, l *Link, near, far net.Conn) {
		start := time.Now()
		mustWrite(t, far, []byte("last words"))
		far.Close()
		got, err := io.ReadAll(near)
		if string(got) != "last words" || err != nil {
			t.Fatalf("read %q, %v", got, err)
		}
		wantElapsed(t, start, 40*ms)
		if _, err := near.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestCloseDeliversWhatWasWritten(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms}, func(t *testing.T, l *Link, near, far net.Conn) {
		start := time.Now()
		mustWrite(t, near, []byte("last words"))
		if err := near.Close(); err != nil {
			t.Fatal(err)
		}
		wantElapsed(t, start, 0)
		if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
		if err := near.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		if got, err := io.ReadAll(far); string(got) != "last words" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		wantElapsed(t, start, 40*ms)
	})
}

func TestCloseUnblocksReadAndWrite(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms, WindowBytes: 1}, func(t *testing.T, l *Link, near, far net.Conn) {
		errs := make(chan error, 2)
		go func() { _, err := near.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := near.Write(make([]byte, 10*chunkBytes)); errs <- err }()
		synctest.Wait()
		near.Close()
		for range 2 {
			if err := <-errs; !errors.Is(err, net.ErrClosed) {
				t.Errorf("unblocked with %v", err)
			}
		}
	})
}

func TestClosedConnectionLingersBounded(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms, StallTimeout: time.Second}, func(t *testing.T, l *Link, near, far net.Conn) {
		mustWrite(t, near, []byte("nobody reads this"))
		near.Close()
		start := time.Now()
		l.running.Wait()
		wantElapsed(t, start, 1040*ms)
	})
}

func TestDeadlines(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms, WindowBytes: 1}, func(t *testing.T, l *Link, near, far net.Conn) {
		timeout := func(what string, err error) {
			t.Helper()
			var ne net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
				t.Errorf("%s: %v", what, err)
			}
		}
		start := time.Now()
		near.SetReadDeadline(start.Add(10 * ms))
		_, err := near.Read(make([]byte, 1))
		timeout("read", err)
		wantElapsed(t, start, 10*ms)
		_, err = near.Read(make([]byte, 1))
		timeout("read again", err)

		near.SetDeadline(start.Add(100 * ms))
		go func() {
			time.Sleep(20 * ms)
			near.SetDeadline(start.Add(200 * ms)) // moved while others wait for it
		}()
		n, err := near.Write(make([]byte, 3*chunkBytes))
		timeout("write", err)
		if n != chunkBytes {
			t.Errorf("%d bytes written before the deadline, want one chunk", n)
		}
		wantElapsed(t, start, 200*ms)

		near.SetDeadline(time.Time{})
		go far.Write([]byte("x"))
		mustRead(t, near, 1) // usable again
	})
}

func TestFailureOfTheOtherSideLeavesItsLastWords(t *testing.T) {
	virtual(t, Config{Delay: 40 * ms}, func(t *testing.T, l *Link, near, far net.Conn) {
		mustWrite(t, far, []byte("no"))
		far.Close()
		mustWrite(t, near, []byte("question")) // fails on arrival
		time.Sleep(50 * ms)
		if _, err := near.Write([]byte("x")); err == nil {
			t.Error("a write to a closed peer succeeded")
		}
		if got, err := io.ReadAll(near); string(got) != "no" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

func TestAnyTrafficArrivesWholeAndInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := Config{
			Delay:          time.Duration(rapid.IntRange(0, 100).Draw(rt, "delay_ms")) * ms,
			BytesPerSecond: rapid.SampledFrom([]int64{0, 10_000, 1_000_000}).Draw(rt, "rate"),
			WindowBytes:    rapid.SampledFrom([]int{1, 1000, 100_000}).Draw(rt, "window"),
			StallTimeout:   time.Hour,
		}
		sizes := rapid.SliceOfN(rapid.IntRange(1, 100_000), 1, 8).Draw(rt, "sizes")
		cuts := rapid.SliceOfN(rapid.IntRange(1, 500), 0, 4).Draw(rt, "cuts_ms")
		var failure string
		synctest.Test(t, func(t *testing.T) {
			l, near, far := pair(t, cfg)
			defer l.Close()
			defer far.Close()
			var flapping sync.WaitGroup
			flapping.Go(func() { flap(l, cuts) })
			failure = both(near, far, sizes)
			flapping.Wait()
		})
		if failure != "" {
			rt.Fatal(failure)
		}
	})
}

// flap cuts and heals the link in turn, and leaves it up.
func flap(l *Link, cuts []int) {
	for i, d := range cuts {
		l.Partition(i%2 == 0)
		time.Sleep(time.Duration(d) * ms)
	}
	l.Partition(false)
}

// both sends the same bytes both ways and says what arrived wrong.
func both(near, far net.Conn, sizes []int) string {
	var data []byte
	for i, n := range sizes {
		data = append(data, bytes.Repeat([]byte{byte(i), byte(n)}, n)...)
	}
	send := func(c net.Conn) {
		for rest := data; len(rest) > 0; {
			n := min(len(rest), sizes[len(rest)%len(sizes)])
			if _, err := c.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
	}
	go send(near)
	go send(far)
	failed := make(chan string, 2)
	receive := func(c net.Conn, name string) {
		got := make([]byte, len(data))
		if _, err := io.ReadFull(c, got); err != nil {
			failed <- name + ": " + err.Error()
		} else if !bytes.Equal(got, data) {
			failed <- name + ": other bytes"
		} else {
			failed <- ""
		}
	}
	go receive(near, "near")
	go receive(far, "far")
	return strings.TrimSpace(<-failed + " " + <-failed)
}

func TestNewRefusesBadConfig(t *testing.T) {
	for _, cfg := range []Config{{}, {Name: "x", Delay: -1}, {Name: "x", BytesPerSecond: -1}, {Name: "x", WindowBytes: -1}} {
		if cfg.Validate() == nil {
			t.Errorf("%+v is valid", cfg)
		}
		func() {
			defer func() {
				if r, _ := recover().(string); !strings.HasPrefix(r, "BUG:") {
					t.Errorf("panic is %q", r)
				}
			}()
			New(cfg)
		}()
	}
}

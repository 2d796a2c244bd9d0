package link

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a connection across a link. Two goroutines move data: send delivers what was written to the real connection
// when it is due; receive takes from the real connection what Read returns when it is due.
type conn struct {
	link    *Link
	raw     net.Conn
	out, in *lane

	readMu, writeMu             sync.Mutex // one Read and one Write at a time, so that pieces stay in order
	readDeadline, writeDeadline *deadline
	linger                      *deadline // for what is under way when the caller closes

	closed  atomic.Bool // by the caller
	leaving sync.Once
	gone    chan struct{} // closed by the first Close or abort
}

func newConn(l *Link, raw net.Conn) *conn {
	return &conn{
		link: l, raw: raw,
		out: newLane(l.cfg.WindowBytes), in: newLane(l.cfg.WindowBytes),
		readDeadline: newDeadline(), writeDeadline: newDeadline(), linger: newDeadline(),
		gone: make(chan struct{}),
	}
}

// Read returns what has arrived.
func (c *conn) Read(p []byte) (int, error) {
	c.readMu.Lock()
	defer c.readMu.Unlock()
	first, err := c.await(c.in, c.readDeadline.wait())
	if err == nil {
		err = first.err
	}
	if err != nil {
		return 0, c.fail("read", err)
	}
	n := copy(p, first.data)
	c.in.consume(n)
	return n, nil
}

// await blocks until the first chunk of a lane has arrived.
func (c *conn) await(l *lane, timeout <-chan struct{}) (chunk, error) {
	for {
		if isDone(timeout) {
			return chunk{}, os.ErrDeadlineExceeded
		}
		first, ok, err := l.peek()
		if err != nil {
			return chunk{}, err
		}
		cutAt, changed := c.link.state()
		var due <-chan time.Time
		if wait := time.Until(first.due); ok && wait > 0 {
			due = time.After(wait)
		} else if ok && (cutAt.IsZero() || first.due.Before(cutAt)) {
			return first, nil
		}
		select {
		case <-due:
		case <-l.more:
		case <-l.down:
		case <-changed:
		case <-timeout:
		}
	}
}

// Write hands p to the link, piece by piece, and waits only while the window is full.
func (c *conn) Write(p []byte) (n int, err error) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	for n < len(p) {
		if err := c.room(c.out, c.writeDeadline.wait()); err != nil {
			return n, c.fail("write", err)
		}
		piece := p[n:min(n+chunkBytes, len(p))]
		c.out.put(c.depart(&c.link.out, piece))
		n += len(piece)
	}
	return n, nil
}

// depart copies data into a chunk that starts now.
func (c *conn) depart(d *direction, data []byte) chunk {
	left := d.depart(len(data), time.Now())
	return chunk{data: append([]byte(nil), data...), due: left.Add(c.link.cfg.Delay)}
}

// room blocks while a lane is full.
func (c *conn) room(l *lane, timeout <-chan struct{}) error {
	for {
		if isDone(timeout) {
			return os.ErrDeadlineExceeded
		}
		full, err := l.full()
		if err != nil || !full {
			return err
		}
		select {
		case <-l.less:
		case <-l.down:
		case <-timeout:
		}
	}
}

// send runs until what was written before Close is delivered, the linger time is over, or the connection breaks.
func (c *conn) send() {
	err := c.deliver()
	c.out.breakWith(err)
	// Until the caller leaves, what the other side has said can still be read.
	<-c.gone
	c.linger.set(time.Time{})
	c.raw.Close()
	c.link.forget(c)
}

func (c *conn) deliver() error {
	for {
		next, err := c.await(c.out, c.linger.wait())
		if err == nil {
			err = next.err
		}
		if err != nil {
			return err
		}
		n, err := c.raw.Write(next.data)
		c.link.out.count(n)
		if err != nil {
			return err
		}
		c.out.consume(n)
	}
}

// receive runs until the real connection ends or the caller leaves.
func (c *conn) receive() {
	buf := make([]byte, chunkBytes)
	for c.room(c.in, nil) == nil {
		n, err := c.raw.Read(buf)
		if n > 0 {
			c.link.in.count(n)
			c.in.put(c.depart(&c.link.in, buf[:n]))
		}
		if err != nil { // the end of the stream travels too
			end := c.depart(&c.link.in, nil)
			end.err = err
			c.in.put(end)
		}
	}
}

// Close ends the connection for the caller at once; what was written before is still delivered, within StallTimeout of
// its time.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return c.fail("close", net.ErrClosed)
	}
	c.leaving.Do(func() {
		last := time.Now().Add(c.link.cfg.Delay + c.link.cfg.StallTimeout)
		c.linger.set(last)
		c.raw.SetWriteDeadline(last)
		c.out.put(chunk{err: net.ErrClosed})
		c.in.breakWith(net.ErrClosed)
		c.raw.SetReadDeadline(time.Now()) // ends receive
		close(c.gone)
	})
	return nil
}

// abort fails both directions at once.
func (c *conn) abort(cause error) {
	c.in.breakWith(cause)
	c.out.breakWith(cause)
	c.leaving.Do(func() { close(c.gone) })
	c.raw.Close()
}

// fail dresses an error as net's connections do; the end of a stream stays bare.
func (c *conn) fail(op string, err error) error {
	if err == io.EOF || errors.As(err, new(*net.OpError)) {
		return err
	}
	return &net.OpError{Op: op, Net: c.RemoteAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// LocalAddr is the real connection's.
func (c *conn) LocalAddr() net.Addr { return c.raw.LocalAddr() }

// RemoteAddr is the real connection's.
func (c *conn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline moves the time at which Read gives up.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.readDeadline.set(t)
	return nil
}

// SetWriteDeadline moves the time at which Write gives up waiting for room.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.writeDeadline.set(t)
	return nil
}

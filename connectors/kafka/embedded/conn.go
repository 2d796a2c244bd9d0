package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxFrame is the largest request in bytes, as Kafka's socket.request.max.bytes.
// Without a bound a stray HTTP request would be read as a gigabyte.
const maxFrame = 100 << 20

// frameHead is the part of a request that conn looks at: size, api key, api
// version, correlation id.
const frameHead = 12

// conn watches the requests that pass to the broker and mends the responses
// that pass back: above all it marks the batches in fetch responses. One goroutine reads and one writes.
type conn struct {
	net.Conn

	head [frameHead]byte // the current request's first bytes
	have int             // bytes of head seen
	skip int             // bytes of the current request still to pass

	out []byte // the response being written, reused

	mu      sync.Mutex
	pending map[int32]asked // requests whose answers are changed, by correlation id
}

func newConn(c net.Conn) *conn {
	return &conn{Conn: c, pending: make(map[int32]asked)}
}

// Read passes request bytes on. A frame that no Kafka client sends ends the
// connection before the broker sees all of it.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bad := c.watch(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

func (c *conn) watch(p []byte) error {
	for len(p) > 0 {
		if c.skip > 0 {
			n := min(c.skip, len(p))
			c.skip -= n
			p = p[n:]
			continue
		}
		n := copy(c.head[c.have:], p)
		c.have += n
		p = p[n:]
		if err := c.inspect(); err != nil {
			return err
		}
	}
	return nil
}

// inspect judges the head as far as it is known.
func (c *conn) inspect() error {
	if c.have < 4 {
		return nil
	}
	size := int32(binary.BigEndian.Uint32(c.head[:]))
	if size < frameHead-4 || size > maxFrame {
		return fmt.Errorf("request of %d bytes: not a Kafka request", size)
	}
	if c.have < frameHead {
		return nil
	}
	key := kmsg.Key(binary.BigEndian.Uint16(c.head[4:]))
	version := int16(binary.BigEndian.Uint16(c.head[6:]))
	if kmsg.RequestForKey(int16(key)) == nil || version < 0 {
		return fmt.Errorf("request with api key %d, version %d: not a Kafka request", key, version)
	}
	if mends[key] != nil {
		c.expect(int32(binary.BigEndian.Uint32(c.head[8:])), asked{key, version})
	}
	c.have, c.skip = 0, int(size)-(frameHead-4)
	return nil
}

func (c *conn) expect(correlation int32, a asked) {
	c.mu.Lock()
	c.pending[correlation] = a
	c.mu.Unlock()
}

func (c *conn) answered(correlation int32) (asked, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.pending[correlation]
	delete(c.pending, correlation)
	return a, ok
}

// Write passes a response on. The broker writes each whole response at once.
func (c *conn) Write(p []byte) (int, error) {
	if len(p) < 8 || int(binary.BigEndian.Uint32(p)) != len(p)-4 {
		return 0, errors.New("BUG: broker wrote a part of a response")
	}
	a, ok := c.answered(int32(binary.BigEndian.Uint32(p[4:])))
	if !ok {
		return c.Conn.Write(p)
	}
	c.out = append(c.out[:0], p...) // a Writer must not change its argument
	if err := mends[a.key](a.version, c.out[8:]); err != nil {
		return 0, err
	}
	return c.Conn.Write(c.out)
}

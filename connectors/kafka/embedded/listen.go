package embedded

import (
	"net"
	"sync"
)

// listener hands connections to the broker once it is opened: a connection
// accepted before the broker knows its last append time would be stamped too
// early. Until then clients wait in the kernel's backlog.
type listener struct {
	net.Listener
	advertise net.Addr // what the broker tells clients, nil: the listener's own

	ready     chan struct{}
	closed    chan struct{}
	openOnce  sync.Once
	closeOnce sync.Once
}

func newListener(ln net.Listener, advertise net.Addr) *listener {
	return &listener{
		Listener:  ln,
		advertise: advertise,
		ready:     make(chan struct{}),
		closed:    make(chan struct{}),
	}
}

func (l *listener) open() { l.openOnce.Do(func() { close(l.ready) }) }

// Accept waits for open, then for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.ready:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(c), nil
}

// Close stops listening. Connections already handed out stay open.
func (l *listener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// Addr is the advertised address.
func (l *listener) Addr() net.Addr {
	if l.advertise != nil {
		return l.advertise
	}
	return l.Listener.Addr()
}

// hostPort is an address as text, for advertising a name.
type hostPort string

func (hostPort) Network() string  { return "tcp" }
func (a hostPort) String() string { return string(a) }

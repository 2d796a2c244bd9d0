// Package link emulates and meters a WAN link: a dialer whose connections deliver every byte one delay later, in order and
// at a bounded rate, and which counts what crosses it. A Budget says when the next round may be sent on it.
//
// # Contract
//
// A chunk written at time t reaches the other side at departure + Delay, where departure is t, or later if
// BytesPerSecond is used up; the same holds for what the other side sends. Delay does not throttle: up to WindowBytes are
// under way at once in each direction of a connection. A dial takes one round trip. Only the dialling side is
// wrapped: both directions of the connections that a region dials belong to its link.
//
// Partition cuts the link: what is under way and what is written later stalls, new dials fail at once, and after
// StallTimeout every open connection fails. A link that heals before that goes on with nothing lost, as TCP would.
//
// # Counting
//
// Payload bytes are counted when they leave the link. WireBytes adds the framing of TCP over IPv4 on Ethernet:
// 52 bytes (20 IPv4, 20 TCP, 12 for the timestamp option) for each segment of up to 1,448 payload bytes, in each direction;
// a write is at least one segment (Go sets TCP_NODELAY). Handshakes and pure acknowledgements are not in it, nor
// is the Ethernet frame. What TLS adds is, since it is payload here.
//
// # Concurrency
//
// A Link and its connections may be used from many goroutines; Budget is a plain value with one owner. A connection
// has two goroutines, which end soon after its Close; Link.Close ends all connections and waits for them.
//
// # Errors
//
// ErrPartitioned, found by errors.Is, is the cause of failed dials and connections under a partition. Everything else is what net.Conn
// promises: net.ErrClosed, os.ErrDeadlineExceeded, the real connection's own errors.
//
// # Not here
//
// Loss, reordering, jitter and congestion control of real paths; the choice of what to send within a budget.
package link

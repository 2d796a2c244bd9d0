package link

import (
	"sync"
	"sync/atomic"
	"time"
)

// SegmentBytes is the payload of a full TCP segment on Ethernet with timestamps, FrameBytes what IPv4 and TCP add to each.
const (
	SegmentBytes = 1448
	FrameBytes   = 52
)

// Counts is what has crossed a link since New. Sent goes from the dialling side to the other.
type Counts struct {
	Connections      int64 // dialled with success
	SentBytes        int64 // payload
	ReceivedBytes    int64
	SentSegments     int64 // estimated: each write in segments of SegmentBytes
	ReceivedSegments int64
}

// WireBytes is payload and estimated framing of both directions.
func (c Counts) WireBytes() int64 {
	return c.SentBytes + c.ReceivedBytes + FrameBytes*(c.SentSegments+c.ReceivedSegments)
}

// Counts returns the counters; each is exact, and together they are no snapshot.
func (l *Link) Counts() Counts {
	return Counts{
		Connections:      l.dialled.Load(),
		SentBytes:        l.out.bytes.Load(),
		ReceivedBytes:    l.in.bytes.Load(),
		SentSegments:     l.out.segments.Load(),
		ReceivedSegments: l.in.segments.Load(),
	}
}

// WireBytes is Counts().WireBytes().
func (l *Link) WireBytes() int64 { return l.Counts().WireBytes() }

// direction is one of the two directions of a link, shared by its connections.
type direction struct {
	bytes, segments atomic.Int64

	mu   sync.Mutex
	pace Budget // no burst: it is paid when the last byte has left
}

// depart takes n bytes onto the wire and says when the last of them has left.
func (d *direction) depart(n int, now time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pace.Take(int64(n)+FrameBytes*segments(n), now)
	return now.Add(d.pace.Wait(now))
}

// count records n bytes that have left the link.
func (d *direction) count(n int) {
	d.bytes.Add(int64(n))
	d.segments.Add(segments(n))
}

func segments(n int) int64 { return (int64(n) + SegmentBytes - 1) / SegmentBytes }

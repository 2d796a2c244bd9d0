package link

import (
	"sync"
	"time"
)

// chunkBytes is the longest piece in which data travels: full segments, just under 64 KiB.
const chunkBytes = 45 * SegmentBytes

// chunk is a piece of data under way, or (err set) the end of it.
type chunk struct {
	data []byte
	due  time.Time // at the other end
	err  error
}

// lane holds the chunks under way in one direction of a connection, in order: at most room bytes and one chunk. It has
// one goroutine at a time at each end.
type lane struct {
	room int
	more chan struct{} // holds a token after a chunk was added
	less chan struct{} // holds a token after the lane may have room
	down chan struct{} // closed when broken

	mu     sync.Mutex
	chunks []chunk
	held   int   // bytes in chunks
	sealed error // refuses more; what is under way still arrives
	broken error // fails both ends at once
}

func newLane(room int) *lane {
	return &lane{room: room, more: make(chan struct{}, 1), less: make(chan struct{}, 1), down: make(chan struct{})}
}

// signal leaves a token unless one is there.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// full says whether a chunk must wait for a token in less, and whether it would be refused.
func (l *lane) full() (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return false, l.broken
	}
	return l.held >= l.room, l.sealed
}

// put appends a chunk, which the lane then owns; one with err seals the lane.
func (l *lane) put(c chunk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil || l.sealed != nil {
		return
	}
	l.chunks = append(l.chunks, c)
	l.held += len(c.data)
	l.sealed = c.err
	signal(l.more)
	if c.err != nil {
		signal(l.less)
	}
}

// peek returns the first chunk; without one the caller waits for a token in more.
func (l *lane) peek() (c chunk, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil || len(l.chunks) == 0 {
		return chunk{}, false, l.broken
	}
	return l.chunks[0], true, nil
}

// consume removes n bytes of the first chunk; an end of data is never removed.
func (l *lane) consume(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return
	}
	first := &l.chunks[0]
	first.data = first.data[n:]
	l.held -= n
	if len(first.data) == 0 {
		*first = chunk{}
		l.chunks = l.chunks[1:]
	}
	signal(l.less)
}

// breakWith fails both ends and drops what is under way; the first cause stays.
func (l *lane) breakWith(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken == nil {
		l.broken, l.chunks, l.held = err, nil, 0
		close(l.down)
	}
}

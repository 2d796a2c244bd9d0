package blob

import (
	"container/list"
	"sync"
)

// blockBytes is the unit of read-ahead: small reads fetch a whole block. tailBytes is fetched when an object is opened,
// since columnar files keep their index at the end.
const (
	blockBytes    = 256 << 10
	tailBytes     = 64 << 10
	minCacheBytes = 1 << 20
)

// blockID names a block: a number of one open object, and the block's index in it.
type blockID struct {
	object uint64
	index  int64
}

// blockCache keeps the least recently used blocks of all open objects of a store within a bound. Safe for concurrent
// use; its lock is never held across IO, so that two readers may fetch the same block at once.
type blockCache struct {
	mu      sync.Mutex
	max     int64
	held    int64
	entries map[blockID]*list.Element // of *block
	recent  list.List                 // front: used last
}

type block struct {
	id   blockID
	data []byte
}

func newBlockCache(maxBytes int64) *blockCache {
	return &blockCache{max: maxBytes, entries: map[blockID]*list.Element{}}
}

// get returns a block, nil if it is not held. Nobody may change it.
func (c *blockCache) get(id blockID) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[id]
	if e == nil {
		return nil
	}
	c.recent.MoveToFront(e)
	return e.Value.(*block).data
}

// put keeps a block, which it then owns, and drops the ones used longest ago.
func (c *blockCache) put(id blockID, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[id] != nil {
		return
	}
	c.entries[id] = c.recent.PushFront(&block{id, data})
	c.held += int64(len(data))
	for c.held > c.max {
		c.drop(c.recent.Back())
	}
}

// forget drops all blocks of an object of n bytes.
func (c *blockCache) forget(object uint64, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := int64(0); i*blockBytes < n; i++ {
		if e := c.entries[blockID{object, i}]; e != nil {
			c.drop(e)
		}
	}
}

func (c *blockCache) drop(e *list.Element) {
	b := c.recent.Remove(e).(*block)
	delete(c.entries, b.id)
	c.held -= int64(len(b.data))
}

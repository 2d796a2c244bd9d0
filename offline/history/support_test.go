package history

import (
	"context"
	"sync/atomic"

	"anabranch.dev/anabranch/connectors/blob"
)

// countingStore counts the bytes read of open objects.
type countingStore struct {
	blob.Store
	read atomic.Int64
}

func (s *countingStore) bytes() int64 { return s.read.Load() }

func (s *countingStore) Open(ctx context.Context, name string) (blob.Object, error) {
	o, err := s.Store.Open(ctx, name)
	return &countingObject{o, s}, err
}

type countingObject struct {
	blob.Object
	store *countingStore
}

func (o *countingObject) ReadAt(p []byte, off int64) (int, error) {
	o.store.read.Add(int64(len(p)))
	return o.Object.ReadAt(p, off)
}

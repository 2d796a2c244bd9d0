package blobtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
)

// Memory is a blob.Store in memory. The zero value is not usable; see NewMemory.
type Memory struct {
	mu      sync.Mutex
	objects map[string]memoryObject
}

type memoryObject struct {
	data     []byte // never changed
	modified time.Time
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{objects: map[string]memoryObject{}} }

func check(ctx context.Context, op, name string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %q: %w", op, name, err)
	}
	if err := blob.CheckName(name); err != nil {
		return fmt.Errorf("%s %q: %w", op, name, err)
	}
	return nil
}

// Create implements blob.Store.
func (m *Memory) Create(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, "create", name); err != nil {
		return err
	}
	if len(data) > blob.MaxSmallBytes {
		return fmt.Errorf("create %q: %d bytes, at most %d", name, len(data), blob.MaxSmallBytes)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[name]; ok {
		return fmt.Errorf("create %q: %w", name, blob.ErrExists)
	}
	m.objects[name] = memoryObject{slices.Clone(data), time.Now()}
	return nil
}

// Upload implements blob.Store.
func (m *Memory) Upload(ctx context.Context, name string, r io.Reader) (blob.Info, error) {
	if err := check(ctx, "upload", name); err != nil {
		return blob.Info{}, err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return blob.Info{}, fmt.Errorf("upload %q: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[name] = memoryObject{data, time.Now()}
	return blob.Info{Name: name, SizeBytes: int64(len(data))}, nil
}

func (m *Memory) find(ctx context.Context, op, name string) ([]byte, error) {
	if err := check(ctx, op, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[name]
	if !ok {
		return nil, fmt.Errorf("%s %q: %w", op, name, blob.ErrNotFound)
	}
	return o.data, nil
}

// Get implements blob.Store.
func (m *Memory) Get(ctx context.Context, name string) ([]byte, error) {
	data, err := m.find(ctx, "get", name)
	if err == nil && len(data) > blob.MaxSmallBytes {
		err = fmt.Errorf("get %q: %d bytes, at most %d", name, len(data), blob.MaxSmallBytes)
	}
	if err != nil {
		return nil, err
	}
	return slices.Clone(data), nil
}

// Open implements blob.Store.
func (m *Memory) Open(ctx context.Context, name string) (blob.Object, error) {
	data, err := m.find(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	return openMemory{bytes.NewReader(data), ctx}, nil
}

// List implements blob.Store.
func (m *Memory) List(ctx context.Context, prefix string) ([]blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var infos []blob.Info
	for _, name := range slices.Sorted(maps.Keys(m.objects)) {
		if o := m.objects[name]; strings.HasPrefix(name, prefix) {
			infos = append(infos, blob.Info{Name: name, SizeBytes: int64(len(o.data)), Modified: o.modified})
		}
	}
	return infos, nil
}

// Delete implements blob.Store.
func (m *Memory) Delete(ctx context.Context, name string) error {
	if err := check(ctx, "delete", name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	return nil
}

// openMemory reads what the name held when it was opened.
type openMemory struct {
	r   *bytes.Reader
	ctx context.Context
}

func (o openMemory) Size() int64 { return o.r.Size() }
func (openMemory) Close() error  { return nil }

func (o openMemory) ReadAt(p []byte, off int64) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	return o.r.ReadAt(p, off)
}

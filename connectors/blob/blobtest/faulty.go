package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"anabranch.dev/anabranch/connectors/blob"
)

// ErrInjected marks every error that Faulty makes up.
var ErrInjected = errors.New("injected fault")

// Fault is one way for an operation to go wrong.
type Fault int

// The faults. Reads know only Refused; the others do the same to them.
const (
	Refused     Fault = iota // not applied, and the caller is told so
	LostRequest              // not applied, reported as blob.ErrUnknown
	LostReply                // applied, reported as blob.ErrUnknown
	Delayed                  // reported as blob.ErrUnknown, applied after the next operation: a request still on its way
)

// Faults lists all of them.
var Faults = []Fault{Refused, LostRequest, LostReply, Delayed}

// String is the fault in one word.
func (f Fault) String() string {
	return [...]string{"refused", "lost-request", "lost-reply", "delayed"}[f]
}

// Faulty is a store whose n-th operations fail as told. Operations are counted from 1 in the order of calls: each method
// of blob.Store is one; reads of open objects are not counted.
type Faulty struct {
	inner blob.Store

	mu      sync.Mutex
	faults  map[int]Fault
	log     []string
	delayed []func()
}

// NewFaulty wraps a store; without FailAt it fails nowhere.
func NewFaulty(inner blob.Store) *Faulty { return &Faulty{inner: inner, faults: map[int]Fault{}} }

// FailAt makes the n-th operation, counted from 1, fail so.
func (f *Faulty) FailAt(n int, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[n] = fault
}

// Log returns the operations so far as "op name"; its length is their number.
func (f *Faulty) Log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

// Settle applies what Delayed still holds back, as a network would in the end.
func (f *Faulty) Settle() {
	f.mu.Lock()
	waiting := f.delayed
	f.delayed = nil
	f.mu.Unlock()
	for _, apply := range waiting {
		apply()
	}
}

// begin counts an operation and says how it is to fail, if at all.
func (f *Faulty) begin(op, name string) (fault Fault, fails bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, op+" "+name)
	fault, fails = f.faults[len(f.log)]
	return fault, fails
}

// write runs one write under its fault, unless ctx is done; later nothing cancels it.
func (f *Faulty) write(ctx context.Context, op, name string, apply func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %q: %w", op, name, err)
	}
	fault, fails := f.begin(op, name)
	if !fails {
		err := apply()
		f.Settle()
		return err
	}
	lost := fmt.Errorf("%s %q: %w: %w", op, name, blob.ErrUnknown, ErrInjected)
	switch fault {
	case LostRequest:
		return lost
	case LostReply:
		apply() // whatever came of it, nobody hears of it
		return lost
	case Delayed:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.delayed = append(f.delayed, func() { apply() })
		return lost
	}
	return fmt.Errorf("%s %q: %w", op, name, ErrInjected)
}

// read runs one read under its fault.
func (f *Faulty) read(op, name string, apply func() error) error {
	defer f.Settle()
	if _, fails := f.begin(op, name); fails {
		return fmt.Errorf("%s %q: %w", op, name, ErrInjected)
	}
	return apply()
}

// Create implements blob.Store.
func (f *Faulty) Create(ctx context.Context, name string, data []byte) error {
	data = bytes.Clone(data) // a delayed write comes after the caller has its slice back
	return f.write(ctx, "create", name, func() error { return f.inner.Create(context.WithoutCancel(ctx), name, data) })
}

// Upload implements blob.Store. The source is read whether or not the upload fails.
func (f *Faulty) Upload(ctx context.Context, name string, r io.Reader) (info blob.Info, err error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return blob.Info{}, err
	}
	err = f.write(ctx, "upload", name, func() (err error) {
		info, err = f.inner.Upload(context.WithoutCancel(ctx), name, bytes.NewReader(data))
		return err
	})
	if err != nil {
		return blob.Info{}, err
	}
	return info, nil
}

// Get implements blob.Store.
func (f *Faulty) Get(ctx context.Context, name string) (data []byte, err error) {
	err = f.read("get", name, func() error {
		data, err = f.inner.Get(ctx, name)
		return err
	})
	return data, err
}

// Open implements blob.Store.
func (f *Faulty) Open(ctx context.Context, name string) (o blob.Object, err error) {
	err = f.read("open", name, func() error {
		o, err = f.inner.Open(ctx, name)
		return err
	})
	return o, err
}

// List implements blob.Store.
func (f *Faulty) List(ctx context.Context, prefix string) (infos []blob.Info, err error) {
	err = f.read("list", prefix, func() error {
		infos, err = f.inner.List(ctx, prefix)
		return err
	})
	return infos, err
}

// Delete implements blob.Store.
func (f *Faulty) Delete(ctx context.Context, name string) error {
	return f.write(ctx, "delete", name, func() error { return f.inner.Delete(context.WithoutCancel(ctx), name) })
}

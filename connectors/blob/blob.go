package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// MaxSmallBytes bounds what Create writes and what Get reads into memory; a larger object goes through Upload and Open.
const MaxSmallBytes = 64 << 20

var (
	// ErrExists says that Create lost: the name is taken by an object that is whole and durable.
	ErrExists = errors.New("object exists")
	// ErrNotFound says that no object has the name.
	ErrNotFound = errors.New("object not found")
	// ErrUnknown says that a write was sent and its outcome is not known. The object may exist now, later or never:
	// re-read the name and compare, delete nothing.
	ErrUnknown = errors.New("outcome not known")
)

// Store is a flat space of immutable objects; see the package comment for consistency, durability, concurrency and errors.
// Names follow CheckName.
type Store interface {
	// Create writes data under name if the name is free. It returns ErrExists if it is taken, ErrUnknown if the outcome
	// is not known; any other error means that nothing was written. data is not kept; at most MaxSmallBytes.
	Create(ctx context.Context, name string, data []byte) error

	// Upload writes all of r under a name that is unique by construction and returns its size. The object appears whole
	// or not at all. After an error the outcome is not known; the same bytes may be sent again under the same name, which
	// replaces the object by an equal one.
	Upload(ctx context.Context, name string, r io.Reader) (Info, error)

	// Get returns the whole object, which the caller then owns. ErrNotFound if there is none; an error if it is larger
	// than MaxSmallBytes.
	Get(ctx context.Context, name string) ([]byte, error)

	// Open gives random access to an object, ErrNotFound if there is none. ctx bounds the reads as well: when it is
	// done, they fail.
	Open(ctx context.Context, name string) (Object, error)

	// List returns all objects whose name starts with prefix (which need not end at a slash; "" lists everything), in
	// ascending order of names. For tools and cleaning up, never for truth.
	List(ctx context.Context, prefix string) ([]Info, error)

	// Delete removes the object if there is one; deleting what is not there is no error.
	Delete(ctx context.Context, name string) error
}

// Object is an open object. ReadAt may be called from many goroutines at once and obeys io.ReaderAt: a read that ends
// before len(p) returns io.EOF with the bytes there are. Close it when done.
type Object interface {
	io.ReaderAt
	io.Closer
	// Size is the object's length in bytes.
	Size() int64
}

// Info describes one object.
type Info struct {
	Name      string    // relative to the store
	SizeBytes int64     // length of the object
	Modified  time.Time // when the store took it, by the store's clock; zero in the answer of Upload
}

// UploadFile uploads the file at path under name.
func UploadFile(ctx context.Context, s Store, name, path string) (Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return Info{}, fmt.Errorf("upload %q: %w", name, err)
	}
	defer f.Close()
	return s.Upload(ctx, name, f)
}

// failed says which operation on which object went wrong and why: "op "name": cause".
func failed(op, name string, cause error) error { return fmt.Errorf("%s %q: %w", op, name, cause) }

// unknown marks a write whose outcome is not known.
func unknown(op, name string, cause error) error {
	return fmt.Errorf("%s %q: %w: %w", op, name, ErrUnknown, cause)
}

// checkSmall refuses what Create and Get do not carry.
func checkSmall(sizeBytes int64) error {
	if sizeBytes > MaxSmallBytes {
		return fmt.Errorf("%d bytes exceed the limit of %d for objects held in memory: use Upload and Open", sizeBytes, int64(MaxSmallBytes))
	}
	return nil
}

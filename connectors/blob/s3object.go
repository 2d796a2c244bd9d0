package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// objectCount numbers open objects, so that blocks of one are never taken for another's.
var objectCount atomic.Uint64

// s3Object reads ranges of one version of an object: each request names its entity tag, so that a name which is
// replaced meanwhile fails the read instead of mixing two contents.
type s3Object struct {
	store  *s3Store
	ctx    context.Context // of Open: bounds the reads
	cancel context.CancelFunc
	name   string
	etag   string
	size   int64
	id     uint64
	tail   []byte // the object's last bytes, read at Open
}

// Open asks for the last bytes at once: one request then serves for existence, size, entity tag and a file's footer.
func (s *s3Store) Open(ctx context.Context, name string) (Object, error) {
	if err := CheckName(name); err != nil {
		return nil, failed("open", name, err)
	}
	o := &s3Object{store: s, name: name, id: objectCount.Add(1)}
	o.ctx, o.cancel = context.WithCancel(ctx)
	err := repeatBroken(o.ctx, o.readTail)
	if httpStatus(err) == http.StatusRequestedRangeNotSatisfiable { // empty: it has no last bytes
		err = o.head()
	}
	if err != nil {
		o.cancel()
		return nil, failed("open", name, readError(err))
	}
	return o, nil
}

func (o *s3Object) readTail() error {
	out, err := o.store.client.GetObject(o.ctx, &s3.GetObjectInput{
		Bucket: &o.store.loc.bucket, Key: o.store.key(o.name), Range: aws.String(fmt.Sprintf("bytes=-%d", tailBytes))})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	if o.size, err = totalSize(out); err != nil {
		return err
	}
	o.etag = aws.ToString(out.ETag)
	o.tail = make([]byte, min(o.size, tailBytes))
	return readBody(out.Body, o.tail)
}

// totalSize reads the object's size from "Content-Range: bytes 0-9/SIZE"; a server that ignores ranges is refused.
func totalSize(out *s3.GetObjectOutput) (int64, error) {
	n := aws.ToInt64(out.ContentLength)
	cr := aws.ToString(out.ContentRange)
	if cr == "" && n <= tailBytes {
		return n, nil // a whole small object needs no range
	}
	size, err := strconv.ParseInt(cr[strings.LastIndexByte(cr, '/')+1:], 10, 64)
	if err != nil || n != min(size, tailBytes) {
		return 0, fmt.Errorf("the server answers a range of %d bytes with %d and Content-Range %q", tailBytes, n, cr)
	}
	return size, nil
}

func (o *s3Object) head() error {
	out, err := o.store.client.HeadObject(o.ctx, &s3.HeadObjectInput{Bucket: &o.store.loc.bucket, Key: o.store.key(o.name)})
	if err != nil {
		return err
	}
	if o.size = aws.ToInt64(out.ContentLength); o.size != 0 {
		return fmt.Errorf("the server refuses a range of an object of %d bytes", o.size)
	}
	o.etag = aws.ToString(out.ETag)
	return nil
}

func (o *s3Object) Size() int64 { return o.size }

func (o *s3Object) Close() error {
	o.cancel()
	o.store.blocks.forget(o.id, o.size)
	return nil
}

func (o *s3Object) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, failed("read", o.name, errors.New("negative offset"))
	}
	want := len(p)
	p = p[:max(0, min(int64(want), o.size-off))]
	for done := 0; done < len(p); {
		n, err := o.readSome(p[done:], off+int64(done))
		done += n
		if err != nil {
			return done, failed("read", o.name, err)
		}
	}
	if len(p) < want {
		return len(p), io.EOF
	}
	return len(p), nil
}

// readSome reads at least one byte of p: from the tail, straight into p if it is long, else through a block.
func (o *s3Object) readSome(p []byte, off int64) (int, error) {
	if from := o.size - int64(len(o.tail)); off >= from {
		return copy(p, o.tail[off-from:]), o.ctx.Err()
	}
	if len(p) >= blockBytes {
		n := min(len(p), partBytes)
		if err := o.fetch(p[:n], off); err != nil {
			return 0, err
		}
		return n, nil
	}
	id := blockID{o.id, off / blockBytes}
	data := o.store.blocks.get(id)
	if data == nil {
		start := id.index * blockBytes
		data = make([]byte, min(blockBytes, o.size-start))
		if err := o.fetch(data, start); err != nil {
			return 0, err
		}
		o.store.blocks.put(id, data)
	}
	return copy(p, data[off%blockBytes:]), o.ctx.Err()
}

// fetch fills p from off by one ranged request, which is repeated if the connection breaks in the middle of the answer.
func (o *s3Object) fetch(p []byte, off int64) error {
	return repeatBroken(o.ctx, func() error { return o.fetchOnce(p, off) })
}

func (o *s3Object) fetchOnce(p []byte, off int64) error {
	out, err := o.store.client.GetObject(o.ctx, &s3.GetObjectInput{
		Bucket: &o.store.loc.bucket, Key: o.store.key(o.name), IfMatch: &o.etag,
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1))})
	if err != nil {
		return readError(err)
	}
	defer out.Body.Close()
	if n := aws.ToInt64(out.ContentLength); n != int64(len(p)) {
		return fmt.Errorf("range at %d: %d bytes instead of %d", off, n, len(p))
	}
	return readBody(out.Body, p)
}

// bodyAttempts bounds the repetition of a read whose answer broke off; the SDK repeats requests, but not their bodies.
const bodyAttempts = 3

// brokenBody is an answer that began well and broke off.
type brokenBody struct{ error }

func (b brokenBody) Unwrap() error { return b.error }

// readBody fills p from an answer.
func readBody(r io.Reader, p []byte) error {
	if _, err := io.ReadFull(r, p); err != nil {
		return brokenBody{fmt.Errorf("answer of %d bytes broke off: %w", len(p), err)}
	}
	return nil
}

// repeatBroken runs read until it ends otherwise than by a broken body, ctx is done, or the attempts are used up.
func repeatBroken(ctx context.Context, read func() error) error {
	for attempt := 1; ; attempt++ {
		err := read()
		if !errors.As(err, new(brokenBody)) || attempt == bodyAttempts || ctx.Err() != nil {
			return err
		}
	}
}

package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/blob/blobtest"
)

func TestS3Conforms(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		f := newFakeS3(t)
		t.Cleanup(func() {
			if len(f.uploads) > 0 {
				t.Errorf("%d uploads were neither completed nor removed", len(f.uploads))
			}
		})
		return f.open(t, blob.Options{CacheBytes: 1 << 20})
	})
}

const objectPath = "/bucket/some/prefix/m/1"

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		c.Close()
	}
}

func TestCreateTellsWhatIsKnown(t *testing.T) {
	const unknown, exists, plain = "unknown", "exists", "plain"
	for _, c := range []struct {
		name     string
		answer   func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc)
		want     string
		requests int // PUTs of the name
		applied  bool
	}{
		{"reply lost", func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
			serve(&discard{}, r)
			cut(w)
		}, unknown, 1, true},
		{"request lost", func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) { cut(w) }, unknown, 1, false},
		{"gateway error after the write", func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
			serve(&discard{}, r)
			fail(w, 502, "BadGateway")
		}, unknown, 1, true},
		{"internal error", func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) { fail(w, 500, "InternalError") }, unknown, 1, false},
		{"forbidden", func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) { fail(w, 403, "AccessDenied") }, plain, 1, false},
		{"slow down for ever", func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) { fail(w, 503, "SlowDown") }, plain, 5, false},
		{"conflict for ever", func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
			fail(w, 409, "ConditionalRequestConflict")
		}, plain, 5, false},
		{"taken", func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) { fail(w, 412, "PreconditionFailed") }, exists, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeS3(t)
			s := f.open(t, blob.Options{})
			f.intercept = func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) bool {
				if r.Method != http.MethodPut {
					return false
				}
				c.answer(w, r, serve)
				return true
			}
			err := s.Create(t.Context(), "m/1", []byte("x"))
			got := plain
			if errors.Is(err, blob.ErrUnknown) {
				got = unknown
			} else if errors.Is(err, blob.ErrExists) {
				got = exists
			}
			if err == nil || got != c.want {
				t.Errorf("error is %s (%v), want %s", got, err, c.want)
			}
			if n := f.count("PUT " + objectPath); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			if _, err := s.Get(t.Context(), "m/1"); (err == nil) != c.applied {
				t.Errorf("get afterwards: %v; applied should be %v", err, c.applied)
			}
		})
	}
}

// discard is the client that is no longer there.
type discard struct{}

func (*discard) Header() http.Header         { return http.Header{} }
func (*discard) Write(p []byte) (int, error) { return len(p), nil }
func (*discard) WriteHeader(int)             {}

func TestCreateGoesOnAfterAConflict(t *testing.T) {
	f := newFakeS3(t)
	s := f.open(t, blob.Options{})
	var n atomic.Int32
	f.intercept = func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) bool {
		if n.Add(1) <= 2 {
			fail(w, 409, "ConditionalRequestConflict")
			return true
		}
		return false
	}
	if err := s.Create(t.Context(), "m/1", []byte("x")); err != nil || n.Load() != 3 {
		t.Errorf("create: %v after %d requests, want success after 3", err, n.Load())
	}
}

func TestCreateTimeouts(t *testing.T) {
	f := newFakeS3(t)
	s := f.open(t, blob.Options{RequestTimeout: 300 * time.Millisecond})
	release := make(chan struct{})
	f.intercept = func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) bool {
		<-release
		return false
	}
	err := s.Create(t.Context(), "m/1", []byte("x"))
	if !errors.Is(err, blob.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer in time: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := s.Create(ctx, "m/1", []byte("x")); !errors.Is(err, blob.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled on the way: %v", err)
	}
	close(release)
}

func TestSilentServerIsBounded(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	f := newFakeS3(t)
	s := f.open(t, blob.Options{RequestTimeout: 300 * time.Millisecond})
	if err := f.open(t, blob.Options{}).Create(t.Context(), "m/1", bytes.Repeat([]byte("x"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	f.intercept = func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) bool {
		if r.Method != http.MethodGet || r.Header.Get("Range") != "" {
			<-release
			return true
		}
		w.Header().Set("Content-Length", "1000") // begins to answer, and stops
		w.Write(make([]byte, 10))
		http.NewResponseController(w).Flush()
		<-release
		return true
	}
	var getErr, openErr, upErr error
	var wg sync.WaitGroup
	wg.Go(func() { _, getErr = s.Get(t.Context(), "m/1") })
	wg.Go(func() { _, openErr = s.Open(t.Context(), "m/1") })
	wg.Go(func() { _, upErr = s.Upload(t.Context(), "m/2", strings.NewReader("x")) })
	wg.Wait()
	for _, err := range []error{getErr, openErr, upErr} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v, want a deadline", err)
		}
	}
	if !errors.Is(upErr, blob.ErrUnknown) {
		t.Errorf("upload: %v", upErr)
	}
	close(release)
}

func TestCreateThatWasNeverSentIsNotUnknown(t *testing.T) {
	f := newFakeS3(t)
	s := f.open(t, blob.Options{})
	f.transport.CloseIdleConnections() // a request on one of them would have been sent
	f.Close()
	err := s.Create(t.Context(), "m/1", []byte("x"))
	if err == nil || errors.Is(err, blob.ErrUnknown) || !errors.As(err, new(*net.OpError)) {
		t.Errorf("server is down: %v", err)
	}
}

func TestMissingBucketIsNotAMissingObject(t *testing.T) {
	f := newFakeS3(t)
	s := f.open(t, blob.Options{})
	f.intercept = func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) bool {
		fail(w, 404, "NoSuchBucket")
		return true
	}
	_, getErr := s.Get(t.Context(), "m/1")
	_, openErr := s.Open(t.Context(), "m/1")
	for _, err := range []error{getErr, openErr} {
		if err == nil || errors.Is(err, blob.ErrNotFound) || !strings.Contains(err.Error(), "NoSuchBucket") {
			t.Errorf("bucket gone: %v", err)
		}
	}
}

func TestReadsSurviveBrokenAnswers(t *testing.T) {
	f := newFakeS3(t)
	s := f.open(t, blob.Options{})
	data := bytes.Repeat([]byte("0123456789"), 200_000)
	if _, err := s.Upload(t.Context(), "m/1", bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	var n atomic.Int32
	f.intercept = func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) bool {
		if n.Add(1)%3 == 0 {
			return false
		}
		serve(&truncating{ResponseWriter: w, left: 100}, r)
		return true
	}
	if got, err := s.Get(t.Context(), "m/1"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("get: %d bytes, %v", len(got), err)
	}
	o, err := s.Open(t.Context(), "m/1")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	p := make([]byte, 1_000_000)
	if _, err := o.ReadAt(p, 7); err != nil || !bytes.Equal(p, data[7:1_000_007]) {
		t.Errorf("read: %v", err)
	}
	f.intercept = func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) bool {
		serve(&truncating{ResponseWriter: w, left: 100}, r)
		return true
	}
	if _, err := s.Get(t.Context(), "m/1"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("get of what always breaks off: %v", err)
	}
}

func TestGetNoticesAFlippedBit(t *testing.T) {
	f := newFakeS3(t)
	s := f.open(t, blob.Options{})
	if err := s.Create(t.Context(), "m/1", []byte("what was written")); err != nil {
		t.Fatal(err)
	}
	f.flip = true
	if got, err := s.Get(t.Context(), "m/1"); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("get: %q, %v", got, err)
	}
}

// truncating sends the head and the first bytes of an answer, and drops the connection.
type truncating struct {
	http.ResponseWriter
	left int
}

func (w *truncating) Write(p []byte) (int, error) {
	w.ResponseWriter.Write(p[:min(len(p), w.left)])
	http.NewResponseController(w.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

func TestSmallReadsShareBlocks(t *testing.T) {
	f := newFakeS3(t)
	s := f.open(t, blob.Options{})
	data := bytes.Repeat([]byte("0123456789abcdef"), 128<<10) // 2 MiB: 8 blocks
	if _, err := s.Upload(t.Context(), "m/1", bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	o, err := s.Open(t.Context(), "m/1")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	p := make([]byte, 4096)
	for _, off := range []int{len(data) - 8, len(data) - 60_000, len(data) - 1000} {
		o.ReadAt(p[:1000], int64(off)) // the footer came with Open
	}
	if n := f.count("GET " + objectPath); n != 1 {
		t.Errorf("%d requests for a file's footer, want 1", n)
	}
	for range 2 {
		for off := 0; off < len(data); off += 4096 {
			if _, err := o.ReadAt(p[:4096], int64(off)); err != nil || !bytes.Equal(p[:4096], data[off:off+4096]) {
				t.Fatalf("read at %d: %v", off, err)
			}
		}
	}
	if n := f.count("GET " + objectPath); n != 1+8 {
		t.Errorf("%d requests for two passes in small reads, want 9: one for the footer and one for each block", n)
	}
	if n, err := o.ReadAt(make([]byte, 1<<20), 0); n != 1<<20 || err != nil || f.count("GET "+objectPath) != 10 {
		t.Errorf("a long read: %d bytes, %v, %d requests in all", n, err, f.count("GET "+objectPath))
	}
}

func TestOpenURLOnS3SaysWhatIsWrong(t *testing.T) {
	f := newFakeS3(t)
	t.Setenv("AWS_ENDPOINT_URL", f.URL) // found by the AWS chain
	if _, err := blob.OpenURL(t.Context(), "s3://bucket", blob.Options{}); err != nil {
		t.Errorf("endpoint from the environment: %v", err)
	}
	if _, err := blob.OpenURL(t.Context(), "s3://other/p", blob.Options{}); err == nil || !strings.Contains(err.Error(), `bucket "other" does not exist`) {
		t.Errorf("no bucket: %v", err)
	}
	f.intercept = func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) bool {
		w.WriteHeader(http.StatusForbidden)
		return true
	}
	if _, err := blob.OpenURL(t.Context(), "s3://bucket", blob.Options{}); err == nil || !strings.Contains(err.Error(), "s3:ListBucket") {
		t.Errorf("forbidden: %v", err)
	}
}

func TestOpenURLRefuses(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "none")
	t.Setenv("AWS_ENDPOINT_URL", "")
	for location, want := range map[string]string{
		"":                                  "no location",
		"gs://bucket":                       "not known",
		"s3://":                             "no bucket",
		"s3://bucket":                       "no AWS region",
		"s3://k:secret@bucket/p":            "credentials do not belong",
		"s3://bucket/a//b":                  "component is empty",
		"s3://bucket/" + longPrefix:         "at most",
		"s3://bucket?endpoint=localhost":    "want http://",
		"s3://bucket?endpoint=ftp://x":      "want http://",
		"s3://bucket?path_style=maybe":      "want true or false",
		"s3://bucket?zone=a":                `parameter "zone"`,
		"s3://bucket?region=a&region=b":     "at most once",
		"file://host/dir":                   "three slashes",
		"file:///dir?x=y":                   "no query",
		"s3://bucket/p%zz":                  "invalid URL escape",
		"s3://bucket?endpoint=http%3A%2F%2": "invalid URL escape",
	} {
		_, err := blob.OpenURL(t.Context(), location, blob.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret@") || strings.Contains(err.Error(), "%!") {
			t.Errorf("%q: error is %v, want one with %q", location, err, want)
		}
	}
	for _, o := range []blob.Options{{RequestTimeout: -1}, {CacheBytes: 1}} {
		if _, err := blob.OpenURL(t.Context(), t.TempDir(), o); err == nil {
			t.Errorf("options %+v were taken", o)
		}
	}
}

var longPrefix = strings.Repeat("d/", 130) + "x"

func TestPathStyleCanBeTurnedOff(t *testing.T) {
	newFakeS3(t) // for its credentials
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	var host atomic.Value
	tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		host.Store(addr)
		return nil, errors.New("no such host")
	}}
	_, err := blob.OpenURL(t.Context(), "s3://bucket?path_style=false&region=x&endpoint="+url.QueryEscape("http://s3.test"),
		blob.Options{HTTPClient: &http.Client{Transport: tr}, RequestTimeout: 100 * time.Millisecond})
	if err == nil || host.Load() != "bucket.s3.test:80" {
		t.Errorf("dialled %v, want the bucket in the host; %v", host.Load(), err)
	}
}

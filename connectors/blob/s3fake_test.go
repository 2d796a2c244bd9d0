package blob_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
)

// fakeS3 answers the requests of the S3 store as the S3 API reference describes them, for one bucket named "bucket",
// path style, without looking at signatures. The integration suite repeats the same tests against a real server.
type fakeS3 struct {
	*httptest.Server
	// intercept may answer in the server's place (true), before or after calling serve.
	intercept func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) bool

	transport *http.Transport // of the store opened last

	flip bool // change a bit of every body sent

	mu       sync.Mutex
	objects  map[string]fakeObject
	uploads  map[string]map[int][]byte
	requests []string
}

type fakeObject struct {
	data     []byte
	modified time.Time
}

func (o fakeObject) etag() string { return fmt.Sprintf("%q", fmt.Sprintf("%x", md5.Sum(o.data))) }

func newFakeS3(t *testing.T) *fakeS3 {
	f := &fakeS3{objects: map[string]fakeObject{}, uploads: map[string]map[int][]byte{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.URL.Path)
		f.mu.Unlock()
		if f.intercept == nil || !f.intercept(w, r, f.serve) {
			f.serve(w, r)
		}
	}))
	t.Cleanup(f.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return f
}

// open returns a store on the fake; its connections end with the test.
func (f *fakeS3) open(t *testing.T, opts blob.Options) blob.Store {
	t.Helper()
	f.transport = &http.Transport{}
	t.Cleanup(f.transport.CloseIdleConnections)
	opts.HTTPClient = &http.Client{Transport: f.transport}
	s, err := blob.OpenURL(t.Context(), "s3://bucket/some/prefix?endpoint="+url.QueryEscape(f.URL), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *fakeS3) count(request string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if r == request {
			n++
		}
	}
	return n
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/xml")
	xml.NewEncoder(w).Encode(v)
}

func (f *fakeS3) serve(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query()
	switch {
	case bucket != "bucket":
		fail(w, http.StatusNotFound, "NoSuchBucket")
	case key == "" && r.Method == http.MethodHead:
	case key == "":
		f.list(w, q)
	case q.Has("uploads") || q.Has("uploadId"):
		f.multipart(w, r, key, q, body)
	case r.Method == http.MethodPut:
		f.put(w, r, key, body)
	case r.Method == http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		f.get(w, r, key)
	}
}

func (f *fakeS3) put(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	if _, ok := f.objects[key]; ok && r.Header.Get("If-None-Match") == "*" {
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	if r.Header.Get("X-Amz-Checksum-Crc32") == "" {
		fail(w, http.StatusBadRequest, "MissingChecksum")
		return
	}
	f.objects[key] = fakeObject{body, time.Now()}
	w.Header().Set("ETag", f.objects[key].etag())
}

func (f *fakeS3) get(w http.ResponseWriter, r *http.Request, key string) {
	o, ok := f.objects[key]
	if !ok {
		fail(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	if m := r.Header.Get("If-Match"); m != "" && m != o.etag() {
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	w.Header().Set("ETag", o.etag())
	size := len(o.data)
	from, to := 0, size
	if spec, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		a, b, _ := strings.Cut(spec, "-")
		if a == "" {
			n, _ := strconv.Atoi(b)
			from = max(0, size-n)
		} else {
			from, _ = strconv.Atoi(a)
			to, _ = strconv.Atoi(b)
			to = min(to+1, size)
		}
		if from >= size {
			fail(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
	}
	if r.Header.Get("Range") == "" && strings.EqualFold(r.Header.Get("X-Amz-Checksum-Mode"), "enabled") {
		sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(o.data))
		w.Header().Set("X-Amz-Checksum-Crc32", base64.StdEncoding.EncodeToString(sum))
	}
	w.Header().Set("Content-Length", strconv.Itoa(to-from))
	if w.Header().Get("Content-Range") != "" {
		w.WriteHeader(http.StatusPartialContent)
	}
	if r.Method == http.MethodGet {
		w.Write(f.spoil(o.data[from:to]))
	}
}

func (f *fakeS3) spoil(data []byte) []byte {
	if f.flip && len(data) > 0 {
		data = slices.Clone(data)
		data[len(data)/2] ^= 1
	}
	return data
}

// list answers in pages of three, so that paging is always part of the test.
func (f *fakeS3) list(w http.ResponseWriter, q url.Values) {
	type content struct {
		Key          string
		Size         int
		LastModified string
	}
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
	}
	var keys []string
	for k := range f.objects {
		if strings.HasPrefix(k, q.Get("prefix")) && k > q.Get("continuation-token") {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if len(keys) > 3 {
		keys = keys[:3]
		page.IsTruncated, page.NextContinuationToken = true, keys[2]
	}
	for _, k := range keys {
		o := f.objects[k]
		page.Contents = append(page.Contents, content{k, len(o.data), o.modified.UTC().Format(time.RFC3339)})
	}
	answer(w, page)
}

func (f *fakeS3) multipart(w http.ResponseWriter, r *http.Request, key string, q url.Values, body []byte) {
	id := q.Get("uploadId")
	switch {
	case q.Has("uploads"):
		id = fmt.Sprint("upload-", len(f.requests))
		f.uploads[id] = map[int][]byte{}
		answer(w, struct {
			XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
			UploadId string
		}{UploadId: id})
	case f.uploads[id] == nil:
		fail(w, http.StatusNotFound, "NoSuchUpload")
	case r.Method == http.MethodPut:
		n, _ := strconv.Atoi(q.Get("partNumber"))
		f.uploads[id][n] = body
		w.Header().Set("ETag", fakeObject{data: body}.etag())
	case r.Method == http.MethodDelete:
		delete(f.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		var data []byte
		for n := 1; n <= len(f.uploads[id]); n++ {
			data = append(data, f.uploads[id][n]...)
		}
		delete(f.uploads, id)
		f.objects[key] = fakeObject{data, time.Now()}
		answer(w, struct {
			XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
			ETag    string
		}{ETag: f.objects[key].etag()})
	}
}

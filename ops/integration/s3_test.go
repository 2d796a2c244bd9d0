//go:build integration

package integration

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/blob/blobtest"
)

// s3Store opens an empty prefix of the bucket; credentials come from the AWS chain.
func s3Store(t *testing.T) blob.Store {
	t.Helper()
	endpoint := realS3(t)
	tr := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(tr.CloseIdleConnections)
	s, err := blob.OpenURL(t.Context(), fmt.Sprintf("s3://%s/it/%s?endpoint=%s", s3Bucket, rand.Text(), url.QueryEscape(endpoint)),
		blob.Options{HTTPClient: &http.Client{Transport: tr}, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRealS3Conforms(t *testing.T) {
	blobtest.Run(t, s3Store)
}

// TestRealS3NumberedLog has several writers append to a log of numbered objects, as manifests do: every number has one
// writer, and none is left out.
func TestRealS3NumberedLog(t *testing.T) {
	s := s3Store(t)
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			next := 0
			for i := range each {
				entry := fmt.Appendf(nil, "writer %d entry %d", w, i)
				for {
					err := s.Create(t.Context(), fmt.Sprintf("manifest/%06d", next), entry)
					next++
					if err == nil {
						break
					}
					if !errors.Is(err, blob.ErrExists) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for n := range writers * each {
		entry, err := s.Get(t.Context(), fmt.Sprintf("manifest/%06d", n))
		if err != nil || seen[string(entry)] {
			t.Fatalf("number %d: %q, %v", n, entry, err)
		}
		seen[string(entry)] = true
	}
	if _, err := s.Get(t.Context(), fmt.Sprintf("manifest/%06d", writers*each)); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("after the last: %v", err)
	}
}

func TestRealS3NamesWhatIsWrong(t *testing.T) {
	endpoint := url.QueryEscape(realS3(t))
	_, err := blob.OpenURL(t.Context(), "s3://no-such-bucket?endpoint="+endpoint, blob.Options{})
	if err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("no bucket: %v", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	_, err = blob.OpenURL(t.Context(), "s3://"+s3Bucket+"?endpoint="+endpoint, blob.Options{})
	if err == nil || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("wrong secret: %v", err)
	}
}

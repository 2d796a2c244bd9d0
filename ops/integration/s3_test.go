//go:build integration

package integration

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/blob/blobtest"
)

// s3Store opens an empty prefix of the bucket "anabranch" at the endpoint in ANABRANCH_IT_S3; credentials come from the AWS chain.
func s3Store(t *testing.T) blob.Store {
	t.Helper()
	endpoint := os.Getenv("ANABRANCH_IT_S3")
	if endpoint == "" {
		t.Fatal("ANABRANCH_IT_S3 is not set: start ops/parts/s3.sh and give its URL")
	}
	tr := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(tr.CloseIdleConnections)
	s, err := blob.OpenURL(t.Context(), fmt.Sprintf("s3://anabranch/it/%s?endpoint=%s", rand.Text(), url.QueryEscape(endpoint)),
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
	endpoint := url.QueryEscape(os.Getenv("ANABRANCH_IT_S3"))
	_, err := blob.OpenURL(t.Context(), "s3://no-such-bucket?endpoint="+endpoint, blob.Options{})
	if err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("no bucket: %v", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	_, err = blob.OpenURL(t.Context(), "s3://anabranch?endpoint="+endpoint, blob.Options{})
	if err == nil || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("wrong secret: %v", err)
	}
}

package blob

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options tune a store; the zero value is ready to use. The directory store heeds none of them.
type Options struct {
	// HTTPClient sends the requests to S3. Default: one of the store's own, which heeds AWS_CA_BUNDLE and the proxy
	// variables.
	HTTPClient *http.Client
	// RequestTimeout bounds one attempt of one request. Default 30 s. At least 8 MiB, the largest part, must pass in it.
	RequestTimeout time.Duration
	// CacheBytes bounds the read-ahead blocks that all open objects of the store share. Default 64 MiB, at least 1 MiB.
	CacheBytes int64
}

// Validate says what is out of range.
func (o Options) Validate() error {
	if o.RequestTimeout < 0 {
		return fmt.Errorf("RequestTimeout %v is negative", o.RequestTimeout)
	}
	if o.CacheBytes != 0 && o.CacheBytes < minCacheBytes {
		return fmt.Errorf("CacheBytes %d is below %d", o.CacheBytes, minCacheBytes)
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.RequestTimeout == 0 {
		o.RequestTimeout = 30 * time.Second
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	return o
}

// OpenURL opens the store that location names:
//
//	DIR or file:///DIR                                          a directory, made if need be
//	s3://BUCKET[/PREFIX][?endpoint=URL&region=R&path_style=B]   a bucket, which must exist
//
// S3 takes credentials, region and endpoint from the AWS chain (environment with AWS_ENDPOINT_URL, profile, instance
// role); the query goes before it. path_style is true by default for an endpoint other than AWS's own. A bucket that does
// not answer is an error here rather than at the first read.
func OpenURL(ctx context.Context, location string, opts Options) (Store, error) {
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	scheme, _, ok := strings.Cut(location, "://")
	switch {
	case location == "":
		return nil, fmt.Errorf("open object store: no location; want a directory or s3://BUCKET/PREFIX")
	case !ok:
		return OpenDir(location)
	case scheme == "file":
		dir, err := fileURL(location)
		if err != nil {
			return nil, err
		}
		return OpenDir(dir)
	case scheme == "s3":
		loc, err := parseS3URL(location)
		if err != nil {
			return nil, err
		}
		return openS3(ctx, loc, opts.withDefaults())
	}
	return nil, fmt.Errorf("open object store %q: scheme %q is not known; want a directory, file:///DIR or s3://BUCKET/PREFIX", location, scheme)
}

func fileURL(location string) (string, error) {
	u, err := url.Parse(location)
	if err != nil {
		return "", fmt.Errorf("open object store: %w", err)
	}
	if (u.Host != "" && u.Host != "localhost") || u.Path == "" || u.RawQuery != "" {
		return "", fmt.Errorf("open object store %q: want file:///DIR with three slashes and no query", location)
	}
	return u.Path, nil
}

// s3Location is an s3:// URL taken apart.
type s3Location struct {
	bucket, prefix   string // prefix without slash at either end
	endpoint, region string // empty: from the AWS chain
	pathStyle        *bool  // nil: true for an endpoint that is not AWS's own
}

func (l s3Location) String() string { return "s3://" + strings.TrimSuffix(l.bucket+"/"+l.prefix, "/") }

func parseS3URL(location string) (s3Location, error) {
	bad := func(format string, args ...any) (s3Location, error) {
		return s3Location{}, fmt.Errorf("open object store: "+format, args...)
	}
	u, err := url.Parse(location)
	if err != nil {
		return bad("%w", err)
	}
	if u.User != nil {
		return bad("%s: credentials do not belong into the URL; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE", u.Redacted())
	}
	l := s3Location{bucket: u.Host, prefix: strings.Trim(u.Path, "/")}
	if l.bucket == "" {
		return bad("%q: no bucket; want s3://BUCKET/PREFIX", location)
	}
	if l.prefix != "" {
		if err := CheckName(l.prefix); err != nil {
			return bad("%q: prefix: %w", location, err)
		}
		if len(l.prefix) > maxPrefixBytes {
			return bad("%q: the prefix has %d bytes, at most %d", location, len(l.prefix), maxPrefixBytes)
		}
	}
	if err := l.parseQuery(u.RawQuery); err != nil {
		return bad("%q: %w", location, err)
	}
	return l, nil
}

// maxPrefixBytes is what S3's limit of 1,024 bytes for a key leaves beside a name and a slash.
const maxPrefixBytes = 1024 - MaxNameBytes - 1

var s3Parameters = []string{"endpoint", "path_style", "region"}

func (l *s3Location) parseQuery(raw string) error {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return err
	}
	for k, v := range q {
		if !slices.Contains(s3Parameters, k) || len(v) != 1 {
			return fmt.Errorf("parameter %q; want each of %s at most once", k, strings.Join(s3Parameters, ", "))
		}
	}
	l.endpoint, l.region = q.Get("endpoint"), q.Get("region")
	if l.endpoint != "" {
		if e, err := url.Parse(l.endpoint); err != nil || e.Host == "" || (e.Scheme != "http" && e.Scheme != "https") {
			return fmt.Errorf("endpoint %q; want http://HOST:PORT or https://HOST:PORT", l.endpoint)
		}
	}
	if !q.Has("path_style") {
		return nil
	}
	b, err := strconv.ParseBool(q.Get("path_style"))
	if err != nil {
		return fmt.Errorf("path_style %q; want true or false", q.Get("path_style"))
	}
	l.pathStyle = &b
	return nil
}

package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

// partBytes is the size of a part of an upload and the largest range of a read; an upload holds uploadParts of them.
const (
	partBytes   = 8 << 20
	uploadParts = 4
)

// s3Store keeps objects as bucket/prefix/NAME.
type s3Store struct {
	client *s3.Client
	upload *transfermanager.Client
	loc    s3Location
	blocks *blockCache
}

func openS3(ctx context.Context, loc s3Location, opts Options) (Store, error) {
	cfg, err := config.LoadDefaultConfig(ctx, func(o *config.LoadOptions) error {
		o.Region = loc.region
		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 32 })
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", loc, err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		applyLocation(o, loc)
		o.Logger = logging.Nop{}    // the SDK would write to stderr; its errors come back as errors
		if opts.HTTPClient != nil { // only here: the chain could not add AWS_CA_BUNDLE to it
			o.HTTPClient = opts.HTTPClient
		}
		o.HTTPClient = attemptClient{o.HTTPClient, opts.RequestTimeout}
	})
	if client.Options().Region == "" {
		return nil, fmt.Errorf("open %s: no AWS region: set AWS_REGION or append ?region=NAME", loc)
	}
	s := &s3Store{client: client, loc: loc, blocks: newBlockCache(opts.CacheBytes)}
	s.upload = transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = partBytes, partBytes, uploadParts
		o.FailTimeout = opts.RequestTimeout // a failed upload's parts are removed even if ctx is done
	})
	if err := s.checkBucket(ctx); err != nil {
		return nil, fmt.Errorf("open %s: %w", loc, err)
	}
	return s, nil
}

func applyLocation(o *s3.Options, loc s3Location) {
	if loc.endpoint != "" {
		o.BaseEndpoint = aws.String(loc.endpoint)
	}
	custom := o.BaseEndpoint != nil
	if o.Region == "" && custom {
		o.Region = "us-east-1" // servers other than AWS ignore it, but a signature needs one
	}
	o.UsePathStyle = custom
	if loc.pathStyle != nil {
		o.UsePathStyle = *loc.pathStyle
	}
}

// checkBucket fails on what would later make a missing object look like something else, or the reverse: no bucket, or no
// right to list it (S3 then answers 403 for a name that is free).
func (s *s3Store) checkBucket(ctx context.Context) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.loc.bucket})
	switch httpStatus(err) {
	case http.StatusNotFound:
		return fmt.Errorf("bucket %q does not exist: create it first", s.loc.bucket)
	case http.StatusForbidden:
		return fmt.Errorf("no right to list bucket %q: grant s3:ListBucket, or check the credentials: %w", s.loc.bucket, err)
	}
	return err
}

func (s *s3Store) key(name string) *string {
	if s.loc.prefix == "" {
		return &name
	}
	return aws.String(s.loc.prefix + "/" + name)
}

func (s *s3Store) Upload(ctx context.Context, name string, r io.Reader) (Info, error) {
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return Info{}, failed("upload", name, err)
	}
	body := &countingReader{r: r}
	_, err := s.upload.UploadObject(ctx, &transfermanager.UploadObjectInput{Bucket: &s.loc.bucket, Key: s.key(name), Body: body})
	if err == nil {
		return Info{Name: name, SizeBytes: body.n}, nil
	}
	if body.err != nil {
		return Info{}, failed("upload", name, body.err) // the source failed: nothing was completed
	}
	return Info{}, unknown("upload", name, err)
}

// countingReader counts what passes, hides every other method of the source (the SDK would seek to learn its size), and
// keeps the source's own error.
type countingReader struct {
	r   io.Reader
	n   int64
	err error
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

func (s *s3Store) Get(ctx context.Context, name string) (data []byte, err error) {
	if err := CheckName(name); err != nil {
		return nil, failed("get", name, err)
	}
	err = repeatBroken(ctx, func() error {
		data, err = s.getOnce(ctx, name)
		return err
	})
	if err != nil {
		return nil, failed("get", name, readError(err))
	}
	return data, nil
}

func (s *s3Store) getOnce(ctx context.Context, name string) ([]byte, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.loc.bucket, Key: s.key(name)})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	size := aws.ToInt64(out.ContentLength)
	if err := checkSmall(size); err != nil {
		return nil, err
	}
	data := make([]byte, size)
	if err := readBody(out.Body, data); err != nil {
		return nil, err
	}
	// The checksum is compared at the end of the body.
	if _, err := out.Body.Read(make([]byte, 1)); err != io.EOF {
		return nil, fmt.Errorf("after %d bytes: want the end, have %v", size, err)
	}
	return data, nil
}

func (s *s3Store) List(ctx context.Context, prefix string) ([]Info, error) {
	if err := checkPrefix(prefix); err != nil {
		return nil, failed("list", prefix, err)
	}
	var infos []Info
	base := aws.ToString(s.key(""))
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.loc.bucket, Prefix: s.key(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list", prefix, err)
		}
		for _, o := range page.Contents {
			name := strings.TrimPrefix(aws.ToString(o.Key), base)
			if CheckName(name) == nil { // not ours: directory markers and strangers' objects
				infos = append(infos, Info{Name: name, SizeBytes: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)})
			}
		}
	}
	sortInfos(infos)
	return infos, nil
}

func (s *s3Store) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return failed("delete", name, err)
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.loc.bucket, Key: s.key(name)})
	if err != nil && !errors.Is(readError(err), ErrNotFound) {
		return failed("delete", name, err)
	}
	return nil
}

package blob

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// createAttempts and createPause bound the repetition of a Create that certainly wrote nothing; the pause doubles each
// time, 750 ms in all.
const (
	createAttempts = 5
	createPause    = 50 * time.Millisecond
)

// verdict is what one attempt of a conditional PUT says about the object.
type verdict int

const (
	applied    verdict = iota // ours
	taken                     // somebody else's
	notApplied                // certainly not written, and may be tried again
	refused                   // certainly not written, and trying again will not help
	uncertain                 // sent, and no answer that settles it
)

// Create sends one PUT with If-None-Match: *. The SDK's own retries are off: if the first attempt was applied and its
// reply lost, the second would meet our own object and report it as somebody else's.
func (s *s3Store) Create(ctx context.Context, name string, data []byte) error {
	if err := errors.Join(CheckName(name), checkSmall(int64(len(data))), ctx.Err()); err != nil {
		return failed("create", name, err)
	}
	pause := createPause
	for attempt := 1; ; attempt++ {
		v, err := s.tryCreate(ctx, name, data)
		switch {
		case v == applied:
			return nil
		case v == taken:
			return failed("create", name, ErrExists)
		case v == uncertain:
			return unknown("create", name, err)
		case v == refused, attempt == createAttempts, !sleep(ctx, pause):
			return failed("create", name, err)
		}
		pause *= 2
	}
}

func (s *s3Store) tryCreate(ctx context.Context, name string, data []byte) (verdict, error) {
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      &s.loc.bucket,
		Key:         s.key(name),
		Body:        bytes.NewReader(data),
		IfNoneMatch: aws.String("*"),
	}, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
	return judge(err, sent.Load()), err
}

// judge reads an attempt's error. sent: a connection was had, so that bytes may have reached the server.
func judge(err error, sent bool) verdict {
	if err == nil {
		return applied
	}
	code := errorCode(err)
	switch status := httpStatus(err); {
	case status == http.StatusPreconditionFailed:
		return taken
	case status == http.StatusConflict, status == http.StatusTooManyRequests, code == "SlowDown":
		return notApplied // 409: another conditional write of this name was under way
	case status >= 400 && status < 500:
		return refused
	case status != 0: // 5xx: a gateway may answer so after the store behind it has written
		return uncertain
	case sent:
		return uncertain
	}
	return notApplied
}

// sleep waits for d, or returns false if ctx is done before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// httpStatus is the status of the answer that err stands for, 0 if there was none.
func httpStatus(err error) int {
	var re *awshttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}

func errorCode(err error) string {
	var ae smithy.APIError
	if errors.As(err, &ae) {
		return ae.ErrorCode()
	}
	return ""
}

// readError maps the answer for a name that is free, and only that: a 404 for the bucket stays what it is.
func readError(err error) error {
	if httpStatus(err) == http.StatusNotFound && errorCode(err) == "NoSuchKey" {
		return ErrNotFound
	}
	return err
}

package blob

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// attemptClient bounds every attempt of every request, its answer's body included. The SDK by itself waits for a silent
// server as long as the caller's context allows, which may be for ever.
type attemptClient struct {
	inner s3.HTTPClient
	limit time.Duration
}

func (c attemptClient) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), c.limit)
	resp, err := c.inner.Do(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = attemptBody{resp.Body, cancel}
	return resp, nil
}

// attemptBody ends its attempt when it is closed.
type attemptBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b attemptBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// problem is an error answer (RFC 9457).
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Type   string `json:"type"`
	Row    *int   `json:"row"`
}

// Error is what the region said and, of a token, what to do.
func (p *problem) Error() string {
	switch {
	case p.Status == http.StatusUnauthorized:
		return "the region wants another bearer token: give --http-token, or ANABRANCH_HTTP_TOKEN_FILE"
	case p.Detail == "":
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

// get asks a region for a JSON document. An answer other than 200 is a *problem.
func (e *env) get(ctx context.Context, pl *place, path string, v any) error {
	if err := e.ask(ctx, pl, path, v); err != nil {
		return fmt.Errorf("region %s: %w", pl.region, err)
	}
	return nil
}

// ask is get for a region whose name is not known.
func (e *env) ask(ctx context.Context, pl *place, path string, v any) error {
	b, err := e.do(ctx, pl, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// post sends a JSON document to a region. An answer other than 200 is a
// *problem.
func (e *env) post(ctx context.Context, pl *place, path string, body []byte) ([]byte, error) {
	b, err := e.do(ctx, pl, http.MethodPost, path, body)
	if err != nil {
		return nil, fmt.Errorf("region %s: %w", pl.region, err)
	}
	return b, nil
}

func (e *env) do(ctx context.Context, pl *place, method, path string, body []byte) ([]byte, error) {
	if pl.http == "" {
		return nil, errors.New("its HTTP address is not known: give --http-listen or --server, or http under peers in --config")
	}
	req, err := http.NewRequestWithContext(ctx, method, pl.http+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if e.token != "" {
		req.Header.Set("Authorization", "Bearer "+e.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("it does not answer: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return b, nil
	}
	p := &problem{Status: resp.StatusCode, Title: resp.Status}
	if json.Unmarshal(b, p) != nil {
		p.Detail = strings.TrimSpace(string(b))
	}
	return nil, p
}

package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"anabranch.dev/anabranch/materializer/state"
)

// Server answers requests. Safe for concurrent use.
type Server struct {
	cfg      Config
	token    [sha256.Size]byte
	routes   map[string]route
	paths    []string
	plans    plans
	metrics  *metrics
	slots    chan struct{} // one per request in flight
	buffers  sync.Pool     // *call
	draining atomic.Bool
}

// New makes a server and registers its metrics.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg.filled(), token: sha256.Sum256([]byte(cfg.Token))}
	s.slots = make(chan struct{}, s.cfg.Limits.MaxInFlight)
	s.buffers.New = func() any { return &call{} }
	s.routes = s.table()
	s.paths = names(s.routes)
	var err error
	s.metrics, err = newMetrics(s.cfg.Metrics, s.paths)
	return s, err
}

// Handler serves all paths.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// route is one path.
type route struct {
	method string // POST, or GET that also answers HEAD
	open   bool   // needs no token
	feast  bool   // errors as Feast's clients read them
	answer func(*call) *Problem
}

func (s *Server) table() map[string]route {
	table := map[string]route{
		"/v1/features":             {method: http.MethodPost, answer: s.features},
		"/v1/frontier":             {method: http.MethodGet, answer: s.frontier},
		"/v1/status":               {method: http.MethodGet, answer: s.status},
		"/v1/views":                {method: http.MethodGet, answer: s.views},
		"/health":                  {method: http.MethodGet, open: true, answer: s.health},
		"/ready":                   {method: http.MethodGet, answer: s.ready},
		"/metrics":                 {method: http.MethodGet, answer: s.scrape},
		"/get-online-features":     {method: http.MethodPost, feast: true, answer: s.feastRead},
		"/push":                    {method: http.MethodPost, feast: true, answer: s.feastPush},
		"/write-to-online-store":   {method: http.MethodPost, feast: true, answer: s.feastWrite},
		"/materialize":             {method: http.MethodPost, feast: true, answer: s.feastMaterialize},
		"/materialize-incremental": {method: http.MethodPost, feast: true, answer: s.feastMaterialize},
	}
	for path, document := range s.cfg.Documents {
		table[path] = route{method: http.MethodGet, answer: func(c *call) *Problem {
			v, err := document(c.ctx)
			if err != nil {
				return notReady(clean(err.Error()))
			}
			return c.json(v)
		}}
	}
	return table
}

// call is one request and the answer that grows for it. It is used again by
// later requests.
type call struct {
	ctx    context.Context
	req    *http.Request
	body   []byte
	out    []byte
	kind   string // Content-Type
	status int
}

// maxKept bounds the buffers that a call keeps for the next request.
const maxKept = 64 << 10

func (s *Server) serve(w http.ResponseWriter, req *http.Request) {
	begun := time.Now()
	c := s.buffers.Get().(*call)
	*c = call{ctx: req.Context(), req: req, body: c.body[:0], out: c.out[:0], kind: "application/json", status: http.StatusOK}
	path := req.URL.Path
	r, known := s.routes[path]
	if !known {
		path = "other"
	}
	problem := s.admit(c, r, known)
	switch {
	case problem != nil && r.feast:
		c.status = writeFeast(w, problem)
	case problem != nil:
		c.status = problem.Status
		problem.write(w)
	default:
		w.Header().Set("Content-Type", c.kind)
		send(w, c.status, c.out)
	}
	s.metrics.request(path, c.status, time.Since(begun))
	if cap(c.body) <= maxKept && cap(c.out) <= maxKept {
		*c = call{body: c.body, out: c.out}
		s.buffers.Put(c)
	}
}

// admit checks who asks and whether there is room, and then answers.
func (s *Server) admit(c *call, r route, known bool) *Problem {
	if s.cfg.Token != "" && !r.open && !s.authorized(c.req) {
		return &Problem{Name: "unauthorized", Status: http.StatusUnauthorized, Title: "Unauthorized",
			Detail: "send the server's token as Authorization: Bearer TOKEN"}
	}
	if !known {
		return notFound("path", "", fmt.Sprintf("no path %q%s", clip([]byte(c.req.URL.Path)), hint(c.req.URL.Path, s.paths)))
	}
	if m := c.req.Method; m != r.method && (r.method != http.MethodGet || m != http.MethodHead) {
		return &Problem{Name: "method-not-allowed", Status: http.StatusMethodNotAllowed, Title: "Method not allowed",
			Detail: fmt.Sprintf("%s takes %s", c.req.URL.Path, r.method)}
	}
	if r.method != http.MethodPost {
		return r.answer(c) // an operator gets through when readers do not
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return &Problem{Name: "busy", Status: http.StatusTooManyRequests, Title: "Too many requests", RetryAfter: 1,
			Detail: fmt.Sprintf("%d requests are being answered; try again", s.cfg.Limits.MaxInFlight)}
	}
	if problem := s.readBody(c); problem != nil {
		return problem
	}
	return r.answer(c)
}

func (s *Server) authorized(req *http.Request) bool {
	const scheme = "Bearer "
	h := req.Header.Get("Authorization")
	if len(h) < len(scheme) || h[:len(scheme)] != scheme {
		return false
	}
	sum := sha256.Sum256([]byte(h[len(scheme):]))
	return subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}

// readBody reads the whole body, up to the limit.
func (s *Server) readBody(c *call) *Problem {
	limit := s.cfg.Limits.BodyBytes
	if c.req.ContentLength > int64(limit) {
		return tooLarge("the body has %d bytes, the limit is %d; split the request", c.req.ContentLength, limit)
	}
	for {
		if len(c.body) == cap(c.body) {
			c.body = append(c.body, 0)[:len(c.body)]
		}
		n, err := c.req.Body.Read(c.body[len(c.body):cap(c.body)])
		c.body = c.body[:len(c.body)+n]
		if len(c.body) > limit {
			return tooLarge("the body has more than %d bytes; split the request", limit)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badRequest("read body: %s", err)
		}
	}
}

// live is the snapshot to answer from.
func (s *Server) live() (*state.Live, *Problem) {
	if live := s.cfg.Live(); live != nil {
		return live, nil
	}
	return nil, notReady("the region has no definitions yet; apply some, or wait until it has read the registry log")
}

package registry

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// ServerConfig says where a registry keeps its state and who may use it.
type ServerConfig struct {
	// Dir holds the registry's file; it is created if missing. Empty: the state
	// is kept in memory.
	Dir string

	// Username and Password, if Username is not empty, are asked of every
	// request (HTTP basic authentication).
	Username, Password string
}

// Server is a schema registry: an http.Handler.
type Server struct {
	cfg ServerConfig
	mux *http.ServeMux

	// writing is held through a change, the disk included, so that changes are
	// decided and written one after another. mu guards the state alone and is
	// never held across IO: reading does not wait for the disk.
	writing sync.Mutex
	journal *journal // nil in memory

	mu    sync.RWMutex
	state *state
}

// OpenServer opens a registry with all that its directory holds.
func OpenServer(cfg ServerConfig) (*Server, error) {
	s := &Server{cfg: cfg, state: newState(), mux: http.NewServeMux()}
	if cfg.Dir != "" {
		j, err := openJournal(cfg.Dir, s.state.apply)
		if err != nil {
			return nil, fmt.Errorf("open registry: %w", err)
		}
		s.journal = j
	}
	s.routes()
	return s, nil
}

// Close frees the directory. Changes fail afterwards.
func (s *Server) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.journal == nil || s.journal.bad == errClosed {
		return nil
	}
	s.journal.bad = errClosed
	return s.journal.close()
}

var errClosed = errors.New("the registry is closed")

// change decides on events under decide, writes them and applies them. decide
// sees a state that nothing else changes meanwhile.
func (s *Server) change(decide func(*state) ([]event, error)) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.RLock()
	events, err := decide(s.state)
	s.mu.RUnlock()
	if err != nil || len(events) == 0 {
		return err
	}
	if s.journal != nil {
		if err := s.journal.add(events...); err != nil {
			return failure(http.StatusInternalServerError, codeStore, "%v", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		if err := s.state.apply(e); err != nil {
			panic("BUG: a decided event cannot be applied: " + err.Error())
		}
	}
	return nil
}

// look reads the state.
func (s *Server) look(f func(*state) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return f(s.state)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Username != "" && !s.allowed(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="schema registry"`)
		answer(w, nil, failure(http.StatusUnauthorized, http.StatusUnauthorized, "Unauthorized"))
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) allowed(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	good := subtle.ConstantTimeCompare([]byte(user), []byte(s.cfg.Username)) &
		subtle.ConstantTimeCompare([]byte(password), []byte(s.cfg.Password))
	return ok && good == 1
}

// contentType is what Confluent's clients send and expect.
const contentType = "application/vnd.schemaregistry.v1+json"

// maxBody bounds a request, in bytes.
const maxBody = 4 << 20

// handler answers a request with a value to encode, or an error.
type handler func(*http.Request) (any, error)

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	v, err := h(r)
	answer(w, v, err)
}

func answer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			e = failure(http.StatusInternalServerError, http.StatusInternalServerError, "%v", err)
		}
		status, v = e.Status, e
	}
	body, ok := v.(raw)
	if !ok {
		var merr error
		if body, merr = json.Marshal(v); merr != nil {
			panic("BUG: an answer cannot be encoded: " + merr.Error())
		}
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	w.Write(body) // the client may be gone, which is its own affair
}

// raw is an answer that is JSON already.
type raw []byte

// body decodes a request's body strictly enough to catch a wrong document, and
// leniently enough for newer clients' extra fields.
func body[T any](r *http.Request) (T, error) {
	var v T
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return v, failure(http.StatusRequestEntityTooLarge, http.StatusRequestEntityTooLarge, "The request is larger than %d bytes", maxBody)
		}
		return v, failure(http.StatusBadRequest, http.StatusBadRequest, "The request is not the JSON that is expected: %v", err)
	}
	return v, nil
}

func flag(r *http.Request, name string) bool { return r.URL.Query().Get(name) == "true" }

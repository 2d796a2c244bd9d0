package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Run serves on a listener, which it closes, until ctx ends. Then it answers
// /ready with 503, takes no more connections and lets the requests under way
// finish within Config.Drain. It returns nil after a clean end.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	if s.cfg.TLS != nil {
		conf := s.cfg.TLS.Clone()
		if len(conf.NextProtos) == 0 {
			conf.NextProtos = []string{"http/1.1"}
		}
		ln = tls.NewListener(ln, conf)
	}
	h := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      duration(maxDeadline) + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain)
	defer cancel()
	err := h.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("serve %s: requests were cut off after %s: %w", ln.Addr(), s.cfg.Drain, err), h.Close())
	}
	<-failed
	return err
}

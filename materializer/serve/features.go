package serve

import (
	"strings"
)

const arrowType = "application/vnd.apache.arrow.stream"

// features answers POST /v1/features.
func (s *Server) features(c *call) *Problem {
	q, problem := decodeQuery(c.body)
	if problem != nil {
		return problem
	}
	live, problem := s.live()
	if problem != nil {
		return problem
	}
	r, problem := s.read(c.ctx, live, q)
	if problem != nil {
		return problem
	}
	if strings.Contains(c.req.Header.Get("Accept"), arrowType) {
		c.kind = arrowType
		var err error
		if c.out, err = r.appendArrow(c.out); err != nil {
			return internal(err)
		}
		return nil
	}
	c.out = r.appendAnswer(c.out)
	return nil
}

package serve

import (
	"encoding/json"
	"fmt"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/position"
)

// health answers GET /health: the process is alive.
func (s *Server) health(c *call) *Problem {
	c.out = append(c.out, "{\"status\":\"ok\"}\n"...)
	return nil
}

// ready answers GET /ready: 503 until the owned partitions are restored, and
// again while the server drains.
func (s *Server) ready(c *call) *Problem {
	if s.draining.Load() {
		return notReady("the server is shutting down")
	}
	if err := s.cfg.Ready(); err != nil {
		return notReady(clean(err.Error()))
	}
	c.out = append(c.out, "{\"status\":\"ready\"}\n"...)
	return nil
}

func (c *call) json(v any) *Problem {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return internal(fmt.Errorf("print %T: %w", v, err))
	}
	c.out = append(append(c.out, b...), '\n')
	return nil
}

func (s *Server) status(c *call) *Problem { return c.json(s.cfg.Status()) }

// FrontierReport is what GET /v1/frontier answers.
type FrontierReport struct {
	Region string `json:"region"`
	// Frontier joins the frontiers of all views: what the region has folded of
	// each log in at least one view.
	Frontier string `json:"frontier"`
	// Covered is what every view has folded that reads the log: a token that
	// it covers is in all answers.
	Covered string                  `json:"covered"`
	Views   map[string]ViewFrontier `json:"views"`
}

// ViewFrontier is one view's part of a FrontierReport.
type ViewFrontier struct {
	Version  int        `json:"version"`
	Instance string     `json:"instance"`
	Stream   string     `json:"stream"`
	Ready    bool       `json:"ready"`
	Frontier string     `json:"frontier"` // as position.ParseFrontier reads it
	Marks    []MarkText `json:"marks"`
}

// MarkText is one log's mark.
type MarkText struct {
	Stream      string `json:"stream"`
	Region      string `json:"region"`
	Incarnation uint32 `json:"incarnation"`
	Partition   int32  `json:"partition"`
	Next        int64  `json:"next"`        // the first offset that is not folded
	AppendTime  string `json:"append_time"` // of the last record folded, as its stamp says
}

// frontier answers GET /v1/frontier.
func (s *Server) frontier(c *call) *Problem {
	live, problem := s.live()
	if problem != nil {
		return problem
	}
	report := FrontierReport{Region: live.Region, Views: map[string]ViewFrontier{}}
	joined, all := position.Frontier{}, map[string]position.Frontier{}
	for _, name := range names(live.Views) {
		v := live.Views[name]
		f := v.Frontier()
		all[name] = f
		joined.Join(f)
		report.Views[name] = ViewFrontier{Version: v.Version, Instance: v.Instance, Stream: v.Prog.Stream.Name, Ready: v.Ready(), Frontier: f.Text(), Marks: markTexts(f)}
	}
	report.Frontier, report.Covered = joined.Text(), covered(live, joined, all).Text()
	return c.json(report)
}

// covered is the least mark of each log over the views that read its stream.
func covered(live *state.Live, joined position.Frontier, views map[string]position.Frontier) position.Frontier {
	out := joined.Clone()
	for log := range out {
		for name, f := range views {
			if live.Views[name].Prog.Stream.Name == log.Stream && f[log].Next < out[log].Next {
				out[log] = f[log]
			}
		}
		if out[log].Next == 0 {
			delete(out, log)
		}
	}
	return out
}

func markTexts(f position.Frontier) []MarkText {
	list := []MarkText{}
	for _, l := range f.Logs() {
		list = append(list, MarkText{l.Stream, l.Origin, l.Incarnation, l.Partition, f[l].Next, f[l].Stamp.Micros().String()})
	}
	return list
}

// ViewReport is one entry of what GET /v1/views answers.
type ViewReport struct {
	Name      string   `json:"name"`
	Version   int      `json:"version"` // 0: not held here
	State     string   `json:"state"`   // serving, building, halted, elsewhere
	Detail    string   `json:"detail,omitempty"`
	Folded    int64    `json:"folded,omitempty"` // building: events, of Total
	Total     int64    `json:"total,omitempty"`
	JoinKeys  []string `json:"join_keys"`
	Features  []string `json:"features"`
	Residency []string `json:"residency,omitempty"`
}

// views answers GET /v1/views: what can be asked for here.
func (s *Server) views(c *call) *Problem {
	live, problem := s.live()
	if problem != nil {
		return problem
	}
	list := []ViewReport{}
	for i := range live.Project.Views {
		def := &live.Project.Views[i]
		r := ViewReport{Name: def.Name, JoinKeys: []string{}, Features: []string{}, Residency: def.Policy.Residency, State: "elsewhere"}
		for _, k := range live.Project.EntityOf(def).JoinKeys {
			r.JoinKeys = append(r.JoinKeys, k.Name)
		}
		for j := range def.Features {
			r.Features = append(r.Features, def.Features[j].Name)
		}
		r.describe(live, live.Views[def.Name])
		list = append(list, r)
	}
	return c.json(map[string]any{"region": live.Region, "views": list})
}

func (r *ViewReport) describe(live *state.Live, v *state.View) {
	if v == nil {
		if live.Project.View(r.Name).MayHold(live.Region) {
			r.State = "building"
		}
		return
	}
	r.Version, r.State = v.Version, "serving"
	p := v.Progress()
	switch {
	case v.Halted() != nil:
		r.State, r.Detail = "halted", clean(v.Halted().Error())
	case !v.Ready():
		r.State, r.Folded, r.Total = "building", p.Folded, p.Total
	}
}

package serve

import (
	"errors"
	"fmt"
	"strings"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/position"
)

// parseAfter reads the tokens that an answer must cover: signed ones, or
// positions as a producer is told them.
func parseAfter(live *state.Live, after []string) (position.Frontier, *Problem) {
	if len(after) == 0 {
		return nil, nil
	}
	want := position.Frontier{}
	for _, s := range after {
		f, err := parseToken(live, s)
		if err != nil {
			return nil, badRequest("after: %s", err)
		}
		want.Join(f)
	}
	return want, nil
}

func parseToken(live *state.Live, s string) (position.Frontier, error) {
	if strings.Contains(s, "/") {
		return parsePosition(live, s)
	}
	t, err := position.Verify(s, live.Secret)
	if errors.Is(err, position.ErrSignature) {
		return nil, fmt.Errorf("token %s was not made by this project, or was changed", clip([]byte(s)))
	}
	if err != nil {
		return nil, fmt.Errorf("found %s, want the token of an answer or REGION/STREAM/PARTITION/OFFSET", clip([]byte(s)))
	}
	return t.Frontier(), nil
}

// parsePosition is the frontier that has folded one event.
func parsePosition(live *state.Live, s string) (position.Frontier, error) {
	p, err := position.ParsePosition(s)
	if err != nil {
		return nil, err
	}
	if !live.Project.HasRegion(p.Origin) {
		return nil, fmt.Errorf("position %s: no region %q%s; regions: %s", s, p.Origin, hint(p.Origin, live.Project.Regions), strings.Join(live.Project.Regions, ", "))
	}
	stream := live.Project.Stream(p.Stream)
	if stream == nil {
		all := make([]string, len(live.Project.Streams))
		for i := range all {
			all[i] = live.Project.Streams[i].Name
		}
		return nil, fmt.Errorf("position %s: no stream %q%s; %s", s, p.Stream, hint(p.Stream, all), listOf("streams", all))
	}
	if p.Partition >= stream.Partitions {
		return nil, fmt.Errorf("position %s: stream %s has partitions 0 to %d", s, p.Stream, stream.Partitions-1)
	}
	return position.Frontier{p.Log: {Next: p.Offset + 1}}, nil
}

// marksFor are the marks of want that matter to a view: of its stream, in the
// partitions that are touched. Others are about other keys.
func marksFor(want position.Frontier, stream string, touched []int32) []markWanted {
	if len(want) == 0 {
		return nil
	}
	var list []markWanted
	for _, log := range want.Logs() {
		for _, p := range touched {
			if log.Stream == stream && log.Partition == p {
				list = append(list, markWanted{log, want[log].Next})
			}
		}
	}
	return list
}

type markWanted struct {
	log  position.Log
	next int64
}

// lacking is the first mark that the view has not reached, or nil.
func lacking(v *state.View, list []markWanted) *Missing {
	for _, m := range list {
		have := v.Shards[m.log.Partition].Mark(m.log.Source).Next
		if have < m.next {
			return &Missing{View: v.Name, Region: m.log.Origin, Stream: m.log.Stream, Partition: m.log.Partition, Next: have, Want: m.next}
		}
	}
	return nil
}

package training

import (
	"context"
	"fmt"
	"slices"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/position"
)

// openHistories opens each stream once and checks that the histories reach the
// frontier that was asked for, if one was.
func openHistories(ctx context.Context, open Histories, streams []string, needed [][]bool, cut *asof.Cut) (map[string]History, position.Frontier, error) {
	histories, reached := map[string]History{}, position.Frontier{}
	for i, stream := range streams {
		h, err := open(ctx, stream, needed[i])
		if err != nil {
			return nil, nil, fmt.Errorf("history of stream %s: %w", stream, err)
		}
		histories[stream] = h
		reached.Join(h.Frontier())
	}
	if cut.Frontier == nil {
		return histories, reached, nil
	}
	asked := position.Frontier{}
	for log, mark := range cut.Frontier {
		// What was taken back is what the regions had found out by then. A training
		// set follows the rule itself, over the events of the frontier.
		if _, back := log.Retracts(); !back && slices.Contains(streams, log.Stream) {
			asked[log] = mark
		}
	}
	return histories, asked, covers(streams, reached, asked)
}

// covers reports why history up to reached cannot answer as of asked.
func covers(streams []string, reached, asked position.Frontier) error {
	for _, log := range asked.Logs() {
		have := reached[log].Next
		if of, back := log.Retracts(); back && have < asked[log].Next {
			return fmt.Errorf("frontier: it includes what region %s took back, which only the log of retractions of its Kafka has: name its brokers", of.Origin)
		}
		if have < asked[log].Next {
			return fmt.Errorf("as-of frontier: it includes %s, and history reaches only offset %d there: compact, or name the brokers so that the log's tail is read",
				position.Position{Log: log, Offset: asked[log].Next - 1}, have-1)
		}
	}
	has := func(f position.Frontier, stream string) bool {
		return slices.ContainsFunc(f.Logs(), func(l position.Log) bool { return l.Stream == stream })
	}
	for _, stream := range streams {
		if has(reached, stream) && !has(asked, stream) {
			return fmt.Errorf("as-of frontier: it says nothing of stream %s, which the features read", stream)
		}
	}
	return nil
}

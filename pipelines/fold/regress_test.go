package fold_test

import (
	"testing"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// TestRegressRingEvictionByAFutureEvent: an event as far in the future as is
// accepted turns the ring of panes, and one that is too small loses panes which
// a read at that event still wants. Whether the future event comes first or
// last, from the same region or another, what is within the window is read.
func TestRegressRingEvictionByAFutureEvent(t *testing.T) {
	const yaml = `
project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - {name: sales, entity: user, schema: sale.avsc, event_timestamp: at, max_future: 30m}
feature_views:
  - name: selling
    stream: sales
    features:
      - {name: n_1h, kind: count, window: 1h, pane: 5m}
      - {name: n_5m, kind: count, window: 5m, pane: 5m}
`
	const schema = `{"type":"record","name":"Sale","fields":[{"name":"user_id","type":"long"},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}]}`
	p, err := definition.Parse([]definition.File{{Name: "a.yaml", Data: []byte(yaml)}, {Name: "sale.avsc", Data: []byte(schema)}})
	if err != nil {
		t.Fatal(err)
	}
	prog, err := fold.Compile(p, &p.Views[0])
	if err != nil {
		t.Fatal(err)
	}
	noon := stamp.FromMillis(986_040_000_000) // 2001-03-31 12:00
	eu, us := position.Source{Origin: "eu"}, position.Source{Origin: "us"}
	future := noon + 30*stamp.Minute
	past := []stamp.Micros{noon - 59*stamp.Minute, noon - 30*stamp.Minute, noon - 29*stamp.Minute, noon, noon + stamp.Minute}
	for _, whose := range []position.Source{eu, us} {
		for when := range len(past) + 1 {
			mach, row, offset := prog.New(), fold.Row{}, int64(0)
			step := func(s position.Source, at stamp.Micros) {
				ev := wire.Event{Time: at, Offset: offset, Fields: []value.Value{value.Int(7), {Kind: value.Timestamp, N: int64(at)}}}
				if !mach.Prepare(&ev).OK() {
					t.Fatal("refused")
				}
				mach.Step(&row, s, &ev, stamp.Next(0, noon.Millis()+offset))
				offset++
			}
			for i, at := range past {
				if i == when {
					step(whose, future)
				}
				step(eu, at)
			}
			if when == len(past) {
				step(whose, future)
			}
			got := results(mach, &row, future)
			if got[0].Value.N != 5 || got[1].Value.N != 1 { // from 11:30 on; from 12:25 on
				t.Errorf("future event of %s as number %d: %d in an hour, %d in five minutes; want 5 and 1", whose.Origin, when, got[0].Value.N, got[1].Value.N)
			}
		}
	}
}

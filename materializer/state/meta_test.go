package state

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

func anyMeta(t *rapid.T) Meta {
	m := Meta{Frontier: position.Frontier{}, Deltas: map[string]int64{}}
	for _, origin := range []string{"eu", "us", "ap"} {
		if rapid.Bool().Draw(t, "has") {
			log := position.Log{Stream: "orders", Source: position.Source{Origin: origin, Incarnation: 1}, Partition: 3}
			m.Frontier[log] = position.Mark{Next: rapid.Int64Range(1, 1<<40).Draw(t, "next"), Stamp: stamp.Stamp(rapid.Uint64().Draw(t, "stamp"))}
			m.Deltas[origin] = rapid.Int64Range(0, 1<<40).Draw(t, "delta")
		}
	}
	m.Identity = Identity{ClusterID: rapid.String().Draw(t, "cluster"), TopicID: rapid.String().Draw(t, "topic"), LeaderEpoch: rapid.Int32Range(-1, 1<<30).Draw(t, "epoch")}
	if rapid.Bool().Draw(t, "retractions") {
		m.Retractions = Identity{ClusterID: "c" + rapid.String().Draw(t, "cluster"), TopicID: rapid.String().Draw(t, "topic"), LeaderEpoch: rapid.Int32Range(-1, 1<<30).Draw(t, "epoch")}
	}
	m.Counts = Counts{Events: rapid.Int64Range(0, 1<<50).Draw(t, "events"), Failed: rapid.Int64Range(0, 9).Draw(t, "failed")}
	if m.Retractions.ClusterID != "" {
		m.Counts.Retracted = rapid.Int64Range(0, 1<<50).Draw(t, "retracted")
	}
	return m
}

func TestMetaComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyMeta(t)
		b := m.append(nil)
		got, err := decodeMeta(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("%+v became %+v, %v", m, got, err)
		}
		if n := rapid.IntRange(0, len(b)-1).Draw(t, "cut"); true {
			if _, err := decodeMeta(b[:n]); err == nil {
				t.Fatalf("%x, cut at %d, passed", b, n)
			}
		}
	})
}

func FuzzMeta(f *testing.F) {
	m := Meta{Frontier: position.Frontier{{Stream: "s", Source: eu, Partition: 1}: {Next: 5, Stamp: 9}}, Deltas: map[string]int64{"us": 7, "ap": 1},
		Identity: Identity{ClusterID: "c", TopicID: "t", LeaderEpoch: -1}}
	f.Add(m.append(nil))
	f.Add([]byte{1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMeta(b)
		if err != nil {
			return
		}
		again, err := decodeMeta(m.append(nil))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%x: %+v became %+v, %v", b, m, again, err)
		}
	})
}

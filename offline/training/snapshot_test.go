package training

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/asof/oracle"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func TestSnapshotEqualsTheOracle(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 6, MaxEvents: 12})
		at := append(w.DrawLabels(t, 1), asoftest.Start+stamp.Hour)[0]
		cut := asof.Cut{Knowledge: asof.Off}
		if rapid.Bool().Draw(t, "frontier?") {
			cut.Frontier = w.DrawFrontier(t)
			coverable(w, &cut)
		}
		r := &SnapshotRequest{Definitions: definitions(t, w.Project), View: "view", At: at, Frontier: cut.Frontier, Histories: opens(w), Out: filepath.Join(dir, "s.parquet")}
		rep := must(Snapshot(context.Background(), r))(t)
		got := readTable(t, r.Out)
		row := 0
		keys := slices.Clone(w.Keys)
		slices.Sort(keys)
		for _, key := range keys {
			newest := oracle.Newest(oracle.Seen(w.Case(), w.Of(key), at, &cut))
			if newest == stamp.NoTime {
				continue
			}
			if len(got["user"]) <= row || string(got["user"][row].B) != key || got["event_timestamp"][row].N != int64(newest) {
				t.Fatalf("row %d is not of key %s: %v %v", row, key, got["user"], got["event_timestamp"])
			}
			for f, want := range oracle.Values(w.Case(), w.Of(key), at, &cut) {
				if err := want.Check(got[w.View.Features[f].Name][row]); err != nil {
					t.Fatalf("key %s at %v, %+v: %v", key, at, w.View.Features[f], err)
				}
			}
			row++
		}
		if rep.Rows != int64(row) || len(got["user"]) != row {
			t.Fatalf("%d rows, want %d", rep.Rows, row)
		}
	})
}

func TestSnapshotIsSortedByTypedKeysAndTheSameForAnyWorkers(t *testing.T) {
	w, r := small(t)
	w.Project.Entities[0].JoinKeys, w.Stream.Key, w.Stream.Partitions = []definition.JoinKey{{Name: "user", Type: value.Int64}}, []int{4}, 4
	w.Events = nil
	for n, key := range []string{"10", "9", "-1", "100", "-20", "3", "44"} {
		w.Events = append(w.Events, event(key, int64(n), hour, 1))
	}
	for i := range w.Events {
		w.Events[i].Partition = 0
	}
	s := &SnapshotRequest{Definitions: definitions(t, w.Project), View: "spending", At: 5 * hour, Histories: opens(w), Out: r.Out, CodeVersion: "v1"}
	rep := must(Snapshot(context.Background(), s))(t)
	var keys []int64
	for _, v := range readTable(t, s.Out)["user"] {
		keys = append(keys, v.N)
	}
	if !slices.Equal(keys, []int64{-20, -1, 3, 9, 10, 44, 100}) {
		t.Fatalf("keys %v", keys)
	}
	manifestText := string(readFile(t, rep.Manifest))
	s.Workers = 1
	if again := must(Snapshot(context.Background(), s))(t); again.Digest != rep.Digest || string(readFile(t, again.Manifest)) != manifestText {
		t.Fatal("the number of workers changes bytes")
	}
	var m manifest
	if err := json.Unmarshal([]byte(manifestText), &m); err != nil || m.View != "spending" || m.At != "1970-01-01T05:00:00Z" || m.Cuts.KnownAt != "off" || m.Output.Rows != 7 {
		t.Fatalf("manifest %+v, %v", m, err)
	}
	for _, e := range entries(t, filepath.Dir(s.Out)) {
		if strings.Contains(e, "partial") {
			t.Errorf("left behind: %s", e)
		}
	}
}

func TestRecomputeEqualsTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 4})
		prog := must(fold.Compile(w.Project, w.View))(t)
		var probes []Probe
		for _, at := range w.DrawLabels(t, 10) {
			key := rapid.SampledFrom(append([]string{"unseen"}, w.Keys...)).Draw(t, "key")
			probes = append(probes, Probe{Key: []byte(key), At: at, Frontier: w.DrawFrontier(t)})
		}
		which := make([]int, prog.Features())
		for i := range which {
			which[i] = i
		}
		got := must(Recompute(context.Background(), prog, historyOf(w, prog.Needed()), probes, which))(t)
		for i, p := range probes {
			cut := asof.Cut{Knowledge: asof.Off, Frontier: p.Frontier, Served: true}
			events := w.Of(string(p.Key))
			if newest := oracle.Newest(oracle.Seen(w.Case(), events, p.At, &cut)); got[i].Newest != newest {
				t.Fatalf("probe %d: newest %v, want %v", i, got[i].Newest, newest)
			}
			for f, want := range oracle.Values(w.Case(), events, p.At, &cut) {
				r := got[i].Results[f]
				if err := want.Check(r.Value); err != nil || r.Status.String() != want.Status {
					t.Fatalf("probe %d, %+v: %s, want %s: %v", i, w.View.Features[f], r.Status, want.Status, err)
				}
			}
		}
	})
}

func TestRecomputeNeedsHistoryUpToTheFrontier(t *testing.T) {
	w, r := small(t)
	ahead := w.Ends()
	for log, mark := range ahead {
		mark.Next++
		ahead[log] = mark
	}
	prog := r.Programs["spending"]
	_, err := Recompute(context.Background(), prog, historyOf(w, prog.Needed()), []Probe{{Key: []byte("a"), At: hour, Frontier: ahead}}, []int{0})
	if err == nil || !strings.Contains(err.Error(), "west/events/0/3") {
		t.Fatalf("error %v", err)
	}
}

package training

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/asof/oracle"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

func drawLabels(t *rapid.T, w *asoftest.World) []label {
	times := w.DrawLabels(t, 20)
	labels := make([]label, len(times))
	for i, at := range times {
		key := rapid.SampledFrom(append([]string{"", "unseen"}, w.Keys...)).Draw(t, "key")
		labels[i] = label{key, at, int64(len(times) - i)}
	}
	return append(labels, label{w.Keys[0], asoftest.Start, -1}) // types need a row
}

func drawRequest(t *rapid.T, w *asoftest.World, dir string, labels []label) *Request {
	w.Project.Services = []definition.Service{{Name: "all", Features: []definition.Selection{{View: "view", Features: []string{"*"}}}}}
	return &Request{
		Definitions: definitions(t, w.Project), Service: "all",
		Spine: writeSpine(t, dir, rapid.SampledFrom([]string{"parquet", "csv", "jsonl", "arrow"}).Draw(t, "format"), labels),
		Cut:   w.DrawCut(t), Histories: opens(w), Out: filepath.Join(dir, "train.parquet"), CodeVersion: "v1",
		ChunkRows: rapid.IntRange(1, 12).Draw(t, "chunk"), Workers: rapid.IntRange(1, 2).Draw(t, "workers"),
	}
}

// coverable keeps the as-of frontier from being refused as silent.
func coverable(w *asoftest.World, c *asof.Cut) {
	if c.Frontier == nil {
		return
	}
	for log := range w.Ends() {
		if _, has := c.Frontier[log]; !has {
			c.Frontier[log] = w.Ends()[log]
			break
		}
	}
}

func TestTrainingSetEqualsTheOracle(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 4, MaxEvents: 15})
		labels := drawLabels(t, w)
		r := drawRequest(t, w, dir, labels)
		coverable(w, &r.Cut)
		rep, err := Run(context.Background(), r)
		if err != nil {
			t.Fatalf("run: %v", err)
		}
		columns := readTable(t, r.Out)
		want := expect(w, labels, &r.Cut)
		for row, l := range labels {
			if columns["note"][row].N != l.note || string(columns["user"][row].B) != l.key {
				t.Fatalf("row %d is not in its place", row)
			}
		}
		for f := range w.View.Features {
			if err := want.check(f, w.View.Features[f].Name, columns, &rep.Columns[f]); err != nil {
				t.Fatalf("cut %+v: %v", r.Cut, err)
			}
		}
		leaked := int64(0)
		for f := range rep.Columns {
			leaked += rep.Columns[f].Leaked
		}
		if rep.Rows != int64(len(labels)) || rep.NullKeyRows != want.nullKeys || rep.Leaked != leaked {
			t.Fatalf("report %+v, want %d null keys, %d leaked", rep, want.nullKeys, leaked)
		}
	})
}

// expected is what a training set of one view should hold.
type expected struct {
	values   [][]oracle.Result // by row and feature
	leaks    [][]leak
	nullKeys int64
}

// leak says whether an event that was not known would have changed a value,
// where that can be told.
type leak struct{ differs, known bool }

func expect(w *asoftest.World, labels []label, cut *asof.Cut) *expected {
	x := &expected{}
	off := *cut
	off.Knowledge = asof.Off
	for _, l := range labels {
		values := make([]oracle.Result, len(w.View.Features))
		leaks := make([]leak, len(values))
		if l.key == "" {
			x.nullKeys++
			for f := range values {
				values[f].Status, leaks[f].known = "INVALID", true
			}
		} else {
			values = oracle.Values(w.Case(), w.Of(l.key), l.at, cut)
			for f, open := range oracle.Values(w.Case(), w.Of(l.key), l.at, &off) {
				leaks[f].differs, leaks[f].known = oracle.Differ(&open, &values[f])
			}
		}
		x.values, x.leaks = append(x.values, values), append(x.leaks, leaks)
	}
	return x
}

func (x *expected) check(f int, name string, columns map[string][]value.Value, rep *ColumnReport) error {
	var nulls, leaked, unknown int64
	statuses := map[string]int64{}
	for row, values := range x.values {
		if err := values[f].Check(columns[name][row]); err != nil {
			return fmt.Errorf("row %d, %s: %w", row, name, err)
		}
		statuses[values[f].Status]++
		if values[f].Value.IsNull() {
			nulls++
		}
		switch l := x.leaks[row][f]; {
		case !l.known:
			unknown++
		case l.differs:
			leaked++
		}
	}
	if rep.Nulls != nulls || rep.Leaked < leaked || rep.Leaked > leaked+unknown || fmt.Sprint(rep.Statuses) != fmt.Sprint(statuses) {
		return fmt.Errorf("%s: %+v, want %d nulls, %d to %d leaked, %v", name, rep, nulls, leaked, leaked+unknown, statuses)
	}
	return nil
}

func TestSameRequestSameBytes(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 4, MaxEvents: 10})
		r := drawRequest(t, w, dir, drawLabels(t, w))
		coverable(w, &r.Cut)
		first := must(Run(context.Background(), r))(t)
		data, manifest := readFile(t, first.Out), readFile(t, first.Manifest)
		r.ChunkRows, r.Workers, r.Out = rapid.IntRange(1, 50).Draw(t, "other chunk"), 2, filepath.Join(dir, "again.parquet")
		second := must(Run(context.Background(), r))(t)
		if !bytes.Equal(data, readFile(t, second.Out)) || first.Digest != second.Digest {
			t.Fatalf("chunks of %d rows give other bytes", r.ChunkRows)
		}
		if !bytes.Equal(manifest, readFile(t, second.Manifest)) {
			t.Fatalf("manifests differ:\n%s\n%s", manifest, readFile(t, second.Manifest))
		}
	})
}

func TestManifestDescribesTheOutput(t *testing.T) {
	w, r := small(t)
	r.Cut = asof.Cut{Delay: 300_000_000}
	rep := must(Run(context.Background(), r))(t)
	var m manifest
	if err := json.Unmarshal(readFile(t, rep.Manifest), &m); err != nil {
		t.Fatal(err)
	}
	digest := must(fileDigest(rep.Out))(t)
	spine := must(fileDigest(r.Spine))(t)
	f := m.Features[0]
	if m.Output.SHA256 != digest || rep.Digest != digest || m.Spine.SHA256 != spine || m.Output.Rows != 3 || m.Output.Bytes != int64(len(readFile(t, rep.Out))) {
		t.Fatalf("files: %+v %+v", m.Output, m.Spine)
	}
	if m.Project != "world" || m.Service != "both" || m.Cuts.KnownAt != "label-5m" || m.CodeVersion != "v1" || m.Frontier != w.Ends().Text() || m.NullKeyRows != 1 || m.Values != 12 {
		t.Fatalf("manifest %+v", m)
	}
	if f.ViewHash != definition.ViewHash(w.Project, w.View) || f.FeatureHash != definition.FeatureHash(&w.View.Features[0]) || f.ViewVersion != 3 || f.Type != "int64" {
		t.Fatalf("feature %+v", f)
	}
}

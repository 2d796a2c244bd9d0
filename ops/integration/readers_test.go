//go:build integration

package integration

import (
	"path/filepath"
	"testing"
)

// checkReaders has DuckDB, pandas and pyarrow read event files and a training
// set, and compares the join with DuckDB's.
func (w *world) checkReaders(t *testing.T) {
	events := filepath.Join(runDir, "s3.data", s3Bucket, w.project, "events", "**", "*.parquet")
	t.Run("events", func(t *testing.T) {
		doc := python(t, w.dir, "readers.py", "agree", events).ok(t).json(t)
		checkAgreement(t, doc, map[string]string{
			"__event_timestamp": "timestamp[us, tz=UTC]", "__created_timestamp": "timestamp[us, tz=UTC]", "departed_at": "timestamp[us, tz=UTC]",
			"__partition": "int64", "__offset": "int64", "__key": "string", "delay": "int64", "distance": "int64", "destination": "string",
		})
		if n := number(doc["rows"]); n != 19_000 {
			t.Errorf("%d events in the files", n)
		}
	})
	t.Run("events on S3", func(t *testing.T) {
		doc := python(t, w.dir, "readers.py", "s3", realS3(t), s3Bucket+"/"+w.project+"/events").ok(t).json(t)
		if n := number(doc["rows"]); n != 19_000 {
			t.Errorf("%d events on S3", n)
		}
	})
	t.Run("training set", func(t *testing.T) {
		doc := python(t, w.dir, "readers.py", "agree", "train-off.parquet").ok(t).json(t)
		checkAgreement(t, doc, map[string]string{
			"airport": "string", "event_timestamp": "timestamp[us, tz=UTC]", "label": "int64", "flights_1h": "int64", "mean_delay_7d": "double",
			"max_delay_24h": "int64", "last_origin": "string", "recent_origins": "list<element: string>", "origins_7d": "int64", "miles": "int64",
		})
	})
	t.Run("last is DuckDB's ASOF join", func(t *testing.T) {
		w.compact(west)
		w.compact(east)
		doc := python(t, w.dir, "readers.py", "asof", events, "train-off.parquet", "90").ok(t).json(t)
		if number(doc["differ"]) != 0 || number(doc["checked"]) < 2000 || number(doc["present"]) < 1500 {
			t.Errorf("%v", doc)
		}
	})
}

func checkAgreement(t *testing.T, doc object, columns map[string]string) {
	t.Helper()
	if differ, _ := doc["differ"].([]any); len(differ) > 0 {
		t.Errorf("the readers differ: %v", differ)
	}
	for name, want := range columns {
		if got := at(doc, "columns", name); got != want {
			t.Errorf("column %s is %v, want %s (all: %v)", name, got, want, doc["columns"])
		}
	}
}

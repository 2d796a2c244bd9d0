package main

import (
	"path/filepath"
	"strings"
	"testing"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/value"
)

const tallYAML = `project: tall
regions: [{name: here}]
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
streams:
  - {name: visits, entity: user, schema: visit.avsc, event_timestamp: at, created_timestamp: at}
feature_views:
  - name: last
    stream: visits
    features:
      - {name: page, kind: last, of: page}
      - {name: parts, kind: last, of: parts}
feature_services:
  - {name: pages, features: ["last:*"]}
`

// unread comes before the fields that the view needs.
const tallSchema = `{"type": "record", "name": "Visit", "fields": [
  {"name": "unread", "type": "string"},
  {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
  {"name": "user_id", "type": "long"},
  {"name": "also_unread", "type": "double"},
  {"name": "parts", "type": {"type": "array", "items": "double"}},
  {"name": "page", "type": "string"}
]}
`

func TestTrainingSetsOverSchemasWithFieldsThatNobodyNeeds(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "defs", "tall.yaml"), tallYAML)
	writeFile(t, filepath.Join(dir, "defs", "visit.avsc"), tallSchema)
	startDev(t, dir, "-f", "defs")
	t.Chdir(dir)
	writeFile(t, "visits.jsonl", `{"unread":"u","at":"2024-05-01T00:00:00Z","user_id":7,"also_unread":1.5,"parts":[0.5,2],"page":"home"}`+"\n")
	writeFile(t, "spine.jsonl", `{"user_id":7,"event_timestamp":"2024-05-01T00:00:00Z"}`+"\n")
	works(t, "produce", "visits", "--input", "visits.jsonl", "--wait")
	for _, when := range []string{"from the log", "from files"} {
		works(t, "get-historical", "pages", "--spine", "spine.jsonl", "--out", "train.parquet")
		if found := rowText(t, "train.parquet", "page", "parts"); found != `home [0.5,2.0]` {
			t.Errorf("%s: found %s", when, found)
		}
		if text := works(t, "validate", "pages", "--keys", "all"); !strings.Contains(text, "0 mismatched") {
			t.Errorf("%s: validate says %s", when, text)
		}
		works(t, "compact")
	}
}

// rowText is columns of a table's first row.
func rowText(t *testing.T, path string, names ...string) string {
	t.Helper()
	table, err := columnar.OpenTable(path, columnar.TableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	rows, err := table.Scan(names, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var b columnar.Batch
	if err := rows.Next(&b); err != nil {
		t.Fatal(err)
	}
	var cells []string
	for _, c := range b.Cols {
		cells = append(cells, value.Format(c.At(0), c.Type))
	}
	return strings.Join(cells, " ")
}

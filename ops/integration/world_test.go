//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gopkg.in/yaml.v3"
)

// world is one project in two regions, with definitions, settings and data in a
// directory: on the real parts with a worker process for each region, or in one
// dev process.
type world struct {
	t        *testing.T
	project  string
	dir      string
	kafka    map[string]string // region → brokers
	registry map[string]string // region → URL of its schema registry
	http     map[string]string // region → URL of its worker
	workers  map[string]*process
	dev      *process // set if one process is all of it
}

var projects atomic.Int64

// newWorld prepares a project of its own from the definitions in a directory
// of the repository. No worker runs yet.
func newWorld(t *testing.T, definitions string) *world {
	t.Helper()
	w := &world{
		t: t, dir: t.TempDir(), kafka: realKafka(t), registry: realRegistries(t),
		http: map[string]string{}, workers: map[string]*process{},
	}
	w.project = fmt.Sprintf("it%d", projects.Add(1))
	copyDefinitions(t, definitions, w.path("defs"), w.project)
	for _, region := range []string{west, east} {
		w.http[region] = fmt.Sprintf("http://127.0.0.1:%d", freePort())
	}
	for _, region := range []string{west, east} {
		w.writeConfig(region)
	}
	return w
}

func (w *world) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

// copyDefinitions copies YAML and Avro files and names the project anew.
func copyDefinitions(t *testing.T, from, to, project string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(root, from))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if ext != ".yaml" && ext != ".avsc" {
			continue
		}
		b := readFile(t, filepath.Join(root, from, e.Name()))
		lines := bytes.Split(b, []byte("\n"))
		for i, line := range lines {
			if ext == ".yaml" && bytes.HasPrefix(line, []byte("project: ")) {
				lines[i] = []byte("project: " + project)
			}
		}
		writeFile(t, filepath.Join(to, e.Name()), bytes.Join(lines, []byte("\n")))
	}
}

// writeConfig writes what --config of the region's processes names.
func (w *world) writeConfig(region string) {
	store := fmt.Sprintf("s3://%s?endpoint=%s", s3Bucket, url.QueryEscape(realS3(w.t)))
	peers := object{}
	for _, other := range []string{west, east} {
		if other != region {
			peers[other] = object{
				"kafka": object{"brokers": []string{w.kafka[other]}}, "schema_registry": object{"url": w.registry[other]}, "http": w.http[other],
			}
		}
	}
	b, err := yaml.Marshal(object{
		"region": region, "project": w.project, "object_store": store, "data": w.path("data", region),
		"kafka": object{"brokers": []string{w.kafka[region]}}, "schema_registry": object{"url": w.registry[region]},
		"http": object{"listen": strings.TrimPrefix(w.http[region], "http://")}, "peers": peers,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	writeFile(w.t, w.config(region), b)
}

func (w *world) config(region string) string { return w.path(region + ".yaml") }

// start starts the region's worker and waits until it answers.
func (w *world) start(region string) {
	w.t.Helper()
	p := launch(w.t, w.project+"-"+region, w.dir, "worker", "--config", w.config(region))
	w.workers[region] = p
	eventually(w.t, "worker of "+region, func() error {
		if err := p.ended(); err != nil {
			w.t.Fatal(err)
		}
		_, _, err := httpJSON("GET", w.http[region]+"/health", nil)
		return err
	})
}

// begin starts both workers and applies the definitions.
func (w *world) begin() {
	w.t.Helper()
	w.start(west)
	w.start(east)
	w.cli(west, "apply", "-f", "defs").ok(w.t)
}

// cli runs a client command as in a region, with --json.
func (w *world) cli(region string, args ...string) run {
	w.t.Helper()
	if w.dev != nil {
		return command(w.t, w.dir, append(args, "--region", region, "--json")...)
	}
	return command(w.t, w.dir, append(args, "--config", w.config(region), "--json")...)
}

// digests are the digests of both regions, and the numbers of rows.
func (w *world) digests() (digest map[string]string, keys map[string]int64) {
	w.t.Helper()
	doc := w.cli(west, "status", "--digest").ok(w.t).json(w.t)
	digest, keys = map[string]string{}, map[string]int64{}
	for _, region := range []string{west, east} {
		digest[region], _ = at(doc, "regions", region, "digest").(string)
		keys[region] = number(at(doc, "regions", region, "keys"))
	}
	return digest, keys
}

// converge waits until both regions have the same rows, and returns their digest.
func (w *world) converge() string {
	w.t.Helper()
	var agreed string
	eventually(w.t, "equal digests", func() error {
		digest, keys := w.digests()
		if digest[west] == "" || digest[west] != digest[east] || keys[west] != keys[east] {
			return fmt.Errorf("digests %v over %v rows", digest, keys)
		}
		agreed = digest[west]
		return nil
	})
	return agreed
}

// status is the region's /v1/status.
func (w *world) status(region string) object {
	w.t.Helper()
	code, doc, err := httpJSON("GET", w.http[region]+"/v1/status", nil)
	if err != nil || code != 200 {
		w.t.Fatalf("status of %s: %d %v", region, code, err)
	}
	return doc
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// writeLines writes values as JSON Lines.
func writeLines[T any](t *testing.T, path string, rows []T) {
	t.Helper()
	var b bytes.Buffer
	for _, row := range rows {
		line, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	writeFile(t, path, b.Bytes())
}

// readLines reads JSON Lines; numbers keep their text.
func readLines[T any](t *testing.T, path string) []T {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(readFile(t, path)))
	d.UseNumber()
	var rows []T
	for d.More() {
		var row T
		if err := d.Decode(&row); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

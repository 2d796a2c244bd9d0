package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"anabranch.dev/anabranch/connectors/registry"
)

func serve(t *testing.T, cfg registry.ServerConfig) (*registry.Server, *httptest.Server) {
	t.Helper()
	s, err := registry.OpenServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.Close()
		s.Close()
	})
	return s, h
}

// ask makes one request and returns the status and the body.
func ask(t *testing.T, h *httptest.Server, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, h.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/vnd.schemaregistry.v1+json" {
		t.Errorf("%s %s: content type %q", method, path, got)
	}
	return resp.StatusCode, string(b)
}

// post is the body of a request with a schema.
func post(schema string) string {
	b, err := json.Marshal(map[string]string{"schema": schema})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestAnswersHaveConfluentsShapes pins every answer, byte for byte.
func TestAnswersHaveConfluentsShapes(t *testing.T) {
	_, h := serve(t, registry.ServerConfig{Dir: t.TempDir()})
	const (
		v1  = `{"type":"record","name":"F","fields":[{"name":"a","type":"string"}]}`
		v2  = `{"type":"record","name":"F","fields":[{"name":"a","type":"string"},{"name":"b","type":["null","long"],"default":null}]}`
		bad = `{"type":"record","name":"F","fields":[{"name":"a","type":"string"},{"name":"c","type":"long"}]}`
	)
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string // a prefix if it ends with …
	}{
		{"GET", "/", "", 200, `{}`},
		{"GET", "/subjects", "", 200, `[]`},
		{"GET", "/schemas/types", "", 200, `["AVRO"]`},
		{"GET", "/config", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"GET", "/mode", "", 200, `{"mode":"READWRITE"}`},
		{"GET", "/mode/s", "", 404, `{"error_code":40409,"message":"Subject 's' does not have subject-level mode configured"}`},
		{"GET", "/mode/s?defaultToGlobal=true", "", 200, `{"mode":"READWRITE"}`},
		{"PUT", "/mode", `{"mode":"IMPORT"}`, 422, `{"error_code":42204,"message":"Mode \"IMPORT\" is not built yet…`},
		{"GET", "/subjects/s/versions", "", 404, `{"error_code":40401,"message":"Subject 's' not found."}`},
		{"GET", "/subjects/s/versions/latest", "", 404, `{"error_code":40401,"message":"Subject 's' not found."}`},
		{"POST", "/compatibility/subjects/s/versions/latest", post(v1), 200, `{"is_compatible":true}`},
		{"POST", "/compatibility/subjects/s/versions/1", post(v1), 404, `{"error_code":40401,…`},
		{"POST", "/subjects/s/versions", post(v1), 200, `{"id":1}`},
		{"POST", "/subjects/s/versions?normalize=true", post(v1), 200, `{"id":1}`},
		{"POST", "/subjects/s/versions", post(v2), 200, `{"id":2}`},
		{"POST", "/subjects/other/versions", post(v2), 200, `{"id":2}`},
		{"POST", "/subjects/s/versions", post(bad), 409, `{"error_code":409,"message":"Schema being registered is incompatible with an earlier schema for subject \"s\"…`},
		{"GET", "/subjects", "", 200, `["other","s"]`},
		{"GET", "/subjects?subjectPrefix=o", "", 200, `["other"]`},
		{"GET", "/subjects/s/versions", "", 200, `[1,2]`},
		{"GET", "/subjects/s/versions/1", "", 200, `{"subject":"s","version":1,"id":1,"schema":` + quoted(v1) + `}`},
		{"GET", "/subjects/s/versions/latest", "", 200, `{"subject":"s","version":2,"id":2,"schema":` + quoted(v2) + `}`},
		{"GET", "/subjects/s/versions/-1", "", 200, `{"subject":"s","version":2,…`},
		{"GET", "/subjects/s/versions/2/schema", "", 200, v2},
		{"GET", "/subjects/s/versions/7", "", 404, `{"error_code":40402,"message":"Version 7 not found."}`},
		{"GET", "/subjects/s/versions/0", "", 422, `{"error_code":42202,"message":"The specified version '0' is not a valid version id. …`},
		{"GET", "/subjects/s/versions/x", "", 422, `{"error_code":42202,…`},
		{"POST", "/subjects/s", post(v1), 200, `{"subject":"s","version":1,"id":1,"schema":` + quoted(v1) + `}`},
		{"POST", "/subjects/s", post(bad), 404, `{"error_code":40403,"message":"Schema not found"}`},
		{"POST", "/subjects/nope", post(v1), 404, `{"error_code":40401,"message":"Subject 'nope' not found."}`},
		{"GET", "/schemas/ids/1", "", 200, `{"schema":` + quoted(v1) + `}`},
		{"GET", "/schemas/ids/1?fetchMaxId=false&subject=s", "", 200, `{"schema":` + quoted(v1) + `}`},
		{"GET", "/schemas/ids/1/schema", "", 200, v1},
		{"GET", "/schemas/ids/2/subjects", "", 200, `["other","s"]`},
		{"GET", "/schemas/ids/2/versions", "", 200, `[{"subject":"other","version":1},{"subject":"s","version":2}]`},
		{"GET", "/schemas/ids/9", "", 404, `{"error_code":40403,"message":"Schema 9 not found"}`},
		{"GET", "/schemas/ids/x", "", 404, `{"error_code":40403,…`},
		{"POST", "/compatibility/subjects/s/versions/latest", post(bad), 200, `{"is_compatible":false}`},
		{"POST", "/compatibility/subjects/s/versions/latest?verbose=true", post(bad), 200,
			`{"is_compatible":false,"messages":["the new schema cannot read data of version 2: c: reader field has no default…`},
		{"POST", "/compatibility/subjects/s/versions/1", post(v2), 200, `{"is_compatible":true}`},
		{"POST", "/compatibility/subjects/s/versions", post(v2), 200, `{"is_compatible":true}`},
		{"POST", "/compatibility/subjects/s/versions/5", post(v2), 404, `{"error_code":40402,…`},
		{"GET", "/config/s", "", 404, `{"error_code":40408,"message":"Subject 's' does not have subject-level compatibility configured"}`},
		{"GET", "/config/s?defaultToGlobal=true", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"PUT", "/config/s", `{"compatibility":"none"}`, 200, `{"compatibility":"NONE"}`},
		{"GET", "/config/s", "", 200, `{"compatibilityLevel":"NONE"}`},
		{"POST", "/subjects/s/versions", post(bad), 200, `{"id":3}`},
		{"DELETE", "/config/s", "", 200, `{"compatibilityLevel":"NONE"}`},
		{"DELETE", "/config/s", "", 404, `{"error_code":40408,…`},
		{"PUT", "/config", `{"compatibility":"FULL_TRANSITIVE"}`, 200, `{"compatibility":"FULL_TRANSITIVE"}`},
		{"DELETE", "/config", "", 200, `{"compatibilityLevel":"FULL_TRANSITIVE"}`},
		{"PUT", "/config", `{"compatibility":"SIDEWAYS"}`, 422, `{"error_code":42203,…`},
		{"DELETE", "/subjects/s/versions/3?permanent=true", "", 404, `{"error_code":40407,…`},
		{"DELETE", "/subjects/s/versions/latest", "", 200, `3`},
		{"DELETE", "/subjects/s/versions/3", "", 404, `{"error_code":40406,…`},
		{"GET", "/subjects/s/versions", "", 200, `[1,2]`},
		{"GET", "/subjects/s/versions?deleted=true", "", 200, `[1,2,3]`},
		{"GET", "/schemas/ids/3", "", 200, `{"schema":` + quoted(bad) + `}`},
		{"DELETE", "/subjects/s/versions/3?permanent=true", "", 200, `3`},
		{"GET", "/subjects/s/versions?deleted=true", "", 200, `[1,2]`},
		{"DELETE", "/subjects/s?permanent=true", "", 404, `{"error_code":40405,…`},
		{"DELETE", "/subjects/s", "", 200, `[1,2]`},
		{"DELETE", "/subjects/s", "", 404, `{"error_code":40404,…`},
		{"GET", "/subjects", "", 200, `["other"]`},
		{"GET", "/subjects?deleted=true", "", 200, `["other","s"]`},
		{"POST", "/subjects/s", post(v1), 404, `{"error_code":40401,…`},
		{"POST", "/subjects/s?deleted=true", post(v1), 200, `{"subject":"s","version":1,…`},
		{"POST", "/subjects/s/versions", post(bad), 200, `{"id":3}`},
		{"GET", "/subjects/s/versions", "", 200, `[3]`},
		{"DELETE", "/subjects/nope", "", 404, `{"error_code":40401,…`},
		{"POST", "/subjects/p/versions", `{"schema":"x","schemaType":"PROTOBUF"}`, 422, `{"error_code":42201,"message":"Invalid schema type PROTOBUF: not built yet…`},
		{"POST", "/subjects/p/versions", `{"schema":"\"string\"","references":[{}]}`, 422, `{"error_code":42201,"message":"Invalid schema: references are not built yet…`},
		{"POST", "/subjects/p/versions", `{"schema":"{\"type\":\"recor"}`, 422, `{"error_code":42201,"message":"Invalid schema: not JSON…`},
		{"POST", "/subjects/p/versions", `{"schema":""}`, 422, `{"error_code":42201,…`},
		{"POST", "/subjects/p/versions", `nonsense`, 400, `{"error_code":400,…`},
		{"POST", "/subjects/p/versions", `{"schema":"string","schemaType":"AVRO","references":[]}`, 200, `{"id":4}`},
		{"POST", "/subjects/p/versions", post(`{"type":"string"}`), 200, `{"id":4}`},
		{"GET", "/nope", "", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
	} {
		status, got := ask(t, h, c.method, c.path, c.body)
		want, prefix := strings.CutSuffix(c.want, "…")
		if status != c.status || prefix && !strings.HasPrefix(got, want) || !prefix && got != want {
			t.Errorf("%s %s\n got %d %s\nwant %d %s", c.method, c.path, status, got, c.status, c.want)
		}
	}
}

func TestStateSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	s, h := serve(t, registry.ServerConfig{Dir: dir})
	ask(t, h, "POST", "/subjects/a/versions", post(`"string"`))
	ask(t, h, "POST", "/subjects/b/versions", post(`"string"`))
	ask(t, h, "POST", "/subjects/b/versions", post(`"bytes"`))
	ask(t, h, "PUT", "/config/b", `{"compatibility":"FORWARD"}`)
	ask(t, h, "DELETE", "/subjects/a", "")
	view := func(h *httptest.Server) (out string) {
		for _, p := range []string{"/subjects?deleted=true", "/subjects", "/subjects/b/versions/latest", "/config/b", "/schemas/ids/1/versions?deleted=true", "/schemas/ids/2"} {
			status, body := ask(t, h, "GET", p, "")
			out += fmt.Sprintln(p, status, body)
		}
		return out
	}
	want := view(h)
	s.Close()
	if status, body := ask(t, h, "POST", "/subjects/a/versions", post(`"int"`)); status != 500 {
		t.Errorf("register after close: %d %s", status, body)
	}
	_, h = serve(t, registry.ServerConfig{Dir: dir})
	if got := view(h); got != want {
		t.Errorf("reopened:\n%s\nwant\n%s", got, want)
	}
	if _, body := ask(t, h, "POST", "/subjects/c/versions", post(`"long"`)); body != `{"id":3}` {
		t.Errorf("the next id: %s", body)
	}
}

func TestATornTailIsCutAndAnythingElseRefused(t *testing.T) {
	dir := t.TempDir()
	s, h := serve(t, registry.ServerConfig{Dir: dir})
	ask(t, h, "POST", "/subjects/a/versions", post(`"string"`))
	whole, err := os.ReadFile(filepath.Join(dir, "registry.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	ask(t, h, "POST", "/subjects/b/versions", post(`"bytes"`))
	both, err := os.ReadFile(filepath.Join(dir, "registry.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	for cut := len(whole); cut <= len(both); cut++ {
		dir := t.TempDir()
		name := filepath.Join(dir, "registry.jsonl")
		tail := bytes.Clone(both[:cut])
		if cut == len(both) {
			tail = append(bytes.Clone(whole), "\x00\x00\x00\n"...) // blocks that were never written
		}
		if err := os.WriteFile(name, tail, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := registry.OpenServer(registry.ServerConfig{Dir: dir})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		h := httptest.NewServer(s)
		if _, body := ask(t, h, "POST", "/subjects/c/versions", post(`"long"`)); body != `{"id":2}` {
			t.Errorf("cut at %d: next id %s", cut, body)
		}
		h.Close()
		s.Close()
		if s, err = registry.OpenServer(registry.ServerConfig{Dir: dir}); err != nil {
			t.Fatalf("cut at %d: reopened: %v", cut, err)
		}
		s.Close()
	}
	middle := append([]byte("garbage\n"), both...)
	os.WriteFile(filepath.Join(dir, "registry.jsonl"), middle, 0o644)
	if _, err := registry.OpenServer(registry.ServerConfig{Dir: dir}); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("garbage before the end: %v", err)
	}
}

func TestDirectoryIsHeldByOneServer(t *testing.T) {
	dir := t.TempDir()
	serve(t, registry.ServerConfig{Dir: dir})
	if _, err := registry.OpenServer(registry.ServerConfig{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second server: %v", err)
	}
}

func TestConcurrentRegistrationsAgree(t *testing.T) {
	_, h := serve(t, registry.ServerConfig{Dir: t.TempDir()})
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := make(map[string]string)
	for i := range 40 {
		wg.Go(func() {
			schema := fmt.Sprintf(`{"type":"fixed","name":"F%d","size":4}`, i%5)
			_, body := ask(t, h, "POST", fmt.Sprintf("/subjects/s%d/versions", i%5), post(schema))
			mu.Lock()
			defer mu.Unlock()
			if was, ok := seen[schema]; ok && was != body {
				t.Errorf("%s: %s and %s", schema, was, body)
			}
			seen[schema] = body
		})
	}
	wg.Wait()
	if len(seen) != 5 {
		t.Errorf("%d schemas", len(seen))
	}
}

func TestPasswordIsAsked(t *testing.T) {
	_, h := serve(t, registry.ServerConfig{Username: "u", Password: "p"})
	if status, body := ask(t, h, "GET", "/subjects", ""); status != 401 || body != `{"error_code":401,"message":"Unauthorized"}` {
		t.Errorf("%d %s", status, body)
	}
}

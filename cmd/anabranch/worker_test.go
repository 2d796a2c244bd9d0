package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A worker starts, answers and ends in good order also while Kafka is away.
func TestWorkerWithoutKafka(t *testing.T) {
	dir := t.TempDir()
	config := writeFile(t, filepath.Join(dir, "eu.yaml"), "region: eu\nkafka: {brokers: \"127.0.0.1:9\"}\nschema_registry: {url: \"http://127.0.0.1:9\"}\nhttp: {listen: \"127.0.0.1:0\"}\ndata: "+dir+"/data\n")
	cmd := child(dir, "worker", "--config", config, "--json")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var doc workerJSON
	if err := json.Unmarshal([]byte(line), &doc); err != nil || doc.Region != "eu" || doc.PID != cmd.Process.Pid || !strings.HasPrefix(doc.HTTP, "127.0.0.1:") {
		t.Fatalf("found %q, %v", line, err)
	}
	for path, want := range map[string]int{"/health": 200, "/ready": 503, "/v1/features": 405, "/metrics": 200} {
		resp, err := get("http://" + doc.HTTP + path)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
	}
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("after SIGTERM: %v, in %v", err, time.Since(began))
	}
}

// get waits until the server listens.
func get(url string) (*http.Response, error) {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(url)
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil || time.Now().After(deadline) {
			return resp, err
		}
	}
}

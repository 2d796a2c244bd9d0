//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// object is a JSON object.
type object = map[string]any

// run is one finished command.
type run struct {
	args           []string
	stdout, stderr string
	code           int
}

func (r run) String() string {
	return fmt.Sprintf("anabranch %s: exit %d\n%s\n%s", strings.Join(r.args, " "), r.code, r.stdout, r.stderr)
}

// command runs a client command in dir to its end.
func command(t *testing.T, dir string, args ...string) run {
	t.Helper()
	return program(t, dir, exe, args...)
}

// program runs any program to its end. One that does not start or does not end
// has the exit code -1.
func program(t *testing.T, dir, path string, args ...string) run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return run{args: args, stderr: err.Error(), code: -1}
	}
	return run{args: args, stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
}

// ok fails the test unless the command exited with 0.
func (r run) ok(t *testing.T) run {
	t.Helper()
	if r.code != 0 {
		t.Fatal(r)
	}
	return r
}

// json is the one document on stdout.
func (r run) json(t *testing.T) object {
	t.Helper()
	var v object
	d := json.NewDecoder(strings.NewReader(r.stdout))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v\n%v", err, r)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one document on stdout: %v", r)
	}
	return v
}

// at walks objects and lists by keys and indices; what is not there is nil.
func at(v any, path ...any) any {
	for _, step := range path {
		switch key := step.(type) {
		case string:
			m, _ := v.(object)
			v = m[key]
		case int:
			list, _ := v.([]any)
			if key >= len(list) {
				return nil
			}
			v = list[key]
		}
	}
	return v
}

// number reads a JSON number that is an integer; -1 if it is none.
func number(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		return -1
	}
	i, err := n.Int64()
	if err != nil {
		return -1
	}
	return i
}

// httpJSON sends a request, with a JSON body unless it is nil, and decodes the
// answer.
func httpJSON(method, url string, body any) (status int, answer object, err error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return resp.StatusCode, nil, fmt.Errorf("%s %s: %s: %w: %.200s", method, url, resp.Status, err, text)
	}
	return resp.StatusCode, answer, nil
}

// registerAt registers an Avro schema and returns its id.
func registerAt(registry, subject, schema string) (int64, error) {
	status, answer, err := httpJSON(http.MethodPost, registry+"/subjects/"+subject+"/versions", object{"schema": schema})
	if err != nil {
		return 0, err
	}
	if status != http.StatusOK {
		return 0, fmt.Errorf("register %s: %d %v", subject, status, answer)
	}
	return number(answer["id"]), nil
}

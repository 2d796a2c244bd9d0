package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// devServer is a dev server in a process of its own.
type devServer struct {
	dir    string // it was started in; its data are in the default place below
	line   string // what it printed
	at     addresses
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	ended  chan error
}

// startDev starts dev in dir and waits for its line.
func startDev(t *testing.T, dir string, args ...string) *devServer {
	t.Helper()
	w := &devServer{dir: dir, stderr: &bytes.Buffer{}, ended: make(chan error, 1)}
	w.cmd = child(dir, append([]string{"dev", "--json", "--delay", "2ms"}, args...)...)
	w.cmd.Stderr = w.stderr
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.stop(t, syscall.SIGKILL) })
	line := make(chan string, 1)
	go func() {
		r := bufio.NewReader(stdout)
		text, _ := r.ReadString('\n')
		line <- text
		_, _ = io.Copy(io.Discard, r)
		w.ended <- w.cmd.Wait()
	}()
	select {
	case w.line = <-line:
	case <-time.After(60 * time.Second):
		t.Fatal("dev says nothing")
	}
	if w.line == "" {
		<-w.ended
		t.Fatalf("dev ended: %s", w.stderr)
	}
	w.at = decoded[addresses](t, w.line)
	return w
}

// stop sends a signal and waits for the end of the process.
func (w *devServer) stop(t *testing.T, sig syscall.Signal) error {
	t.Helper()
	if w.cmd.ProcessState != nil {
		return nil
	}
	if err := w.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	select {
	case err := <-w.ended:
		return err
	case <-time.After(20 * time.Second):
		t.Error("dev does not end")
		return nil
	}
}

// devErr runs dev, which is to fail, and returns its exit code and stderr.
func devErr(t *testing.T, dir string, args ...string) (int, string) {
	t.Helper()
	cmd := child(dir, append([]string{"dev"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("dev %s: %v", strings.Join(args, " "), err)
	}
	return exit.ExitCode(), stderr.String()
}

// status is what the world says of itself, with digests.
func status(t *testing.T) statusJSON {
	t.Helper()
	return answers[statusJSON](t, "status", "--digest")
}

// accepted counts the accepted events of a stream over all regions.
func (s statusJSON) accepted(stream string) int64 {
	var n int64
	for _, r := range s.Regions {
		for _, x := range r.Streams {
			if x.Stream == stream {
				n += x.Accepted
			}
		}
	}
	return n
}

// repeated counts the events of a view that were repetitions.
func (s statusJSON) repeated(view string) int64 {
	var n int64
	for _, r := range s.Regions {
		for _, v := range r.Views {
			if v.View == view {
				n += v.Repeated
			}
		}
	}
	return n
}

func (s statusJSON) digests() map[string]string {
	d := map[string]string{}
	for name, r := range s.Regions {
		d[name] = r.Digest
	}
	return d
}

const shopYAML = `project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: basket, join_keys: [{name: user_id, type: int64}, {name: item, type: string}]}
  - {name: all}
streams:
  - name: orders
    entity: basket
    schema: order.avsc
    key: {user_id: customer}
    event_timestamp: ordered_at
    event_id: header:ce_id
    partitions: 3
  - name: visits
    entity: all
    schema: visit.avsc
    event_timestamp: at
    event_id: visit_id
    partitions: 1
feature_views:
  - name: spending
    stream: orders
    features:
      - {name: orders, kind: count}
      - {name: paid, kind: count, where: "status == 'PAID'"}
      - {name: total, kind: sum, of: total}
      - {name: mean_total, kind: mean, of: total}
      - {name: pieces, kind: sum, of: qty}
      - {name: with_qty, kind: count, of: qty}
      - {name: last_status, kind: last, of: status}
      - {name: first_note, kind: first, of: note}
      - {name: last_tags, kind: last, of: tags}
      - {name: max_total_1h, kind: max, of: total, window: 1h}
      - {name: orders_1h, kind: count, window: 1h}
  - name: traffic
    stream: visits
    features:
      - {name: visits, kind: count}
      - {name: pages, kind: approx_distinct, of: page}
feature_services:
  - {name: checkout, features: ["spending:*"]}
  - {name: everything, features: ["spending:orders", "traffic:*"]}
`

const orderSchema = `{"type": "record", "name": "Order", "fields": [
  {"name": "customer", "type": "long"},
  {"name": "item", "type": "string"},
  {"name": "ordered_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
  {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
  {"name": "qty", "type": ["null", "int"], "default": null},
  {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "CANCELLED"]}},
  {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
  {"name": "note", "type": ["null", "string"], "default": null}
]}
`

const visitSchema = `{"type": "record", "name": "Visit", "fields": [
  {"name": "visit_id", "type": "string"},
  {"name": "page", "type": "string"},
  {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}
]}
`

// shop writes the definitions into dir.
func shop(t *testing.T, dir string) string {
	t.Helper()
	writeFile(t, filepath.Join(dir, "shop.yaml"), shopYAML)
	writeFile(t, filepath.Join(dir, "order.avsc"), orderSchema)
	writeFile(t, filepath.Join(dir, "visit.avsc"), visitSchema)
	return dir
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"gopkg.in/yaml.v3"
)

// childWorker is one region's worker as a process of its own, so that it can
// be killed in the middle of its work.
type childWorker struct {
	region string
	args   []string
	log    string
	cmd    *exec.Cmd
	// bytesBefore is what its links had carried when it was killed.
	bytesBefore int64
}

// startChild runs the worker of dev's external region from this same program.
func startChild(d *dev, c *devCmd, log string) (*childWorker, error) {
	region := c.external
	settings := fileSettings{Peers: map[string]peerSettings{}}
	for name, a := range d.addresses.Regions {
		if name == region {
			continue
		}
		settings.Peers[name] = peerSettings{
			Kafka: kafkaSettings{Brokers: []string{a.Kafka}}, SchemaRegistry: registrySettings{URL: a.SchemaRegistry},
			HTTP: a.HTTP, BytesPerSecond: c.Budget, Delay: yamlDuration(c.Delay),
		}
	}
	dir := filepath.Join(d.data, region)
	b, err := yaml.Marshal(settings)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "worker.yaml")
	if err := os.WriteFile(config, b, 0o600); err != nil {
		return nil, err
	}
	own := d.addresses.Regions[region]
	w := &childWorker{region: region, log: log, args: []string{
		"worker", "--config", config, "--region", region, "--kafka-brokers", own.Kafka,
		"--schema-registry-url", own.SchemaRegistry, "--object-store", d.addresses.ObjectStore,
		"--http-listen", own.HTTP[len("http://"):], "--data", dir,
	}}
	return w, w.start()
}

func (w *childWorker) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(w.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	w.cmd = exec.Command(self, w.args...)
	w.cmd.Stdout, w.cmd.Stderr = log, log
	if err := w.cmd.Start(); err != nil {
		return fmt.Errorf("start the worker of %s: %w", w.region, err)
	}
	return nil
}

// kill ends the worker with SIGKILL, wherever it is, and starts it again.
func (w *childWorker) kill(ctx context.Context, e *env) error {
	var s nodeStatus
	if err := e.get(ctx, e.place(w.region), "/v1/status", &s); err != nil {
		return err
	}
	for _, l := range s.Links {
		w.bytesBefore += l.WireBytes
	}
	if err := w.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = w.cmd.Wait() // it says that it was killed
	return w.start()
}

// stop ends the worker and waits for it.
func (w *childWorker) stop() error {
	if w.cmd == nil || w.cmd.Process == nil || w.cmd.ProcessState != nil {
		return nil
	}
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- w.cmd.Wait() }()
	select {
	case <-done:
		return nil
	case <-time.After(15 * time.Second):
		_ = w.cmd.Process.Kill()
		<-done
		return fmt.Errorf("the worker of %s did not stop by itself", w.region)
	}
}

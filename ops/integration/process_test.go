//go:build integration

package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is one run of the binary in the background.
type process struct {
	t    *testing.T
	name string
	log  string // path of its stdout and stderr
	cmd  *exec.Cmd
	done chan struct{}
	err  error // why it ended; read after done
}

var processes atomic.Int64

// launch starts the binary in dir; it is stopped when the test ends, and its
// log is shown if the test failed.
func launch(t *testing.T, name, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: fmt.Sprintf("%s-%d", name, processes.Add(1)), done: make(chan struct{})}
	p.log = filepath.Join(runDir, p.name+".log")
	f, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p.cmd = exec.Command(exe, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, f, f
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.note()
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.finish)
	return p
}

// note leaves a pid file as ops/parts/process.sh reads it: the id and the time
// of the start, by which a number that the system has reused is told apart.
func (p *process) note() {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return // no /proc, or ended already
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	_ = os.WriteFile(p.pidFile(), fmt.Appendf(nil, "%d %s\n", p.cmd.Process.Pid, fields[19]), 0o644)
}

func (p *process) pidFile() string { return strings.TrimSuffix(p.log, ".log") + ".pid" }

// finish stops the process and shows its log if the test failed.
func (p *process) finish() {
	p.stop()
	if p.t.Failed() {
		p.t.Logf("end of the log of %s:\n%s", p.name, tail(p.log, 40))
	}
}

// stop asks the process to end and waits until it has.
func (p *process) stop() { p.end(syscall.SIGTERM) }

// kill ends the process with kill -9.
func (p *process) kill() { p.end(syscall.SIGKILL) }

func (p *process) end(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%v to %s: %v", sig, p.name, err)
	}
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.t.Errorf("%s did not end 30 s after %v", p.name, sig)
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	_ = os.Remove(p.pidFile())
}

// ended says whether the process has ended on its own, and how.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %v\n%s", p.name, p.err, tail(p.log, 20))
	default:
		return nil
	}
}

func tail(path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// patience bounds every wait for something that should happen soon. It is
// generous, because machines are slow at times; nothing takes that long.
const patience = 2 * time.Minute

// eventually waits until try returns nil.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

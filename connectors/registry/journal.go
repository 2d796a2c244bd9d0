package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// journalName is the file in a server's directory: one event a line.
const journalName = "registry.jsonl"

// journal is the file of events. Its methods are not safe for concurrent use.
type journal struct {
	file *os.File
	size int64 // of the whole, acknowledged lines
	bad  error // why nothing more can be written
}

// openJournal opens or creates the file and passes its events to apply. A last
// line that is cut or garbled was never acknowledged and is cut off; damage
// before it is an error.
func openJournal(dir string, apply func(event) error) (_ *journal, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, journalName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%s is in use by another process: %w", name, err)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	j := &journal{file: f}
	if j.size, err = replay(raw, apply); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := j.trim(int64(len(raw))); err != nil {
		return nil, err
	}
	return j, syncDir(dir)
}

// replay applies whole lines and returns how many bytes they take.
func replay(raw []byte, apply func(event) error) (int64, error) {
	done := 0
	for n := 1; done < len(raw); n++ {
		end := bytes.IndexByte(raw[done:], '\n')
		if end < 0 {
			break
		}
		var e event
		err := strictly(raw[done:done+end], &e)
		last := done+end+1 == len(raw)
		if err != nil && last {
			break
		}
		if err == nil {
			err = apply(e)
		}
		if err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		done += end + 1
	}
	return int64(done), nil
}

func strictly(line []byte, e *event) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(e); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("more than one value")
	}
	return nil
}

func (j *journal) trim(have int64) error {
	if have == j.size {
		return nil
	}
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	return j.file.Sync()
}

// add writes events and returns when they are on disk. After an error the file
// is as before; if that cannot be had, nothing more is ever written.
func (j *journal) add(events ...event) error {
	if j.bad != nil {
		return fmt.Errorf("the registry's file failed before: %w", j.bad)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, e := range events {
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	_, err := j.file.WriteAt(b.Bytes(), j.size)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		if undo := j.trim(-1); undo != nil {
			j.bad = err
		}
		return fmt.Errorf("write the registry's file: %w", err)
	}
	j.size += int64(b.Len())
	return nil
}

func (j *journal) close() error { return j.file.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

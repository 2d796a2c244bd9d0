package training

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// ManifestSuffix makes a manifest's name of its output's.
const ManifestSuffix = ".manifest.json"

// output is a file and its manifest that appear together when they are whole.
type output struct {
	path  string
	file  *os.File // beside its place
	hash  hash.Hash
	bytes int64
}

func newOutput(path, input string) (*output, error) {
	if err := apart(path, input); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.partial")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return &output{path: path, file: f, hash: sha256.New()}, nil
}

// apart refuses an output that would replace its own input.
func apart(path, input string) error {
	a, err := os.Stat(path)
	if err != nil || input == "" {
		return nil
	}
	if a.IsDir() {
		return fmt.Errorf("output %s is a directory: name a file", path)
	}
	if b, err := os.Stat(input); err == nil && os.SameFile(a, b) {
		return fmt.Errorf("output %s is the spine itself: name another file", path)
	}
	return nil
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	n, err := o.file.Write(b)
	_, _ = o.hash.Write(b[:n])
	o.bytes += int64(n)
	return n, err
}

func (o *output) digest() string { return hex.EncodeToString(o.hash.Sum(nil)) }

// discard removes what was written.
func (o *output) discard() {
	_ = o.file.Close()
	_ = os.Remove(o.file.Name())
}

// commit puts the output and its manifest in their places. The old manifest goes
// first: after a crash anywhere in between, a manifest that is there describes
// the output that is there.
func (o *output) commit(manifest []byte) error {
	if err := o.settle(); err != nil {
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	beside, err := newOutput(o.path+ManifestSuffix, "")
	if err != nil {
		return err
	}
	if _, err = beside.Write(manifest); err == nil {
		err = beside.settle()
	}
	if err == nil {
		err = o.place(beside)
	}
	if err != nil {
		beside.discard()
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	return nil
}

// settle brings the bytes to disk, readable as any new file is.
func (o *output) settle() error {
	return errors.Join(o.file.Chmod(0o644), o.file.Sync(), o.file.Close())
}

func (o *output) place(manifest *output) error {
	if err := os.Remove(manifest.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(o.file.Name(), o.path); err != nil {
		return err
	}
	if err := os.Rename(manifest.file.Name(), manifest.path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(o.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// fileDigest is the SHA-256 of a file.
func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// tempDir holds objects that are being written; its leading dot keeps it out of the name space.
const tempDir = ".tmp"

// tempAge is how long an unfinished object may go without a write before an opening store takes it for what a crash
// left behind.
const tempAge = 24 * time.Hour

// dirStore keeps objects as files below root. An object is written to tempDir, synced, and then appears by link(2)
// (Create: fails if the name exists) or rename(2) (Upload: replaces). A crash leaves a file in tempDir, or an object that
// is whole; never a part of one.
type dirStore struct {
	root string
	// durable holds the directories below root (one entry each) whose own entry this process has synced; another process
	// may have made a directory and not come to that yet.
	durable sync.Map
}

// OpenDir opens the directory store at root, which it makes if need be, and clears what crashes left in it more than a
// day ago. root must be on a file system with hard links; processes of one host may share it.
func OpenDir(root string) (Store, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open directory store %s: %w", root, err)
	}
	d := &dirStore{root: abs}
	if err := d.mkdirs(filepath.Join(abs, tempDir)); err != nil {
		return nil, fmt.Errorf("open directory store %s: %w", root, err)
	}
	if err := d.sweepTemp(time.Now().Add(-tempAge)); err != nil {
		return nil, fmt.Errorf("open directory store %s: clear %s: %w", root, tempDir, err)
	}
	return d, nil
}

func (d *dirStore) path(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }

func (d *dirStore) Create(ctx context.Context, name string, data []byte) error {
	if err := errors.Join(CheckName(name), checkSmall(int64(len(data))), ctx.Err()); err != nil {
		return failed("create", name, err)
	}
	dst := d.path(name)
	if isObject(dst) {
		return d.lost(name, dst)
	}
	tmp, _, err := d.stage(ctx, bytes.NewReader(data))
	if err != nil {
		return failed("create", name, err)
	}
	defer os.Remove(tmp)
	if err := d.mkdirs(filepath.Dir(dst)); err != nil {
		return failed("create", name, prefixTaken(err))
	}
	if err := os.Link(tmp, dst); errors.Is(err, fs.ErrExist) && isObject(dst) {
		return d.lost(name, dst)
	} else if err != nil {
		return failed("create", name, err)
	}
	// From here on others see the object; only a power cut could still take it back.
	if err := syncDir(filepath.Dir(dst)); err != nil {
		return unknown("create", name, err)
	}
	return nil
}

// lost answers ErrExists once the winner's directory entry is durable: its maker may not have come to that yet, and
// the caller will build on what it found.
func (d *dirStore) lost(name, dst string) error {
	if err := syncDir(filepath.Dir(dst)); err != nil {
		return unknown("create", name, err)
	}
	return failed("create", name, ErrExists)
}

func (d *dirStore) Upload(ctx context.Context, name string, r io.Reader) (Info, error) {
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return Info{}, failed("upload", name, err)
	}
	tmp, size, err := d.stage(ctx, r)
	if err != nil {
		return Info{}, failed("upload", name, err)
	}
	defer os.Remove(tmp)
	dst := d.path(name)
	if err := d.mkdirs(filepath.Dir(dst)); err != nil {
		return Info{}, failed("upload", name, prefixTaken(err))
	}
	if err := os.Rename(tmp, dst); err != nil {
		return Info{}, failed("upload", name, err)
	}
	if err := syncDir(filepath.Dir(dst)); err != nil {
		return Info{}, unknown("upload", name, err)
	}
	return Info{Name: name, SizeBytes: size}, nil
}

// stage writes r to a synced file in tempDir; on an error nothing is left.
func (d *dirStore) stage(ctx context.Context, r io.Reader) (path string, size int64, err error) {
	f, err := os.CreateTemp(filepath.Join(d.root, tempDir), "object-*")
	if err != nil {
		return "", 0, err
	}
	size, err = io.Copy(f, ctxReader{ctx, r})
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(f.Name())
		return "", 0, err
	}
	return f.Name(), size, nil
}

func (d *dirStore) Get(ctx context.Context, name string) ([]byte, error) {
	o, err := d.open(ctx, name)
	if err != nil {
		return nil, failed("get", name, err)
	}
	defer o.Close()
	if err := checkSmall(o.size); err != nil {
		return nil, failed("get", name, err)
	}
	data := make([]byte, o.size)
	if n, err := o.ReadAt(data, 0); n < len(data) {
		return nil, failed("get", name, err)
	}
	return data, nil
}

func (d *dirStore) Open(ctx context.Context, name string) (Object, error) {
	o, err := d.open(ctx, name)
	if err != nil {
		return nil, failed("open", name, err)
	}
	return o, nil
}

func (d *dirStore) open(ctx context.Context, name string) (*dirObject, error) {
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return nil, err
	}
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, notFound(err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = ErrNotFound
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &dirObject{file: f, ctx: ctx, size: st.Size()}, nil
}

func (d *dirStore) List(ctx context.Context, prefix string) ([]Info, error) {
	if err := checkPrefix(prefix); err != nil {
		return nil, failed("list", prefix, err)
	}
	var infos []Info
	from := d.path(prefix[:strings.LastIndexByte(prefix, '/')+1])
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err = errors.Join(ignoreGone(err), ctx.Err()); err != nil || e == nil {
			return err
		}
		info, ok, err := d.entry(path, e, prefix)
		if ok {
			infos = append(infos, info)
		}
		return err
	})
	if err != nil {
		return nil, failed("list", prefix, err)
	}
	sortInfos(infos)
	return infos, nil
}

// entry describes one directory entry; false if it is no object with the prefix.
func (d *dirStore) entry(path string, e fs.DirEntry, prefix string) (Info, bool, error) {
	if path != d.root && strings.HasPrefix(e.Name(), ".") {
		if e.IsDir() {
			return Info{}, false, fs.SkipDir
		}
		return Info{}, false, nil
	}
	rel, err := filepath.Rel(d.root, path)
	if err != nil {
		return Info{}, false, err
	}
	name := filepath.ToSlash(rel)
	if !e.Type().IsRegular() || !strings.HasPrefix(name, prefix) {
		return Info{}, false, nil
	}
	st, err := e.Info()
	if err != nil {
		return Info{}, false, ignoreGone(err)
	}
	return Info{Name: name, SizeBytes: st.Size(), Modified: st.ModTime()}, true, nil
}

func (d *dirStore) Delete(ctx context.Context, name string) error {
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return failed("delete", name, err)
	}
	dst := d.path(name)
	if !isObject(dst) {
		return nil
	}
	if err := os.Remove(dst); ignoreGone(err) != nil {
		return failed("delete", name, err)
	}
	// Directories stay, even empty ones: removing one would race with a writer that has just made it.
	if err := syncDir(filepath.Dir(dst)); err != nil {
		return unknown("delete", name, err)
	}
	return nil
}

// mkdirs makes dir and its missing parents, and makes their entries durable in their parents. What stands above root
// and exists already is left alone.
func (d *dirStore) mkdirs(dir string) error {
	if _, ok := d.durable.Load(dir); ok {
		return nil
	}
	above := !strings.HasPrefix(dir, d.root+string(filepath.Separator))
	if above && isDir(dir) {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := d.mkdirs(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !isDir(dir) {
		return err
	}
	if err := syncDir(parent); err != nil {
		return err
	}
	d.durable.Store(dir, true)
	return nil
}

// sweepTemp removes unfinished objects last written before the given time.
func (d *dirStore) sweepTemp(before time.Time) error {
	entries, err := os.ReadDir(filepath.Join(d.root, tempDir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		st, err := e.Info()
		if ignoreGone(err) != nil {
			return err
		}
		if err == nil && st.Mode().IsRegular() && st.ModTime().Before(before) {
			if err := os.Remove(filepath.Join(d.root, tempDir, e.Name())); ignoreGone(err) != nil {
				return err
			}
		}
	}
	return nil
}

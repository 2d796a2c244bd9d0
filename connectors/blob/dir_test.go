package blob_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/blob/blobtest"
)

func openDir(t *testing.T, dir string) blob.Store {
	t.Helper()
	s, err := blob.OpenURL(t.Context(), dir, blob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDirectoryConforms(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		dir := filepath.Join(t.TempDir(), "new", "store")
		t.Cleanup(func() { wantNoTemp(t, dir) })
		return openDir(t, dir)
	})
}

func wantNoTemp(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(dir, ".tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("unfinished objects left: %v, %v", left, err)
	}
}

func TestTwoOpeningsShareADirectory(t *testing.T) {
	dir := t.TempDir()
	a, b := openDir(t, dir), openDir(t, "file://"+dir)
	if err := a.Create(t.Context(), "x/y", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := b.Create(t.Context(), "x/y", []byte("2")); err == nil || !strings.Contains(err.Error(), "object exists") {
		t.Errorf("second create: %v", err)
	}
	if got, err := b.Get(t.Context(), "x/y"); err != nil || string(got) != "1" {
		t.Errorf("get: %q, %v", got, err)
	}
}

func TestOpenClearsOnlyOldUnfinishedObjects(t *testing.T) {
	dir := t.TempDir()
	openDir(t, dir)
	for name, age := range map[string]time.Duration{"object-old": 25 * time.Hour, "object-new": 23 * time.Hour} {
		path := filepath.Join(dir, ".tmp", name)
		if err := os.WriteFile(path, []byte("part"), 0o666); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	s := openDir(t, dir)
	left, err := os.ReadDir(filepath.Join(dir, ".tmp"))
	if err != nil || len(left) != 1 || left[0].Name() != "object-new" {
		t.Errorf("left: %v, %v; want object-new alone", left, err)
	}
	if infos, err := s.List(t.Context(), ""); err != nil || len(infos) != 0 {
		t.Errorf("unfinished objects are listed: %v, %v", infos, err)
	}
}

func TestDirectoryRefusesNamesBelowAnObject(t *testing.T) {
	s := openDir(t, t.TempDir())
	if err := s.Create(t.Context(), "a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), "d/x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/b", "a/b/c"} {
		if err := s.Create(t.Context(), name, nil); err == nil || !strings.Contains(err.Error(), "shorter name") {
			t.Errorf("create %s: %v", name, err)
		}
	}
	if err := s.Create(t.Context(), "d", nil); err == nil || strings.Contains(err.Error(), "object exists") {
		t.Errorf("create d: %v", err)
	}
}

func TestDirectoryNeedsADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, file + "/below"} {
		if _, err := blob.OpenURL(t.Context(), dir, blob.Options{}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("open %s: %v", dir, err)
		}
	}
}

func TestStrangersInTheDirectoryAreNoObjects(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".hidden"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if infos, err := s.List(t.Context(), ""); err != nil || len(infos) != 0 {
		t.Errorf("list: %v, %v", infos, err)
	}
}

func TestUploadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.parquet")
	if err := os.WriteFile(path, []byte("PAR1"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := openDir(t, t.TempDir())
	info, err := blob.UploadFile(t.Context(), s, "e/f.parquet", path)
	if err != nil || info.SizeBytes != 4 {
		t.Fatalf("upload: %+v, %v", info, err)
	}
	if got, err := s.Get(t.Context(), "e/f.parquet"); err != nil || string(got) != "PAR1" {
		t.Errorf("get: %q, %v", got, err)
	}
	if _, err := blob.UploadFile(t.Context(), s, "e/g", path+".none"); err == nil {
		t.Error("a missing file was uploaded")
	}
}

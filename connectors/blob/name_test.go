package blob

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzNamesStayBelowTheRoot(f *testing.F) {
	for _, name := range []string{"a", "a/b", "../a", "a/./b", "/a", "a//b", "a/", ".tmp/x", "view@v1/p=0/x.parquet", "a\x00b", "ä"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		path := (&dirStore{root: "/some/store"}).path(name)
		rel, err := filepath.Rel("/some/store", path)
		if err != nil || filepath.ToSlash(rel) != name || strings.HasPrefix(rel, ".") {
			t.Errorf("name %q becomes %q", name, path)
		}
		for i := range name {
			if err := checkPrefix(name[:i]); err != nil {
				t.Errorf("name %q is valid, its beginning %q not: %v", name, name[:i], err)
			}
		}
	})
}

func FuzzS3URL(f *testing.F) {
	for _, u := range []string{"s3://b", "s3://b/p/q?endpoint=http%3A%2F%2Fx%3A1&path_style=true&region=r", "s3://k:s@b", "s3://b?x=y", "s3://b//", "s3:// "} {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, location string) {
		l, err := parseS3URL(location)
		if err != nil {
			return
		}
		if l.bucket == "" || (l.prefix != "" && CheckName(l.prefix) != nil) {
			t.Errorf("%q gives %+v", location, l)
		}
		again, err := parseS3URL(l.String())
		if err != nil || again.bucket != l.bucket || again.prefix != l.prefix {
			t.Errorf("%q gives %q, which gives %+v, %v", location, l.String(), again, err)
		}
	})
}

package blob

import (
	"fmt"
	"strings"
)

// Bounds of names: S3 takes keys of 1,024 bytes, of which a store's own prefix may use the rest; file systems take
// components of 255.
const (
	MaxNameBytes      = 768
	MaxComponentBytes = 255
)

// CheckName says whether name can be an object's name in every store: components of letters, digits and "-_.=@+",
// joined by single slashes, none empty, none starting with a dot (those are the directory store's own), no name
// a directory of another. The last rule is checked by the directory store when the name is created.
func CheckName(name string) error {
	if name == "" {
		return fmt.Errorf("object name is empty")
	}
	if err := checkChars(name); err != nil {
		return err
	}
	for part := range strings.SplitSeq(name, "/") {
		if err := checkComponent(part); err != nil {
			return fmt.Errorf("object name %q: %w", name, err)
		}
	}
	return nil
}

// checkPrefix says whether prefix can be the beginning of a name.
func checkPrefix(prefix string) error {
	if err := checkChars(prefix); err != nil {
		return err
	}
	parts := strings.Split(prefix, "/")
	for _, part := range parts[:len(parts)-1] {
		if err := checkComponent(part); err != nil {
			return fmt.Errorf("prefix %q: %w", prefix, err)
		}
	}
	if strings.HasPrefix(parts[len(parts)-1], ".") {
		return fmt.Errorf("prefix %q: a component starts with a dot", prefix)
	}
	return nil
}

func checkComponent(part string) error {
	switch {
	case part == "":
		return fmt.Errorf("a component is empty (no leading, trailing or double slash)")
	case part[0] == '.':
		return fmt.Errorf("component %q starts with a dot", part)
	case len(part) > MaxComponentBytes:
		return fmt.Errorf("a component has %d bytes, at most %d", len(part), MaxComponentBytes)
	}
	return nil
}

func checkChars(name string) error {
	if len(name) > MaxNameBytes {
		return fmt.Errorf("object name %q…: %d bytes, at most %d", name[:32], len(name), MaxNameBytes)
	}
	for i := range len(name) {
		if !nameChar(name[i]) {
			return fmt.Errorf("object name %q: byte %q at %d; want letters, digits and -_.=@+ between slashes", name, name[i], i)
		}
	}
	return nil
}

func nameChar(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("-_.=@+/", c) >= 0
}

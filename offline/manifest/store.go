package manifest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"anabranch.dev/anabranch/connectors/blob"
)

// ErrConflict says that another writer's manifest has the number.
var ErrConflict = errors.New("another writer was faster")

// Load finds and reads the newest manifest of a table. A table without any is a zero Manifest with that ID, and no error.
func Load(ctx context.Context, s blob.Store, id ID) (Manifest, error) {
	head, err := newest(ctx, s, id)
	if err != nil {
		return Manifest{}, fmt.Errorf("find the newest manifest of %s: %w", id, err)
	}
	if head == 0 {
		return Manifest{ID: id}, nil
	}
	b, err := s.Get(ctx, id.manifest(head))
	if err != nil {
		return Manifest{}, fmt.Errorf("load manifest %d of %s: %w", head, id, err)
	}
	m, err := Decode(b)
	if err != nil {
		return Manifest{}, fmt.Errorf("load %s: %w", id.manifest(head), err)
	}
	if m.ID != id || m.Number != head {
		return Manifest{}, fmt.Errorf("load %s: it is manifest %d of %s", id.manifest(head), m.Number, m.ID)
	}
	return m, nil
}

// newest is the greatest number of a manifest, 0 if there is none. Numbers have no holes, so it doubles its step from the
// hint until it meets a free number, and halves the rest.
func newest(ctx context.Context, s blob.Store, id ID) (int64, error) {
	have, err := hinted(ctx, s, id)
	if err != nil {
		return 0, err
	}
	free := have + 1
	for step := int64(1); ; step *= 2 {
		there, err := exists(ctx, s, id.manifest(free))
		if err != nil {
			return 0, err
		}
		if !there {
			break
		}
		have, free = free, free+step
	}
	for free-have > 1 {
		middle := have + (free-have)/2
		there, err := exists(ctx, s, id.manifest(middle))
		if err != nil {
			return 0, err
		}
		if there {
			have = middle
		} else {
			free = middle
		}
	}
	return have, nil
}

// hinted is a number that there is a manifest of; 0 if the hint is missing or of no use.
func hinted(ctx context.Context, s blob.Store, id ID) (int64, error) {
	b, err := s.Get(ctx, id.hint())
	if errors.Is(err, blob.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n < 1 || n > maxOffset {
		return 0, nil
	}
	there, err := exists(ctx, s, id.manifest(n))
	if !there {
		n = 0
	}
	return n, err
}

func exists(ctx context.Context, s blob.Store, name string) (bool, error) {
	o, err := s.Open(ctx, name)
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, o.Close()
}

// attempts bounds how often one commit is sent while its outcome is not known.
const attempts = 3

// Commit publishes m, which [Next] made of the newest manifest. ErrConflict: another writer was faster, and m is and will
// be nowhere. blob.ErrUnknown: m may be the newest manifest, now or later. Any other error: nothing was written.
// A crash before the object exists leaves the table as it was; after it, only the hint is behind.
func Commit(ctx context.Context, s blob.Store, m Manifest) error {
	if err := m.Validate(); err != nil {
		return fmt.Errorf("commit manifest %d of %s: %w", m.Number, m.ID, err)
	}
	data := m.Encode()
	if err := create(ctx, s, m.ID.manifest(m.Number), data); err != nil {
		return fmt.Errorf("commit manifest %d of %s: %w", m.Number, m.ID, err)
	}
	// The hint only shortens the search: no reader relies on it, and its loss is no failure.
	s.Upload(ctx, m.ID.hint(), strings.NewReader(strconv.FormatInt(m.Number, 10)))
	return nil
}

// create writes a manifest whose number may be taken, and finds out by reading what became of a lost answer. To send the
// same document again is safe: whichever arrives first is the one object, and it is ours.
func create(ctx context.Context, s blob.Store, name string, data []byte) error {
	var all error
	for range attempts {
		err := s.Create(ctx, name, data)
		if err == nil {
			return nil
		}
		all = errors.Join(all, err)
		if !errors.Is(err, blob.ErrUnknown) && !errors.Is(err, blob.ErrExists) {
			return all
		}
		found, readErr := s.Get(ctx, name)
		switch {
		case errors.Is(readErr, blob.ErrNotFound):
			continue
		case readErr != nil:
			return fmt.Errorf("%w: and reading it back: %w", blob.ErrUnknown, readErr)
		case bytes.Equal(found, data):
			return nil
		}
		return ErrConflict
	}
	return all
}

// maxConflicts bounds how often Update plans again; each time another writer has made progress.
const maxConflicts = 100

// Update commits what plan makes of the table: of m, which the caller holds for the newest manifest, and after a conflict
// of the one that is. It returns the manifest that is then the newest known. If plan returns the manifest it was given,
// there is nothing to commit. An error of plan ends the attempt and is returned as it is.
func Update(ctx context.Context, s blob.Store, m Manifest, plan func(Manifest) (Manifest, error)) (Manifest, error) {
	for range maxConflicts {
		next, err := plan(m)
		if err != nil || next.Number == m.Number {
			return m, err
		}
		err = Commit(ctx, s, next)
		if err == nil {
			return next, nil
		}
		if !errors.Is(err, ErrConflict) {
			return m, err
		}
		if m, err = Load(ctx, s, m.ID); err != nil {
			return m, err
		}
	}
	return m, fmt.Errorf("update %s: %d times: %w", m.ID, maxConflicts, ErrConflict)
}

// Orphans lists the objects among the table's files that m does not know: those of commits that never happened, and of
// commits under way. It is for people and for reports; nothing else may be concluded from a listing.
func Orphans(ctx context.Context, s blob.Store, m Manifest) ([]blob.Info, error) {
	infos, err := s.List(ctx, m.ID.Files())
	if err != nil {
		return nil, fmt.Errorf("list orphans of %s: %w", m.ID, err)
	}
	known := map[string]bool{}
	for i := range m.Files {
		known[m.ID.File(m.Files[i].Name)] = true
	}
	for _, r := range m.Retired {
		known[m.ID.File(r.Name)] = true
	}
	var orphans []blob.Info
	for _, info := range infos {
		if !known[info.Name] {
			orphans = append(orphans, info)
		}
	}
	return orphans, nil
}

// Verify reads a file of the table and compares its length and digest with what the manifest says.
func Verify(ctx context.Context, s blob.Store, id ID, f File) error {
	o, err := s.Open(ctx, id.File(f.Name))
	if err != nil {
		return fmt.Errorf("verify file: %w", err)
	}
	defer o.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(o, 0, o.Size()))
	if err != nil {
		return fmt.Errorf("verify %s: %w", id.File(f.Name), err)
	}
	if digest := hex.EncodeToString(h.Sum(nil)); n != f.Length || digest != f.SHA256 {
		return fmt.Errorf("verify %s: %d bytes with digest %s, the manifest says %d with %s", id.File(f.Name), n, digest, f.Length, f.SHA256)
	}
	return nil
}

package manifest

import (
	"fmt"
	"slices"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Change is one step of a table's history: Rewrite, Add, Merge or Forget.
type Change interface {
	// apply changes m, a copy that the caller owns, and reports whether it changed anything.
	apply(m *Manifest) (bool, error)
}

// Rewrite begins a table, or begins it anew under another definition: all that it had is retired, at once, and replaced
// by files. It is there already if the table has that stream hash and log.
type Rewrite struct {
	Header Header
	Starts []Partition // one for each partition: where the table begins, with Mark equal to Start
	Files  []File
}

// Add extends the table by one file, whose intervals begin where the table ends.
type Add struct{ File File }

// Merge replaces files that follow one another by one that covers the same intervals.
type Merge struct {
	Names []string // of the files replaced, in the order of the manifest
	File  File
}

// Forget drops retired files that are deleted.
type Forget struct{ Names []string }

// OverlapError says that offsets to be added are covered already, as they are when another writer was faster.
type OverlapError struct {
	ID        ID
	Partition int32
	Lo        int64 // where the addition begins
	Next      int64 // where the table ends
}

func (e *OverlapError) Error() string {
	return fmt.Sprintf("table %s: partition %d: an addition begins at offset %d, the table ends at %d", e.ID, e.Partition, e.Lo, e.Next)
}

// Next is the manifest that follows m after a change, made by writer at that time, and shares memory with m, read-only.
// A change that is there already leaves m as it is, number and all: repeating one after an unknown outcome is safe.
// The error is an [*OverlapError], or says why the change fits no table; m is never changed.
//
//	Next(Next(m, w, t, c), w', t', c) == Next(m, w, t, c)
func Next(m Manifest, writer string, at stamp.Micros, c Change) (Manifest, error) {
	n := m
	n.Partitions, n.Files, n.Retired = slices.Clone(m.Partitions), slices.Clone(m.Files), slices.Clone(m.Retired)
	n.Number, n.Writer, n.At = m.Number+1, writer, max(at, m.At)
	changed, err := c.apply(&n)
	if err != nil || !changed {
		return m, err
	}
	if err := n.Validate(); err != nil {
		return m, fmt.Errorf("table %s: change to manifest %d: %w", m.ID, n.Number, err)
	}
	return n, nil
}

func (c Rewrite) apply(m *Manifest) (bool, error) {
	if m.Number > 1 && m.Header.StreamHash == c.Header.StreamHash && m.Header.Log == c.Header.Log {
		return false, nil
	}
	for _, f := range m.Files {
		m.retire(f.Name)
	}
	m.Header, m.Partitions, m.Files = c.Header, slices.Clone(c.Starts), nil
	for _, f := range c.Files {
		if err := m.extend(f); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c Add) apply(m *Manifest) (bool, error) {
	if slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == c.File.Name && f.SHA256 == c.File.SHA256 }) {
		return false, nil
	}
	return true, m.extend(c.File)
}

// extend adds a file at the table's end.
func (m *Manifest) extend(f File) error {
	for _, iv := range f.Intervals {
		if int(iv.Partition) >= len(m.Partitions) || iv.Partition < 0 {
			return fmt.Errorf("file %s: partition %d of %d", f.Name, iv.Partition, len(m.Partitions))
		}
		p := &m.Partitions[iv.Partition]
		if iv.Lo < p.Mark.Next {
			return &OverlapError{ID: m.ID, Partition: iv.Partition, Lo: iv.Lo, Next: p.Mark.Next}
		}
		if iv.Lo > p.Mark.Next {
			return fmt.Errorf("file %s: partition %d: hole from offset %d to %d", f.Name, iv.Partition, p.Mark.Next, iv.Lo)
		}
		p.Mark, p.Epoch = position.Mark{Next: iv.Hi, Stamp: iv.Stamp}, iv.Epoch
	}
	m.Files = append(m.Files, f)
	return nil
}

func (c Merge) apply(m *Manifest) (bool, error) {
	if slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == c.File.Name && f.SHA256 == c.File.SHA256 }) {
		return false, nil
	}
	at, err := m.run(c.Names)
	if err != nil {
		return false, err
	}
	old := slices.Clone(m.Files[at : at+len(c.Names)])
	want := Union(old)
	if !slices.Equal(want.Intervals, c.File.Intervals) || want.Rows != c.File.Rows || want.Quarantined != c.File.Quarantined {
		return false, fmt.Errorf("merge into %s: it does not cover what it replaces", c.File.Name)
	}
	m.Files = slices.Replace(m.Files, at, at+len(c.Names), c.File)
	for _, f := range old {
		m.retire(f.Name)
	}
	return true, nil
}

// run finds files that follow one another.
func (m *Manifest) run(names []string) (int, error) {
	if len(names) == 0 {
		return 0, fmt.Errorf("merge of no files")
	}
	at := slices.IndexFunc(m.Files, func(f File) bool { return f.Name == names[0] })
	if at < 0 || at+len(names) > len(m.Files) {
		return 0, fmt.Errorf("merge: %s is not followed by %d files", names[0], len(names)-1)
	}
	for i, name := range names {
		if m.Files[at+i].Name != name {
			return 0, fmt.Errorf("merge: %s does not follow: %s does", name, m.Files[at+i].Name)
		}
	}
	return at, nil
}

func (m *Manifest) retire(name string) {
	m.Retired = append(m.Retired, Retired{Name: name, Number: m.Number, At: m.At})
}

func (c Forget) apply(m *Manifest) (bool, error) {
	before := len(m.Retired)
	m.Retired = slices.DeleteFunc(m.Retired, func(r Retired) bool { return slices.Contains(c.Names, r.Name) })
	return len(m.Retired) < before, nil
}

// Union is what files that follow one another cover together; name, length and digest are left empty.
func Union(files []File) File {
	u := File{}
	for _, f := range files {
		if f.Rows > 0 {
			u.widen(&f)
		}
		u.Rows += f.Rows
		u.Quarantined += f.Quarantined
		for _, iv := range f.Intervals {
			u.cover(iv)
		}
	}
	slices.SortFunc(u.Intervals, func(a, b Interval) int { return int(a.Partition - b.Partition) })
	return u
}

func (f *File) widen(g *File) {
	if f.Rows == 0 {
		f.MinTime, f.MaxTime, f.MinCreated, f.MaxCreated = g.MinTime, g.MaxTime, g.MinCreated, g.MaxCreated
		return
	}
	f.MinTime, f.MaxTime = min(f.MinTime, g.MinTime), max(f.MaxTime, g.MaxTime)
	f.MinCreated, f.MaxCreated = min(f.MinCreated, g.MinCreated), max(f.MaxCreated, g.MaxCreated)
}

func (f *File) cover(iv Interval) {
	for i := range f.Intervals {
		if have := &f.Intervals[i]; have.Partition == iv.Partition {
			have.Hi, have.Rows, have.Stamp, have.Epoch = iv.Hi, have.Rows+iv.Rows, iv.Stamp, iv.Epoch
			return
		}
	}
	f.Intervals = append(f.Intervals, iv)
}

package manifest

import (
	"encoding/hex"
	"fmt"
	"strings"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/schemas/position"
)

// maxOffset bounds offsets and counts, so that sums of a table stay far from overflow.
const maxOffset = 1 << 62

// Validate reports what no manifest can say: holes, overlaps, counts that do not fit, names that are none.
func (m *Manifest) Validate() error {
	if err := m.checkHead(); err != nil {
		return err
	}
	next := make([]Partition, len(m.Partitions))
	for i, p := range m.Partitions {
		if err := p.check(); err != nil {
			return fmt.Errorf("partition %d: %w", i, err)
		}
		next[i] = Partition{Start: p.Start, Mark: p.Start, Epoch: -1}
	}
	names := map[string]bool{}
	for i := range m.Files {
		f := &m.Files[i]
		if err := f.check(names); err != nil {
			return fmt.Errorf("file %q: %w", f.Name, err)
		}
		if err := f.follow(next); err != nil {
			return fmt.Errorf("file %q: %w", f.Name, err)
		}
	}
	for i, p := range m.Partitions {
		if next[i].Mark != p.Mark {
			return fmt.Errorf("partition %d: the files reach %+v, the mark says %+v", i, next[i].Mark, p.Mark)
		}
	}
	return m.checkRetired(names)
}

func (m *Manifest) checkHead() error {
	switch {
	case m.ID.Incarnation < 1:
		return fmt.Errorf("incarnation 0: the first is 1")
	case m.Number < 1:
		return fmt.Errorf("number %d: the first is 1", m.Number)
	case m.Writer == "" || len(m.Writer) > 64:
		return fmt.Errorf("writer %q: want an id of 1 to 64 bytes", m.Writer)
	case m.Header.StreamHash == "" || m.Header.Schema == "":
		return fmt.Errorf("stream hash or schema is missing")
	case m.Header.Log.ClusterID == "" || m.Header.Log.Topic == "" || m.Header.Log.TopicID == "":
		return fmt.Errorf("identity of the log is missing")
	case len(m.Partitions) == 0:
		return fmt.Errorf("no partitions")
	}
	return blob.CheckName(m.ID.manifest(m.Number))
}

func (p *Partition) check() error {
	switch {
	case p.Start.Next < 0 || p.Mark.Next < p.Start.Next || p.Mark.Next > maxOffset:
		return fmt.Errorf("covers offsets %d to %d", p.Start.Next, p.Mark.Next)
	case p.Mark.Stamp < p.Start.Stamp:
		return fmt.Errorf("its stamp falls from %d to %d", p.Start.Stamp, p.Mark.Stamp)
	}
	return nil
}

// check looks at a file by itself and notes its name.
func (f *File) check(names map[string]bool) error {
	digest, err := hex.DecodeString(f.SHA256)
	switch {
	case !fileName(f.Name):
		return fmt.Errorf("not a name of a .parquet file")
	case names[f.Name]:
		return fmt.Errorf("listed twice")
	case err != nil || len(digest) != 32 || f.SHA256 != strings.ToLower(f.SHA256):
		return fmt.Errorf("digest %q: want 64 lower-case hexadecimal digits", f.SHA256)
	case f.Length < 1:
		return fmt.Errorf("%d bytes", f.Length)
	case len(f.Intervals) == 0:
		return fmt.Errorf("covers nothing")
	case f.MinTime > f.MaxTime || f.MinCreated > f.MaxCreated:
		return fmt.Errorf("least time after the greatest")
	case f.Rows == 0 && (f.MinTime != 0 || f.MaxTime != 0 || f.MinCreated != 0 || f.MaxCreated != 0):
		return fmt.Errorf("times without rows")
	}
	names[f.Name] = true
	return f.count()
}

// fileName says whether a name can be one of a table's files.
func fileName(name string) bool {
	return strings.HasSuffix(name, ".parquet") && !strings.Contains(name, "/") && blob.CheckName(name) == nil
}

// count compares the rows of the intervals with the rows of the file and with what fits between their offsets.
func (f *File) count() error {
	var rows, room int64
	last := int32(-1)
	for _, iv := range f.Intervals {
		switch {
		case iv.Partition <= last:
			return fmt.Errorf("intervals out of order at partition %d", iv.Partition)
		case iv.Lo < 0 || iv.Hi <= iv.Lo || iv.Hi > maxOffset:
			return fmt.Errorf("interval [%d, %d) of partition %d", iv.Lo, iv.Hi, iv.Partition)
		case iv.Rows < 0 || iv.Rows > iv.Hi-iv.Lo:
			return fmt.Errorf("%d rows in the interval [%d, %d) of partition %d", iv.Rows, iv.Lo, iv.Hi, iv.Partition)
		}
		last = iv.Partition
		if rows, room = rows+iv.Rows, room+iv.Hi-iv.Lo; room < 0 || room > maxOffset {
			return fmt.Errorf("intervals of more than 2^62 offsets")
		}
	}
	if rows != f.Rows {
		return fmt.Errorf("%d rows, its intervals have %d", f.Rows, rows)
	}
	if f.Quarantined < 0 || f.Quarantined > room-rows {
		return fmt.Errorf("%d rows and %d quarantined records in %d offsets", rows, f.Quarantined, room)
	}
	return nil
}

// follow extends the marks in next by the file.
func (f *File) follow(next []Partition) error {
	for _, iv := range f.Intervals {
		if int(iv.Partition) >= len(next) {
			return fmt.Errorf("partition %d of %d", iv.Partition, len(next))
		}
		p := &next[iv.Partition]
		if iv.Lo != p.Mark.Next {
			return fmt.Errorf("partition %d: begins at offset %d where the files before it end at %d", iv.Partition, iv.Lo, p.Mark.Next)
		}
		if iv.Stamp < p.Mark.Stamp {
			return fmt.Errorf("partition %d: stamp falls from %d to %d", iv.Partition, p.Mark.Stamp, iv.Stamp)
		}
		p.Mark = position.Mark{Next: iv.Hi, Stamp: iv.Stamp}
	}
	return nil
}

func (m *Manifest) checkRetired(names map[string]bool) error {
	for _, r := range m.Retired {
		if !fileName(r.Name) || names[r.Name] {
			return fmt.Errorf("retired file %q: no name, or listed as well", r.Name)
		}
		names[r.Name] = true
		if r.Number < 1 || r.Number > m.Number || r.At > m.At {
			return fmt.Errorf("retired file %q: by manifest %d at %s", r.Name, r.Number, r.At)
		}
	}
	return nil
}

package manifest

import (
	"fmt"
	"strconv"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// ID names a table: the history of one stream from one life of one origin's log.
type ID struct {
	Project string
	Stream  string
	position.Source
}

// String is the table's path: project/stream/origin/incarnation.
func (id ID) String() string {
	return fmt.Sprintf("%s/%s/%s/%d", id.Project, id.Stream, id.Origin, id.Incarnation)
}

// Files is the prefix of the names of the table's files, with a slash at its end.
func (id ID) Files() string { return id.below("events") }

// Manifests is the prefix of the names of the table's manifests, with a slash at its end.
func (id ID) Manifests() string { return id.below("manifests") }

func (id ID) below(kind string) string {
	return id.Project + "/" + kind + "/" + id.Stream + "/" + id.Origin + "/" + strconv.FormatUint(uint64(id.Incarnation), 10) + "/"
}

// File is the object name of a file that a manifest lists under name.
func (id ID) File(name string) string { return id.Files() + name }

func (id ID) manifest(number int64) string {
	return fmt.Sprintf("%s%012d.json", id.Manifests(), number)
}

func (id ID) hint() string { return id.Manifests() + "head" }

// Manifest is one state of a table. The zero Manifest with an ID is a table that has none yet.
type Manifest struct {
	ID     ID
	Number int64  // 1 is the first; 0: the table has no manifest
	Writer string // id of the commit, unique to it, given by who commits
	At     stamp.Micros
	Header Header
	// Partitions has one entry for each partition of the stream, by number.
	Partitions []Partition
	// Files are in the order in which they extend the partitions: for each partition the intervals of all files, one
	// after the other, cover [Start.Next, Mark.Next) without hole or overlap.
	Files []File
	// Retired are files that an earlier manifest listed and that may still exist.
	Retired []Retired
}

// Header is what all files of a table have in common.
type Header struct {
	StreamHash string // definition.StreamHash of the definition by which the files were written
	Schema     string // Avro reader schema of that definition, JSON
	Log        Log    // the log that the offsets count in
}

// Log tells one life of a topic from another.
type Log struct {
	ClusterID string
	Topic     string
	TopicID   string // 32 hexadecimal digits
}

// Partition is how far a table covers one partition of its log.
type Partition struct {
	// Start is where the table begins: offset 0, or a later start of the log that somebody has declared.
	Start position.Mark
	// Mark is where it ends: the first offset that is in no file, and the stamp of the last record below it.
	Mark position.Mark
	// Epoch is the leader epoch of the last record below the mark, -1 if unknown.
	Epoch int32
}

// File is one immutable file of a table.
type File struct {
	Name   string // below ID.Files
	Length int64  // bytes
	SHA256 string // 64 hexadecimal digits
	Rows   int64
	// Quarantined is the number of records in the intervals that are no rows because of their verdict.
	Quarantined int64
	// MinTime to MaxCreated bound the rows' event and created timestamps; all are 0 without rows.
	MinTime, MaxTime       stamp.Micros
	MinCreated, MaxCreated stamp.Micros
	Intervals              []Interval // by partition, ascending
}

// Interval is what a file covers of one partition: all records with lo <= offset < hi.
type Interval struct {
	Partition int32
	Lo, Hi    int64
	Rows      int64
	Stamp     stamp.Stamp // of the last record below Hi, 0 if there is none
	Epoch     int32       // leader epoch of the last record below Hi, -1 if unknown
}

// Retired is a file that is no longer part of the table.
type Retired struct {
	Name   string
	Number int64        // of the first manifest that does not list it
	At     stamp.Micros // when that one was made
}

// Interval is what the file covers of a partition; false if nothing.
func (f *File) Interval(partition int32) (Interval, bool) {
	for _, iv := range f.Intervals {
		if iv.Partition == partition {
			return iv, true
		}
	}
	return Interval{}, false
}

// Frontier is what the table covers, a mark for each partition of which it covers anything.
func (m *Manifest) Frontier() position.Frontier {
	f := position.Frontier{}
	for p := range m.Partitions {
		if mark := m.Partitions[p].Mark; mark.Next > 0 {
			f[position.Log{Stream: m.ID.Stream, Source: m.ID.Source, Partition: int32(p)}] = mark
		}
	}
	return f
}

// Rows is the number of events in the table.
func (m *Manifest) Rows() (n int64) {
	for i := range m.Files {
		n += m.Files[i].Rows
	}
	return n
}

// Expired lists the retired files that may be deleted at a time when the grace period began at since: those that no
// manifest younger than since lists.
func (m *Manifest) Expired(since stamp.Micros) (names []string) {
	for _, r := range m.Retired {
		if r.At < since {
			names = append(names, r.Name)
		}
	}
	return names
}

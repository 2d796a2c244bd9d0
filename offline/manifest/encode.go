package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// formatVersion is the version of the document, FORMAT.md §8.2.
const formatVersion = 1

// The document. Stamps are decimal text, since they need more than the 53 bits that many readers of JSON keep.
type (
	document struct {
		Version     int             `json:"version"`
		Project     string          `json:"project"`
		Stream      string          `json:"stream"`
		Origin      string          `json:"origin"`
		Incarnation uint32          `json:"incarnation"`
		Number      int64           `json:"number"`
		Parent      int64           `json:"parent"`
		Writer      string          `json:"writer"`
		At          stamp.Micros    `json:"at_us"`
		StreamHash  string          `json:"stream_hash"`
		Schema      string          `json:"schema"`
		Log         logJSON         `json:"log"`
		Partitions  []partitionJSON `json:"partitions"`
		Files       []fileJSON      `json:"files"`
		Retired     []retiredJSON   `json:"retired"`
	}
	logJSON struct {
		ClusterID string `json:"cluster_id"`
		Topic     string `json:"topic"`
		TopicID   string `json:"topic_id"`
	}
	markJSON struct {
		Next  int64       `json:"next"`
		Stamp stamp.Stamp `json:"stamp,string"`
	}
	partitionJSON struct {
		Start markJSON `json:"start"`
		Mark  markJSON `json:"mark"`
		Epoch int32    `json:"leader_epoch"`
	}
	fileJSON struct {
		Name        string         `json:"name"`
		Length      int64          `json:"length_bytes"`
		SHA256      string         `json:"sha256"`
		Rows        int64          `json:"rows"`
		Quarantined int64          `json:"quarantined"`
		MinTime     stamp.Micros   `json:"min_event_timestamp_us"`
		MaxTime     stamp.Micros   `json:"max_event_timestamp_us"`
		MinCreated  stamp.Micros   `json:"min_created_timestamp_us"`
		MaxCreated  stamp.Micros   `json:"max_created_timestamp_us"`
		Intervals   []intervalJSON `json:"intervals"`
	}
	intervalJSON struct {
		Partition int32       `json:"partition"`
		Lo        int64       `json:"lo"`
		Hi        int64       `json:"hi"`
		Rows      int64       `json:"rows"`
		Stamp     stamp.Stamp `json:"stamp,string"`
		Epoch     int32       `json:"leader_epoch"`
	}
	retiredJSON struct {
		Name   string       `json:"name"`
		Number int64        `json:"number"`
		At     stamp.Micros `json:"at_us"`
	}
)

// Encode is the manifest's document. Equal manifests have equal documents.
func (m *Manifest) Encode() []byte {
	d := document{
		Version: formatVersion, Project: m.ID.Project, Stream: m.ID.Stream, Origin: m.ID.Origin, Incarnation: m.ID.Incarnation,
		Number: m.Number, Parent: m.Number - 1, Writer: m.Writer, At: m.At, StreamHash: m.Header.StreamHash, Schema: m.Header.Schema,
		Log: logJSON(m.Header.Log), Partitions: []partitionJSON{}, Files: []fileJSON{}, Retired: []retiredJSON{},
	}
	for _, p := range m.Partitions {
		d.Partitions = append(d.Partitions, partitionJSON{markJSON(p.Start), markJSON(p.Mark), p.Epoch})
	}
	for _, f := range m.Files {
		j := fileJSON{f.Name, f.Length, f.SHA256, f.Rows, f.Quarantined, f.MinTime, f.MaxTime, f.MinCreated, f.MaxCreated, nil}
		for _, iv := range f.Intervals {
			j.Intervals = append(j.Intervals, intervalJSON(iv))
		}
		d.Files = append(d.Files, j)
	}
	for _, r := range m.Retired {
		d.Retired = append(d.Retired, retiredJSON(r))
	}
	b, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("BUG: manifest: %v", err))
	}
	return append(b, '\n')
}

// Decode reads a document strictly: unknown members, another version, anything after the document, and a table that
// Validate refuses are errors.
func Decode(b []byte) (Manifest, error) {
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	if v.Version != formatVersion {
		return Manifest{}, fmt.Errorf("manifest: version %d, this program reads %d", v.Version, formatVersion)
	}
	var d document
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Manifest{}, fmt.Errorf("manifest at byte %d: %w", dec.InputOffset(), err)
	}
	if d.Parent != d.Number-1 {
		return Manifest{}, fmt.Errorf("manifest: number %d after %d", d.Number, d.Parent)
	}
	m := d.manifest()
	if err := m.Validate(); err != nil {
		return Manifest{}, fmt.Errorf("manifest %d of %s: %w", m.Number, m.ID, err)
	}
	return m, nil
}

func (d *document) manifest() Manifest {
	m := Manifest{
		ID:     ID{Project: d.Project, Stream: d.Stream, Source: position.Source{Origin: d.Origin, Incarnation: d.Incarnation}},
		Number: d.Number, Writer: d.Writer, At: d.At, Header: Header{StreamHash: d.StreamHash, Schema: d.Schema, Log: Log(d.Log)},
	}
	for _, p := range d.Partitions {
		m.Partitions = append(m.Partitions, Partition{position.Mark(p.Start), position.Mark(p.Mark), p.Epoch})
	}
	for _, j := range d.Files {
		f := File{j.Name, j.Length, j.SHA256, j.Rows, j.Quarantined, j.MinTime, j.MaxTime, j.MinCreated, j.MaxCreated, nil}
		for _, iv := range j.Intervals {
			f.Intervals = append(f.Intervals, Interval(iv))
		}
		m.Files = append(m.Files, f)
	}
	for _, r := range d.Retired {
		m.Retired = append(m.Retired, Retired(r))
	}
	return m
}

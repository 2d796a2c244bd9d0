package training

import (
	"encoding/json"
	"fmt"

	"anabranch.dev/anabranch/schemas/definition"
)

// manifest is what stands beside an output. It is a function of request and
// frontier, as the output is: it has no wall clock and no path.
type manifest struct {
	Format    int    `json:"format"`
	Project   string `json:"project"`
	Service   string `json:"service,omitempty"`
	View      string `json:"view,omitempty"` // of a snapshot
	At        string `json:"at,omitempty"`   // of a snapshot
	FullNames bool   `json:"full_feature_names"`

	Features []featureManifest `json:"features"`
	Frontier string            `json:"frontier"`
	Cuts     cutsManifest      `json:"cuts"`
	Spine    *fileManifest     `json:"spine,omitempty"`
	Output   fileManifest      `json:"output"`

	NullKeyRows int64  `json:"null_key_rows"`
	Values      int64  `json:"values"`
	Nulls       int64  `json:"nulls"`
	Leaked      int64  `json:"leaks_prevented"`
	CodeVersion string `json:"code_version"`
}

type featureManifest struct {
	Name        string           `json:"name"`
	Feature     string           `json:"feature"`
	View        string           `json:"view"`
	ViewVersion int              `json:"view_version"`
	ViewHash    string           `json:"view_hash"`
	FeatureHash string           `json:"feature_hash"`
	Type        string           `json:"type"`
	Nulls       int64            `json:"nulls"`
	Leaked      int64            `json:"leaks_prevented"`
	Statuses    map[string]int64 `json:"statuses"`
}

type cutsManifest struct {
	KnownAt string            `json:"known_at"`
	AsOf    map[string]string `json:"as_of,omitempty"`
}

type fileManifest struct {
	SHA256 string `json:"sha256"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes,omitempty"`
}

const manifestFormat = 1

func (d *Definitions) manifest(rep *Report, columns []column) *manifest {
	m := &manifest{
		Format: manifestFormat, Project: d.Project.Name, Frontier: rep.Frontier.Text(),
		Output:      fileManifest{rep.Digest, rep.Rows, rep.Bytes},
		NullKeyRows: rep.NullKeyRows, Values: rep.Values, Nulls: rep.Nulls, Leaked: rep.Leaked,
	}
	for i, c := range columns {
		r := &rep.Columns[i]
		m.Features = append(m.Features, featureManifest{
			Name: c.name, Feature: c.feature, View: c.prog.View.Name, ViewVersion: d.version(c.prog.View.Name),
			ViewHash: definition.ViewHash(d.Project, c.prog.View), FeatureHash: definition.FeatureHash(&c.prog.View.Features[c.index]),
			Type: c.typ().String(), Nulls: r.Nulls, Leaked: r.Leaked, Statuses: r.Statuses,
		})
	}
	return m
}

func (m *manifest) bytes() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return append(b, '\n'), nil
}

package definition

import (
	"bytes"
	"encoding/json"
	"fmt"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// The canonical JSON of a project is the one file that a person could have
// written for it, with every default filled in and each schema in its place
// (FORMAT.md). So one reader serves both.
type (
	projectJSON struct {
		Project  string        `json:"project"`
		Regions  []regionJSON  `json:"regions"`
		Entities []entityJSON  `json:"entities,omitempty"`
		Streams  []streamJSON  `json:"streams,omitempty"`
		Views    []viewJSON    `json:"feature_views,omitempty"`
		Services []serviceJSON `json:"feature_services,omitempty"`
		Bases    []basisJSON   `json:"bases,omitempty"`
	}
	basisJSON struct {
		Name    string `json:"name"`
		Version int    `json:"version"`
		Data    []byte `json:"data"` // in base64
	}
	regionJSON struct {
		Name string `json:"name"`
	}
	entityJSON struct {
		Name        string        `json:"name"`
		JoinKeys    []joinKeyJSON `json:"join_keys,omitempty"`
		Description string        `json:"description,omitempty"`
	}
	joinKeyJSON struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	streamJSON struct {
		Name           string            `json:"name"`
		Entity         string            `json:"entity"`
		Schema         string            `json:"schema"`
		Topic          string            `json:"topic"`
		Key            map[string]string `json:"key,omitempty"`
		EventTime      string            `json:"event_timestamp"`
		Created        string            `json:"created_timestamp"`
		EventID        string            `json:"event_id,omitempty"`
		EventIDHorizon string            `json:"event_id_horizon"`
		MaxFuture      string            `json:"max_future"`
		Partitions     int32             `json:"partitions"`
		Owner          string            `json:"owner,omitempty"`
		Description    string            `json:"description,omitempty"`
		Tags           map[string]string `json:"tags,omitempty"`
	}
	viewJSON struct {
		Name        string            `json:"name"`
		Stream      string            `json:"stream"`
		TTL         string            `json:"ttl,omitempty"`
		Where       string            `json:"where,omitempty"`
		Features    []featureJSON     `json:"features"`
		Policy      *policyJSON       `json:"policy,omitempty"`
		MaxBytes    int               `json:"max_bytes_per_key,omitempty"`
		Owner       string            `json:"owner,omitempty"`
		Description string            `json:"description,omitempty"`
		Tags        map[string]string `json:"tags,omitempty"`
	}
	featureJSON struct {
		Name        string `json:"name"`
		Kind        string `json:"kind"`
		Of          string `json:"of,omitempty"`
		By          string `json:"by,omitempty"`
		Where       string `json:"where,omitempty"`
		Window      string `json:"window,omitempty"`
		Pane        string `json:"pane,omitempty"`
		Scale       *int32 `json:"scale,omitempty"`
		As          string `json:"as,omitempty"`
		K           int    `json:"k,omitempty"`
		Max         int    `json:"max,omitempty"`
		RemoveWhere string `json:"remove_where,omitempty"`
		Precision   int    `json:"precision,omitempty"`

		Weight        string    `json:"weight,omitempty"`
		Exact         bool      `json:"exact,omitempty"`
		Removes       string    `json:"removes,omitempty"`
		Error         float64   `json:"error,omitempty"`
		Q             []float64 `json:"q,omitempty"`
		RelativeError float64   `json:"relative_error,omitempty"`
		HalfLife      string    `json:"half_life,omitempty"`
		Dim           int       `json:"dim,omitempty"`
		Bits          int       `json:"bits,omitempty"`
		Basis         string    `json:"basis,omitempty"`
		ErrorBudget   float64   `json:"error_budget,omitempty"`
		Sensitivity   float64   `json:"sensitivity,omitempty"`
		Discrepancy   string    `json:"discrepancy,omitempty"`

		Description string            `json:"description,omitempty"`
		Tags        map[string]string `json:"tags,omitempty"`
	}
	policyJSON struct {
		MaxStaleness string   `json:"max_staleness,omitempty"`
		Mode         string   `json:"mode,omitempty"`
		Deadline     string   `json:"deadline,omitempty"`
		Partial      *bool    `json:"partial,omitempty"`
		Residency    []string `json:"residency,omitempty"`
	}
	serviceJSON struct {
		Name        string            `json:"name"`
		Features    []selectionJSON   `json:"features"`
		Policy      *policyJSON       `json:"policy,omitempty"`
		Owner       string            `json:"owner,omitempty"`
		Description string            `json:"description,omitempty"`
		Tags        map[string]string `json:"tags,omitempty"`
	}
	selectionJSON struct {
		View     string            `json:"view"`
		As       string            `json:"as,omitempty"`
		Keys     map[string]string `json:"keys,omitempty"`
		Features []string          `json:"features"`
	}
)

// Encode is the canonical JSON of a parsed project, on one line.
//
//	Decode(Encode(p)) == p, but for every Pos
func Encode(p *Project) []byte {
	j := projectJSON{Project: p.Name}
	for _, r := range p.Regions {
		j.Regions = append(j.Regions, regionJSON{r})
	}
	for i := range p.Entities {
		j.Entities = append(j.Entities, entityToJSON(&p.Entities[i]))
	}
	for i := range p.Streams {
		j.Streams = append(j.Streams, streamToJSON(p, &p.Streams[i]))
	}
	for i := range p.Views {
		j.Views = append(j.Views, viewToJSON(&p.Views[i]))
	}
	for i := range p.Services {
		j.Services = append(j.Services, serviceToJSON(&p.Services[i]))
	}
	for _, basis := range p.Bases {
		j.Bases = append(j.Bases, basisJSON{basis.Name, basis.Version, basis.Data})
	}
	return mustJSON(j)
}

// Decode reads what Encode wrote, as strictly as Parse reads a file. The error
// is of type [Problems], or says where the JSON is broken.
func Decode(b []byte) (*Project, error) {
	root, err := readJSON(b)
	if err != nil {
		return nil, fmt.Errorf("project: %w", err)
	}
	return (&builder{}).build([]*node{root})
}

// mustJSON encodes plain structs of text and numbers, which cannot fail.
func mustJSON(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("BUG: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

var joinKeyTypeNames = map[value.Kind]string{value.String: "string", value.Int64: "int64", value.Bytes: "bytes"}

func entityToJSON(e *Entity) entityJSON {
	j := entityJSON{Name: e.Name, Description: e.Description}
	for _, k := range e.JoinKeys {
		j.JoinKeys = append(j.JoinKeys, joinKeyJSON{k.Name, joinKeyTypeNames[k.Type]})
	}
	return j
}

func streamToJSON(p *Project, s *Stream) streamJSON {
	j := streamJSON{
		Name: s.Name, Entity: s.Entity, Schema: s.Schema, Topic: s.Topic,
		EventTime: s.fieldName(s.EventTime), Created: s.fieldName(s.Created), EventID: s.eventIDText(),
		EventIDHorizon: spanText(s.EventIDHorizon), MaxFuture: spanText(s.MaxFuture), Partitions: s.Partitions,
		Owner: s.Owner, Description: s.Description, Tags: s.Tags,
	}
	if j.Created == "" {
		j.Created = "append"
	}
	if e := p.Entity(s.Entity); e != nil && len(s.Key) > 0 {
		j.Key = map[string]string{}
		for i, k := range e.JoinKeys {
			j.Key[k.Name] = s.fieldName(s.Key[i])
		}
	}
	return j
}

// fieldName is the name of a field by index, or empty.
func (s *Stream) fieldName(i int) string {
	if i < 0 || i >= len(s.Fields) {
		return ""
	}
	return s.Fields[i].Name
}

func (s *Stream) eventIDText() string {
	if s.EventID.Header != "" {
		return "header:" + s.EventID.Header
	}
	return s.fieldName(s.EventID.Field)
}

// spanText is a span as it is written, empty for none.
func spanText(m stamp.Micros) string {
	if m == 0 {
		return ""
	}
	return stamp.FormatSpan(m)
}

func viewToJSON(v *View) viewJSON {
	j := viewJSON{
		Name: v.Name, Stream: v.Stream, TTL: spanText(v.TTL), Where: v.Where, Features: []featureJSON{},
		Policy: policyToJSON(v.Policy), MaxBytes: v.MaxBytes, Owner: v.Owner, Description: v.Description, Tags: v.Tags,
	}
	for i := range v.Features {
		j.Features = append(j.Features, featureToJSON(&v.Features[i]))
	}
	return j
}

func featureToJSON(f *Feature) featureJSON {
	j := featureJSON{
		Name: f.Name, Kind: f.Kind, Of: f.Of, By: f.By, Where: f.Where,
		Window: spanText(f.Window), Pane: spanText(f.Pane), As: f.As, K: f.K, Max: f.Max,
		RemoveWhere: f.RemoveWhere, Precision: f.Precision,
		Weight: f.Weight, Exact: f.Exact, Removes: f.removes(), Error: f.Error, Q: f.Q, RelativeError: f.RelativeError,
		HalfLife: spanText(f.HalfLife), Dim: f.Dim, Bits: f.Bits, Basis: f.Basis,
		ErrorBudget: f.ErrorBudget, Sensitivity: f.Sensitivity, Discrepancy: f.Discrepancy,
		Description: f.Description, Tags: f.Tags,
	}
	if f.Scale >= 0 {
		j.Scale = &f.Scale
	}
	return j
}

// removes is how the key is written; empty for the default.
func (f *Feature) removes() string {
	if f.Observed {
		return "observed"
	}
	return ""
}

func policyToJSON(p Policy) *policyJSON {
	j := policyJSON{spanText(p.MaxStaleness), p.Mode, spanText(p.Deadline), p.Partial, p.Residency}
	if j.MaxStaleness == "" && j.Mode == "" && j.Deadline == "" && j.Partial == nil && len(j.Residency) == 0 {
		return nil
	}
	return &j
}

func serviceToJSON(s *Service) serviceJSON {
	j := serviceJSON{
		Name: s.Name, Features: []selectionJSON{}, Policy: policyToJSON(s.Policy),
		Owner: s.Owner, Description: s.Description, Tags: s.Tags,
	}
	for _, sel := range s.Features {
		view := sel.View
		if sel.Version > 0 {
			view = fmt.Sprintf("%s@v%d", view, sel.Version)
		}
		j.Features = append(j.Features, selectionJSON{view, sel.As, sel.Keys, sel.Features})
	}
	return j
}

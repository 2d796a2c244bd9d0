package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config says how to reach a registry.
type Config struct {
	// URL is the registry's address with the path under which it serves
	// Confluent's interface, such as http://host:8081 or
	// http://host:8080/apis/ccompat/v7.
	URL string

	Username, Password string // HTTP basic authentication, if Username is set

	// HTTP makes the requests. Default: a client with a timeout of 10 s.
	HTTP *http.Client
}

// Client asks a schema registry.
type Client struct {
	cfg Config

	mu    sync.Mutex
	known map[int]string // schemas by id
	order []int          // the ids in known, oldest first
}

// cacheSize bounds the schemas that a client remembers. They never change.
const cacheSize = 1000

// NewClient checks the configuration; it connects when first used.
func NewClient(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("schema registry URL %q: want http://host:port or https://host:port, with a path if there is one", cfg.URL)
	}
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	return &Client{cfg: cfg, known: make(map[int]string)}, nil
}

// Registered is a version of a subject.
type Registered struct {
	Subject string
	Version int
	ID      int
	Schema  string // Avro, as JSON
}

// reply is the union of what the calls return.
type reply struct {
	Subject    string `json:"subject"`
	Version    int    `json:"version"`
	ID         int    `json:"id"`
	Schema     string `json:"schema"`
	SchemaType string `json:"schemaType"`
	References []any  `json:"references"`
}

// avro refuses what a schema may be besides self-contained Avro.
func (r reply) avro() error {
	if r.SchemaType != "" && r.SchemaType != typeAvro {
		return fmt.Errorf("it is a %s schema: not built yet, only AVRO is read", r.SchemaType)
	}
	if len(r.References) > 0 {
		return errors.New("it refers to other schemas: not built yet")
	}
	if r.Schema == "" {
		return errors.New("the registry answered without a schema")
	}
	return nil
}

// Schema is the Avro schema with an id. ErrNotFound means that the registry
// definitely has no such id; any other error leaves that open. Answers are
// remembered.
func (c *Client) Schema(ctx context.Context, id int) (string, error) {
	if text, ok := c.remembered(id); ok {
		return text, nil
	}
	var out reply
	err := c.do(ctx, http.MethodGet, "/schemas/ids/"+strconv.Itoa(id), nil, &out)
	if err == nil {
		err = out.avro()
	}
	if err != nil {
		return "", fmt.Errorf("get schema %d: %w", id, err)
	}
	c.remember(id, out.Schema)
	return out.Schema, nil
}

func (c *Client) remembered(id int) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, ok := c.known[id]
	return text, ok
}

func (c *Client) remember(id int, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.known[id]; ok {
		return
	}
	if len(c.order) == cacheSize {
		delete(c.known, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
	c.known[id] = text
	c.order = append(c.order, id)
}

// Register makes schema a version of subject and returns its id. Registering
// what is registered changes nothing. ErrIncompatible and ErrInvalidSchema say
// why the registry refuses.
func (c *Client) Register(ctx context.Context, subject, schema string) (int, error) {
	var out reply
	if err := c.do(ctx, http.MethodPost, path("/subjects/%s/versions", subject), request(schema), &out); err != nil {
		return 0, fmt.Errorf("register schema of %s: %w", subject, err)
	}
	if out.ID == 0 {
		return 0, fmt.Errorf("register schema of %s: the registry answered without an id", subject)
	}
	return out.ID, nil
}

// Latest is the newest version of a subject.
func (c *Client) Latest(ctx context.Context, subject string) (Registered, error) {
	var out reply
	err := c.do(ctx, http.MethodGet, path("/subjects/%s/versions/latest", subject), nil, &out)
	if err == nil {
		err = out.avro()
	}
	if err != nil {
		return Registered{}, fmt.Errorf("get latest schema of %s: %w", subject, err)
	}
	return Registered{Subject: out.Subject, Version: out.Version, ID: out.ID, Schema: out.Schema}, nil
}

// Lookup finds the version of a subject that holds schema. ErrNotFound: none.
func (c *Client) Lookup(ctx context.Context, subject, schema string) (Registered, error) {
	var out reply
	err := c.do(ctx, http.MethodPost, path("/subjects/%s", subject), request(schema), &out)
	if err != nil {
		return Registered{}, fmt.Errorf("look up schema of %s: %w", subject, err)
	}
	return Registered{Subject: out.Subject, Version: out.Version, ID: out.ID, Schema: out.Schema}, nil
}

// CheckCompatible asks whether schema could be registered: messages, at least
// one if not, say what stands against it. A subject without versions takes any schema.
func (c *Client) CheckCompatible(ctx context.Context, subject, schema string) (ok bool, messages []string, err error) {
	var out compatible
	err = c.do(ctx, http.MethodPost, path("/compatibility/subjects/%s/versions", subject)+"?verbose=true", request(schema), &out)
	if e, is := errors.AsType[*Error](err); is && (e.Status == http.StatusMethodNotAllowed || e.Status == http.StatusNotFound && e.Code < codeSubjectNotFound) {
		// Registries before Confluent 6 check against one version only.
		err = c.do(ctx, http.MethodPost, path("/compatibility/subjects/%s/versions/latest", subject)+"?verbose=true", request(schema), &out)
	}
	if errors.Is(err, ErrNotFound) {
		return true, nil, nil
	}
	if err != nil {
		return false, nil, fmt.Errorf("check schema of %s: %w", subject, err)
	}
	if !out.Compatible && len(out.Messages) == 0 { // Apicurio keeps it to itself
		out.Messages = []string{"it breaks the subject's compatibility level; the registry gives no reason"}
	}
	return out.Compatible, out.Messages, nil
}

// Subjects lists the subjects.
func (c *Client) Subjects(ctx context.Context) ([]string, error) {
	var out []string
	if err := c.do(ctx, http.MethodGet, "/subjects", nil, &out); err != nil {
		return nil, fmt.Errorf("list subjects: %w", err)
	}
	return out, nil
}

// Level is the compatibility level in force for a subject.
func (c *Client) Level(ctx context.Context, subject string) (Level, error) {
	var out levelGiven
	err := c.do(ctx, http.MethodGet, path("/config/%s", subject), nil, &out)
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusNotFound && e.Code != 0 {
		err = c.do(ctx, http.MethodGet, "/config", nil, &out)
	}
	if err != nil {
		return "", fmt.Errorf("get compatibility of %s: %w", subject, err)
	}
	return out.Level, nil
}

// SetLevel sets the compatibility level of a subject, or with an empty subject
// that of all subjects without one.
func (c *Client) SetLevel(ctx context.Context, subject string, level Level) error {
	where := "/config"
	if subject != "" {
		where = path("/config/%s", subject)
	}
	if err := c.do(ctx, http.MethodPut, where, levelAsked{level}, &levelAsked{}); err != nil {
		return fmt.Errorf("set compatibility of %q: %w", subject, err)
	}
	return nil
}

func path(format, subject string) string { return fmt.Sprintf(format, url.PathEscape(subject)) }

// request is the body that carries a schema. Registries differ on whether white
// space makes another schema, so none is sent.
func request(schema string) any {
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(schema)) == nil {
		schema = compact.String()
	}
	return struct {
		Schema string `json:"schema"`
	}{schema}
}

// maxReply bounds an answer, in bytes.
const maxReply = 16 << 20

// do sends in, if any, as JSON and decodes the answer into out.
func (c *Client) do(ctx context.Context, method, where string, in, out any) error {
	var content io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.URL+where, content)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", contentType+", application/json")
	if in != nil {
		req.Header.Set("Content-Type", contentType)
	}
	if c.cfg.Username != "" {
		req.SetBasicAuth(c.cfg.Username, c.cfg.Password)
	}
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return refusal(resp.StatusCode, b)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return &Error{Status: http.StatusBadGateway, Message: "the answer is not a schema registry's: " + err.Error()}
	}
	return nil
}

// refusal is the error in an answer; one that is no registry's has no code.
func refusal(status int, b []byte) *Error {
	e := &Error{}
	if json.Unmarshal(b, e) != nil || e.Code == 0 {
		e = &Error{Message: http.StatusText(status)}
		if text := strings.TrimSpace(string(b[:min(len(b), 200)])); text != "" {
			e.Message += ": " + text
		}
	}
	e.Status = status
	return e
}

package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
)

// where is the flags that say where things run. Every one of them may stand in
// the environment as ANABRANCH_<FLAG> or in the --config file.
type where struct {
	Config kong.ConfigFlag `help:"YAML file of the settings below, and of peers." env:"ANABRANCH_CONFIG" placeholder:"FILE"`

	Region  string `help:"The region that this process or command is in." env:"ANABRANCH_REGION" placeholder:"NAME"`
	Project string `help:"The project, if the region's Kafka holds more than one." env:"ANABRANCH_PROJECT" placeholder:"NAME"`

	KafkaBrokers       []string `help:"Brokers, host:port." env:"ANABRANCH_KAFKA_BROKERS" placeholder:"ADDR"`
	KafkaTLS           bool     `help:"Encrypt the connections to Kafka." name:"kafka-tls" env:"ANABRANCH_KAFKA_TLS"`
	KafkaTLSCA         string   `help:"PEM file of the authorities to trust." name:"kafka-tls-ca" env:"ANABRANCH_KAFKA_TLS_CA" placeholder:"FILE"`
	KafkaTLSCert       string   `help:"PEM file of the client certificate." name:"kafka-tls-cert" env:"ANABRANCH_KAFKA_TLS_CERT" placeholder:"FILE"`
	KafkaTLSKey        string   `help:"PEM file of the client key." name:"kafka-tls-key" env:"ANABRANCH_KAFKA_TLS_KEY" placeholder:"FILE"`
	KafkaSASLMechanism string   `help:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512." name:"kafka-sasl-mechanism" env:"ANABRANCH_KAFKA_SASL_MECHANISM" placeholder:"NAME"`
	KafkaSASLUsername  string   `help:"SASL user." name:"kafka-sasl-username" env:"ANABRANCH_KAFKA_SASL_USERNAME" placeholder:"NAME"`
	KafkaSASLPassword  string   `help:"SASL password." name:"kafka-sasl-password" env:"ANABRANCH_KAFKA_SASL_PASSWORD" placeholder:"SECRET"`

	SchemaRegistryURL      string `help:"Base URL of the schema registry." name:"schema-registry-url" env:"ANABRANCH_SCHEMA_REGISTRY_URL" placeholder:"URL"`
	SchemaRegistryUsername string `help:"Schema registry user." env:"ANABRANCH_SCHEMA_REGISTRY_USERNAME" placeholder:"NAME"`
	SchemaRegistryPassword string `help:"Schema registry password." env:"ANABRANCH_SCHEMA_REGISTRY_PASSWORD" placeholder:"SECRET"`

	ObjectStore string `help:"Where history is kept: s3://bucket/prefix or a directory." env:"ANABRANCH_OBJECT_STORE" placeholder:"URL|DIR"`

	HTTPListen  string `help:"Address to serve HTTP on." name:"http-listen" env:"ANABRANCH_HTTP_LISTEN" placeholder:"ADDR"`
	HTTPToken   string `help:"Bearer token that HTTP requests must carry." name:"http-token" env:"ANABRANCH_HTTP_TOKEN" placeholder:"SECRET"`
	HTTPTLSCert string `help:"PEM file of the server's certificate." name:"http-tls-cert" env:"ANABRANCH_HTTP_TLS_CERT" placeholder:"FILE"`
	HTTPTLSKey  string `help:"PEM file of the server's key." name:"http-tls-key" env:"ANABRANCH_HTTP_TLS_KEY" placeholder:"FILE"`

	Server string `help:"HTTP address of a running region, instead of the dev server of this directory." env:"ANABRANCH_SERVER" placeholder:"URL"`
}

// fileSettings is the --config file.
type fileSettings struct {
	Region         string                  `yaml:"region"`
	Project        string                  `yaml:"project"`
	Kafka          kafkaSettings           `yaml:"kafka"`
	SchemaRegistry registrySettings        `yaml:"schema_registry"`
	ObjectStore    string                  `yaml:"object_store"`
	HTTP           httpSettings            `yaml:"http"`
	Server         string                  `yaml:"server"`
	Data           string                  `yaml:"data"`
	Peers          map[string]peerSettings `yaml:"peers"`
}

type kafkaSettings struct {
	Brokers brokerList   `yaml:"brokers"`
	TLS     tlsSettings  `yaml:"tls"`
	SASL    saslSettings `yaml:"sasl"`
}

type tlsSettings struct {
	Enabled bool   `yaml:"enabled"`
	CA      string `yaml:"ca"`
	Cert    string `yaml:"cert"`
	Key     string `yaml:"key"`
}

// brokerList is addresses, as a list or as text with commas between them.
type brokerList []string

// UnmarshalYAML reads either form.
func (l *brokerList) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*l = strings.FieldsFunc(n.Value, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	}
	return n.Decode((*[]string)(l))
}

// UnmarshalYAML reads tls: true as well as the settings one by one.
func (t *tlsSettings) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&t.Enabled)
	}
	type plain tlsSettings
	return n.Decode((*plain)(t))
}

type saslSettings struct {
	Mechanism string `yaml:"mechanism"`
	Username  string `yaml:"username"`
	Password  string `yaml:"password"`
}

type registrySettings struct {
	URL      string `yaml:"url"`
	Username string `yaml:"username"`
	Password string `yaml:"password"`
}

type httpSettings struct {
	Listen string      `yaml:"listen"`
	Token  string      `yaml:"token"`
	TLS    tlsSettings `yaml:"tls"`
}

// peerSettings says how to reach another region.
type peerSettings struct {
	Kafka          kafkaSettings    `yaml:"kafka"`
	SchemaRegistry registrySettings `yaml:"schema_registry"`
	ObjectStore    string           `yaml:"object_store"`
	HTTP           string           `yaml:"http"`
	BytesPerSecond int64            `yaml:"bytes_per_second"`
	Interval       yamlDuration     `yaml:"interval"`
	// Delay emulates a distance, one way. Only for trying things out.
	Delay yamlDuration `yaml:"delay"`
}

type yamlDuration time.Duration

// MarshalYAML writes what UnmarshalYAML reads.
func (d yamlDuration) MarshalYAML() (any, error) { return time.Duration(d).String(), nil }

func (d *yamlDuration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: found %q, want a duration like 250ms", n.Line, n.Value)
	}
	*d = yamlDuration(v)
	return nil
}

// readSettings reads a --config file strictly. An error names file and line, and
// for an unknown key those that are allowed.
func readSettings(r io.Reader) (*fileSettings, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	f, err := parseSettings(b)
	if err != nil {
		name := "settings"
		if file, ok := r.(*os.File); ok {
			name = file.Name()
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func parseSettings(b []byte) (*fileSettings, error) {
	var f fileSettings
	var n yaml.Node
	err := yaml.Unmarshal(b, &n)
	switch {
	case err != nil:
		return nil, yamlError(err)
	case n.Kind == 0:
		return &f, nil // an empty file
	case n.Content[0].Kind != yaml.MappingNode:
		return nil, fmt.Errorf("line %d: want settings like region: eu", n.Content[0].Line)
	}
	if err := knownKeys(n.Content[0], reflect.TypeFor[fileSettings](), "settings"); err != nil {
		return nil, err
	}
	return &f, yamlError(n.Decode(&f))
}

// yamlError is the library's error on one line.
func yamlError(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(strings.TrimPrefix(oneLine(err.Error()), "yaml: "), "unmarshal errors: "))
}

// knownKeys checks that every key of a mapping is a field of t, at any depth.
func knownKeys(n *yaml.Node, t reflect.Type, of string) error {
	if n.Kind != yaml.MappingNode {
		return nil // decoding says what it should be
	}
	fields := map[string]reflect.Type{}
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			fields[t.Field(i).Tag.Get("yaml")] = t.Field(i).Type
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, item := n.Content[i], n.Content[i+1]
		next, known := fields[key.Value]
		switch {
		case t.Kind() == reflect.Map:
			next = t.Elem()
		case t.Kind() != reflect.Struct:
			return nil
		case !known:
			return fmt.Errorf("line %d: unknown key %q in %s; allowed are %s", key.Line, key.Value, of, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		if err := knownKeys(item, next, key.Value); err != nil {
			return err
		}
	}
	return nil
}

// loadSettings makes flags of a --config file. What the environment says goes
// before.
func loadSettings(r io.Reader) (kong.Resolver, error) {
	f, err := readSettings(r)
	if err != nil {
		return nil, err
	}
	values := f.flags()
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		v, ok := values[flag.Name]
		if !ok || reflect.ValueOf(v).IsZero() || inEnvironment(flag) {
			return nil, nil
		}
		if list, ok := v.([]string); ok {
			return strings.Join(list, ","), nil
		}
		return v, nil
	}), nil
}

func (f *fileSettings) flags() map[string]any {
	return map[string]any{
		"region": f.Region, "project": f.Project, "kafka-brokers": []string(f.Kafka.Brokers),
		"kafka-tls": f.Kafka.TLS.Enabled || f.Kafka.TLS.CA != "", "kafka-tls-ca": f.Kafka.TLS.CA,
		"kafka-tls-cert": f.Kafka.TLS.Cert, "kafka-tls-key": f.Kafka.TLS.Key,
		"kafka-sasl-mechanism": f.Kafka.SASL.Mechanism, "kafka-sasl-username": f.Kafka.SASL.Username, "kafka-sasl-password": f.Kafka.SASL.Password,
		"schema-registry-url": f.SchemaRegistry.URL, "schema-registry-username": f.SchemaRegistry.Username, "schema-registry-password": f.SchemaRegistry.Password,
		"object-store": f.ObjectStore, "http-listen": f.HTTP.Listen, "http-token": f.HTTP.Token,
		"http-tls-cert": f.HTTP.TLS.Cert, "http-tls-key": f.HTTP.TLS.Key, "server": f.Server, "data": f.Data,
	}
}

func inEnvironment(flag *kong.Flag) bool {
	for _, name := range flag.Envs {
		if os.Getenv(name) != "" || os.Getenv(name+"_FILE") != "" {
			return true
		}
	}
	return false
}

// secretFiles reads a flag from the file that ANABRANCH_<FLAG>_FILE names.
func secretFiles() kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			path := os.Getenv(name + "_FILE")
			if path == "" {
				continue
			}
			if os.Getenv(name) != "" {
				return nil, fmt.Errorf("%s and %s_FILE are both set: keep one", name, name)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("%s_FILE: %w", name, err)
			}
			return strings.TrimSpace(string(b)), nil
		}
		return nil, nil
	})
}

// file reads the --config file again, for what no flag can say.
func (w *where) file() (*fileSettings, error) {
	if w.Config == "" {
		return &fileSettings{}, nil
	}
	f, err := os.Open(string(w.Config))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readSettings(f)
}

func (w *where) kafka() kafka.Config {
	return kafkaSettings{
		Brokers: w.KafkaBrokers,
		TLS:     tlsSettings{Enabled: w.KafkaTLS, CA: w.KafkaTLSCA, Cert: w.KafkaTLSCert, Key: w.KafkaTLSKey},
		SASL:    saslSettings{Mechanism: w.KafkaSASLMechanism, Username: w.KafkaSASLUsername, Password: w.KafkaSASLPassword},
	}.config()
}

func (k kafkaSettings) config() kafka.Config {
	return kafka.Config{
		Brokers: k.Brokers,
		TLS:     kafka.TLS{Enabled: k.TLS.Enabled || k.TLS.CA != "", CAFile: k.TLS.CA, CertFile: k.TLS.Cert, KeyFile: k.TLS.Key},
		SASL:    kafka.SASL{Mechanism: k.SASL.Mechanism, Username: k.SASL.Username, Password: k.SASL.Password},
	}
}

func (w *where) registry() registry.Config {
	return registry.Config{URL: w.SchemaRegistryURL, Username: w.SchemaRegistryUsername, Password: w.SchemaRegistryPassword}
}

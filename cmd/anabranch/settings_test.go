package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// settings parses a worker's command line as run does.
func settings(t *testing.T, args ...string) (*workerCmd, error) {
	t.Helper()
	var c struct {
		Worker workerCmd `cmd:""`
	}
	parser, err := kong.New(&c, parserOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"worker"}, args...))
	return &c.Worker, err
}

const euSettings = `region: eu
kafka:
  brokers: [file-1:9092, file-2:9092]
  tls: {ca: ca.pem}
  sasl: {mechanism: PLAIN, username: file-user, password: file-password}
schema_registry: {url: http://file:8081}
object_store: s3://file
http: {listen: ":9000", token: file-token}
data: /file/data
peers:
  us:
    kafka: {brokers: [us-1:9092]}
    http: http://us:8080
    bytes_per_second: 1000
    interval: 500ms
`

func TestFlagGoesBeforeEnvironmentBeforeFile(t *testing.T) {
	config := writeFile(t, filepath.Join(t.TempDir(), "eu.yaml"), euSettings)
	token := writeFile(t, filepath.Join(t.TempDir(), "token"), "secret-token\n")

	c, err := settings(t, "--config", config)
	if err != nil {
		t.Fatal(err)
	}
	if c.Region != "eu" || len(c.KafkaBrokers) != 2 || c.KafkaBrokers[1] != "file-2:9092" || !c.KafkaTLS || c.KafkaTLSCA != "ca.pem" ||
		c.KafkaSASLPassword != "file-password" || c.SchemaRegistryURL != "http://file:8081" || c.ObjectStore != "s3://file" ||
		c.HTTPListen != ":9000" || c.HTTPToken != "file-token" || c.Data != "/file/data" {
		t.Errorf("from the file: %+v", c)
	}
	f, err := c.file()
	if err != nil || f.Peers["us"].Kafka.Brokers[0] != "us-1:9092" || f.Peers["us"].BytesPerSecond != 1000 || time.Duration(f.Peers["us"].Interval) != 500*time.Millisecond {
		t.Errorf("peers: %+v, %v", f, err)
	}

	t.Setenv("ANABRANCH_CONFIG", config)
	t.Setenv("ANABRANCH_REGION", "env")
	t.Setenv("ANABRANCH_KAFKA_BROKERS", "env-1:9092,env-2:9092,env-3:9092")
	t.Setenv("ANABRANCH_HTTP_TOKEN_FILE", token)
	t.Setenv("ANABRANCH_DATA", "/env/data")
	if c, err = settings(t); err != nil {
		t.Fatal(err)
	}
	if c.Region != "env" || len(c.KafkaBrokers) != 3 || c.HTTPToken != "secret-token" || c.Data != "/env/data" || c.ObjectStore != "s3://file" {
		t.Errorf("environment over file: %+v", c)
	}

	c, err = settings(t, "--region", "flag", "--kafka-brokers", "flag:1", "--http-token", "flag-token", "--data", "/flag/data")
	if err != nil {
		t.Fatal(err)
	}
	if c.Region != "flag" || len(c.KafkaBrokers) != 1 || c.HTTPToken != "flag-token" || c.Data != "/flag/data" {
		t.Errorf("flag over environment: %+v", c)
	}
}

func TestSettingsAreReadStrictly(t *testing.T) {
	for _, c := range []struct {
		text  string
		words []string
	}{
		{"region: eu\nkafak: {}\n", []string{"eu.yaml", "line 2", `"kafak"`, "kafka"}},
		{"kafka:\n  brokers: [a:1]\n  sasl: {user: x}\n", []string{"line 3", `"user"`, "username"}},
		{"peers:\n  us:\n    kafka: {broker: a}\n", []string{"line 3", `"broker"`, "brokers"}},
		{"kafka: {tls: {enabled: maybe}}\n", []string{"line 1", "maybe"}},
		{"peers: {us: {interval: soon}}\n", []string{"line 1", `"soon"`, "duration"}},
		{"- a\n", []string{"line 1", "settings"}},
		{"a: [\n", []string{"eu.yaml", "line"}},
	} {
		config := writeFile(t, filepath.Join(t.TempDir(), "eu.yaml"), c.text)
		fails(t, exitUsage, c.words, "worker", "--config", config)
	}
	fails(t, exitUsage, []string{"nowhere.yaml"}, "worker", "--config", "nowhere.yaml")
}

func TestSettingsHaveShortForms(t *testing.T) {
	f, err := parseSettings([]byte("kafka: {brokers: \"a:1, b:2\", tls: true}\nhttp: {tls: {cert: c, key: k}}\n"))
	if err != nil || len(f.Kafka.Brokers) != 2 || f.Kafka.Brokers[1] != "b:2" || !f.Kafka.TLS.Enabled || f.HTTP.TLS.Cert != "c" {
		t.Errorf("found %+v, %v", f, err)
	}
}

func TestSecretFiles(t *testing.T) {
	t.Setenv("ANABRANCH_HTTP_TOKEN_FILE", "/nowhere/token")
	fails(t, exitUsage, []string{"ANABRANCH_HTTP_TOKEN_FILE", "/nowhere/token"}, "worker")
	t.Setenv("ANABRANCH_HTTP_TOKEN", "x")
	fails(t, exitUsage, []string{"ANABRANCH_HTTP_TOKEN", "both"}, "worker")
}

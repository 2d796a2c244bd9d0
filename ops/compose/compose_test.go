// Package compose_test checks docker-compose.yml without Docker: everything in
// it that concerns this repository, against the binary's own command line.
package compose_test

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const root = "../.."

// composeFile is what this test knows of the Compose format; anything else in
// the file is an error.
type composeFile struct {
	Name     string             `yaml:"name"`
	Services map[string]service `yaml:"services"`
	Volumes  map[string]any     `yaml:"volumes"`
	// Fragments that are merged into services.
	Kafka           any `yaml:"x-kafka"`
	KafkaSettings   any `yaml:"x-kafka-settings"`
	Registry        any `yaml:"x-registry"`
	Anabranch       any `yaml:"x-anabranch"`
	AnabranchFields any `yaml:"x-anabranch-settings"`
}

type service struct {
	Image       string            `yaml:"image"`
	Build       string            `yaml:"build"`
	Restart     string            `yaml:"restart"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	DependsOn   dependencies      `yaml:"depends_on"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Profiles    []string          `yaml:"profiles"`
	Healthcheck *struct {
		Test     []string `yaml:"test"`
		Interval string   `yaml:"interval"`
		Timeout  string   `yaml:"timeout"`
		Retries  int      `yaml:"retries"`
	} `yaml:"healthcheck"`
}

// dependencies are names of services, with conditions or without.
type dependencies map[string]string

func (d *dependencies) UnmarshalYAML(n *yaml.Node) error {
	*d = dependencies{}
	if n.Kind == yaml.SequenceNode {
		var names []string
		if err := n.Decode(&names); err != nil {
			return err
		}
		for _, name := range names {
			(*d)[name] = "service_started"
		}
		return nil
	}
	var conditions map[string]struct {
		Condition string `yaml:"condition"`
	}
	if err := n.Decode(&conditions); err != nil {
		return err
	}
	for name, c := range conditions {
		(*d)[name] = c.Condition
	}
	return nil
}

func load(t *testing.T) *composeFile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var f composeFile
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		t.Fatal(err)
	}
	return &f
}

// ours are the names of the services that run our image.
func (f *composeFile) ours() (names []string) {
	for name, s := range f.Services {
		if s.Build != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestReferences checks names, images, ports and mounts inside the file.
func TestReferences(t *testing.T) {
	f := load(t)
	hostPorts := map[string]string{}
	for name, s := range f.Services {
		for dep, condition := range s.DependsOn {
			d, ok := f.Services[dep]
			switch {
			case !ok:
				t.Errorf("%s depends on %s, which is no service", name, dep)
			case condition == "service_healthy" && d.Healthcheck == nil:
				t.Errorf("%s waits until %s is healthy, which has no health check", name, dep)
			case condition == "service_completed_successfully" && d.Restart != "":
				t.Errorf("%s waits until %s is done, which is started again and again", name, dep)
			}
		}
		if s.Build == "" && (!strings.Contains(s.Image, ":") || strings.HasSuffix(s.Image, ":latest")) {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
		for _, p := range s.Ports {
			host := p[:strings.LastIndexByte(p, ':')]
			if other := hostPorts[host]; other != "" || !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is taken by %s, or open to the network", name, p, other)
			}
			hostPorts[host] = name
		}
		for _, v := range s.Volumes {
			checkMount(t, f, name, v)
		}
	}
}

func checkMount(t *testing.T, f *composeFile, name, mount string) {
	t.Helper()
	source, rest, _ := strings.Cut(mount, ":")
	target, mode, _ := strings.Cut(rest, ":")
	if !path.IsAbs(target) {
		t.Errorf("%s: mount %s has no absolute target", name, mount)
	}
	if !strings.HasPrefix(source, ".") {
		if _, ok := f.Volumes[source]; !ok {
			t.Errorf("%s: volume %s is not declared", name, source)
		}
		return
	}
	if _, err := os.Stat(filepath.Join(root, source)); err != nil || mode != "ro" {
		t.Errorf("%s: mount %s: %v, and it must be ro", name, mount, err)
	}
}

// TestCommandsAndSettings checks every command line, flag, environment variable
// and settings file against the binary.
func TestCommandsAndSettings(t *testing.T) {
	f, bin := load(t), build(t)
	if got := f.ours(); len(got) != 6 {
		t.Fatalf("services of ours: %v", got)
	}
	for _, name := range f.ours() {
		s := f.Services[name]
		if s.Build != "." {
			t.Errorf("%s is built from %s", name, s.Build)
		}
		lines := [][]string{s.Command}
		if s.Healthcheck != nil {
			if test := s.Healthcheck.Test; len(test) < 2 || test[0] != "CMD" || test[1] != "/anabranch" {
				t.Errorf("%s: the image has no other program than /anabranch: %v", name, test)
			} else {
				lines = append(lines, test[2:])
			}
		}
		for _, line := range lines {
			for _, problem := range bin.check(f, &s, line) {
				t.Errorf("%s: %v: %s", name, line, problem)
			}
		}
	}
}

// TestCommentCommands checks the commands that the head of the file tells to copy.
func TestCommentCommands(t *testing.T) {
	f, bin := load(t), build(t)
	b, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(b), "\nname:")
	text := strings.ReplaceAll(strings.ReplaceAll(head, "\\\n#", ""), "\n#", "\n")
	checked := 0
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 6 || !slices.Equal(words[:5], []string{"docker", "compose", "run", "--rm", "cli"}) {
			continue
		}
		cli := f.Services["cli"]
		for _, problem := range bin.check(f, &cli, words[5:]) {
			t.Errorf("%s: %s", strings.TrimSpace(line), problem)
		}
		checked++
	}
	if checked != 2 {
		t.Errorf("%d command lines checked", checked)
	}
}

// TestCheckerFindsWhatIsWrong seeds faults: a checker that finds nothing is none.
func TestCheckerFindsWhatIsWrong(t *testing.T) {
	f, bin := load(t), build(t)
	s := f.Services["worker-us-west"]
	for _, c := range []struct {
		line   []string
		change func(*service)
		want   string
	}{
		{[]string{"work"}, nil, "no command"},
		{[]string{"worker", "--confg", "x"}, nil, "--confg"},
		{[]string{"worker", "--config", "/etc/anabranch/eu.yaml"}, nil, "not in the image"},
		{[]string{"worker", "--config", "/elsewhere/us-west.yaml"}, nil, "not in the image"},
		{[]string{"worker"}, func(s *service) { s.Environment = map[string]string{"ANABRANCH_REGON": "x"} }, "ANABRANCH_REGON"},
		{[]string{"status", "--server", "http://worker-us-nowhere:8080"}, nil, "worker-us-nowhere"},
	} {
		changed := s
		if c.change != nil {
			c.change(&changed)
		}
		if got := fmt.Sprint(bin.check(f, &changed, c.line)); !strings.Contains(got, c.want) {
			t.Errorf("%v: found %s, want %q", c.line, got, c.want)
		}
	}
	for _, text := range []string{"regon: x\n", "region: us-west\nkafka: {broker: [\"kafka-us-west:9092\"]}\n", "peers: {us-east: {htpp: x}}\n"} {
		file := filepath.Join(t.TempDir(), "bad.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := bin.readsSettings(file); err == nil {
			t.Errorf("the binary takes %q", text)
		}
	}
}

// TestDockerReadsTheFile has Docker's own parser read the file, where there is one.
func TestDockerReadsTheFile(t *testing.T) {
	if exec.Command("docker", "compose", "version").Run() != nil {
		t.Log("there is no docker compose on this machine: its parser was not asked")
		return
	}
	cmd := exec.Command("docker", "compose", "--profile", "tools", "config", "--quiet")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("docker compose config: %v\n%s", err, out)
	}
}

// knownHost says whether an address names a service, at a port that it listens on.
func (f *composeFile) knownHost(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	s, ok := f.Services[host]
	if !ok {
		return fmt.Errorf("%s is no service", host)
	}
	if port == "9092" && strings.Contains(s.Environment["KAFKA_ADVERTISED_LISTENERS"], "PLAINTEXT://"+addr) {
		return nil
	}
	for _, p := range s.Ports {
		if strings.HasSuffix(p, ":"+port) {
			return nil
		}
	}
	return fmt.Errorf("%s does not listen on %s", host, port)
}

func (f *composeFile) knownURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	return f.knownHost(u.Host)
}

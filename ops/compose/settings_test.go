package compose_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// settings is what this test compares of a --config file; that its keys are
// known is for the binary to say.
type settings struct {
	Region   string `yaml:"region"`
	Project  string `yaml:"project"`
	Endpoint `yaml:",inline"`
	Store    string `yaml:"object_store"`
	Data     string `yaml:"data"`
	HTTP     struct {
		Listen string `yaml:"listen"`
	} `yaml:"http"`
	Peers map[string]struct {
		Endpoint `yaml:",inline"`
		HTTP     string `yaml:"http"`
	} `yaml:"peers"`
}

// Endpoint is how a region is reached.
type Endpoint struct {
	Kafka struct {
		Brokers []string `yaml:"brokers"`
	} `yaml:"kafka"`
	Registry struct {
		URL string `yaml:"url"`
	} `yaml:"schema_registry"`
}

func readSettings(file string) (*settings, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var c settings
	return &c, yaml.Unmarshal(text, &c)
}

// checkSettings says what is wrong with the settings file of a service.
func (b *binary) checkSettings(f *composeFile, s *service, at string) (problems []string) {
	report := func(err error) {
		if err != nil {
			problems = append(problems, at+": "+err.Error())
		}
	}
	file, err := s.inImage(at)
	if err != nil {
		return []string{err.Error()}
	}
	report(b.readsSettings(file))
	c, err := readSettings(file)
	if err != nil {
		return append(problems, err.Error())
	}
	report(f.reaches(c.Endpoint))
	report(f.knownHost(c.HTTP.Listen))
	report(f.storeIsThere(c.Store))
	_, err = s.inImage(c.Data)
	report(err)
	for _, p := range c.Peers {
		report(f.reaches(p.Endpoint))
		report(f.knownURL(p.HTTP))
	}
	return problems
}

func (f *composeFile) reaches(e Endpoint) error {
	for _, broker := range e.Kafka.Brokers {
		if err := f.knownHost(broker); err != nil {
			return err
		}
	}
	if !strings.HasSuffix(e.Registry.URL, "/apis/ccompat/v7") {
		return fmt.Errorf("%s is not the registry's Confluent API", e.Registry.URL)
	}
	return f.knownURL(e.Registry.URL)
}

// storeIsThere checks that the bucket is a directory that the S3 server has.
func (f *composeFile) storeIsThere(location string) error {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "s3" {
		return fmt.Errorf("object store %s: %v", location, err)
	}
	if err := f.knownURL(u.Query().Get("endpoint")); err != nil {
		return err
	}
	s3 := f.Services["s3"]
	if !slices.Contains(s3.Volumes, "objects:"+s3.Command[len(s3.Command)-1]+"/"+u.Host) {
		return fmt.Errorf("bucket %s is not mounted in %v", u.Host, s3.Volumes)
	}
	return nil
}

// TestRegionsAgree compares the settings of the regions with each other and
// with the definitions that are applied to them.
func TestRegionsAgree(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var definitions struct {
		Project string `yaml:"project"`
		Regions []struct {
			Name string `yaml:"name"`
		} `yaml:"regions"`
	}
	text, err := os.ReadFile(filepath.Join(root, "testdata/flights/anabranch.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &definitions); err != nil {
		t.Fatal(err)
	}
	all := map[string]*settings{}
	for _, file := range files {
		c, err := readSettings(file)
		if err != nil {
			t.Fatal(err)
		}
		if c.Region+".yaml" != file || c.Project != definitions.Project {
			t.Errorf("%s is of region %s in project %s", file, c.Region, c.Project)
		}
		all[c.Region] = c
	}
	for _, r := range definitions.Regions {
		if all[r.Name] == nil {
			t.Fatalf("no settings for region %s", r.Name)
		}
	}
	for name, c := range all {
		if len(c.Peers) != len(all)-1 {
			t.Errorf("%s has %d peers", name, len(c.Peers))
		}
		for peer, p := range c.Peers {
			other := all[peer]
			if other == nil {
				t.Errorf("%s has peer %s, which is no region", name, peer)
				continue
			}
			if fmt.Sprint(p.Endpoint) != fmt.Sprint(other.Endpoint) || p.HTTP != "http://"+other.HTTP.Listen {
				t.Errorf("%s reaches %s at %v, %s", name, peer, p.Endpoint, p.HTTP)
			}
		}
	}
}

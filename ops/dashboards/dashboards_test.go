// Package dashboards_test checks that dashboards and alerts speak of metrics
// that exist, and that every alert has a runbook.
package dashboards_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const root = "../.."

var (
	metricName = regexp.MustCompile(`\banabranch_[a-z0-9_]+`)
	// A histogram is read by its series.
	series = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// inCode are the metrics that the code names: strings of that form outside tests.
func inCode(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && metricName.FindString(text) == text {
					found[text] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d metrics found in the code", len(found))
	}
	return found
}

// alert is one rule of alerts.yml.
type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	dec := yaml.NewDecoder(strings.NewReader(read(t, "alerts.yml")))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 5 {
		t.Fatalf("%d alerts", len(all))
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkMetrics reports the metrics of a query that the code does not have; a
// query without any is an error as well.
func checkMetrics(t *testing.T, known map[string]bool, where, query string) {
	t.Helper()
	names := metricName.FindAllString(query, -1)
	if len(names) == 0 && !strings.Contains(query, `up{job="anabranch"}`) {
		t.Errorf("%s: %q reads no metric of ours", where, query)
	}
	for _, name := range names {
		if !known[name] && !known[series.ReplaceAllString(name, "")] {
			t.Errorf("%s: the code has no metric %s", where, name)
		}
	}
}

func TestAlertsHaveMetricsAndRunbooks(t *testing.T) {
	known := inCode(t)
	used := map[string]bool{}
	names := map[string]bool{}
	for _, a := range alerts(t) {
		checkMetrics(t, known, a.Alert, a.Expr)
		if names[a.Alert] || !slices.Contains([]string{"page", "ticket"}, a.Labels["severity"]) || a.Annotations["summary"] == "" {
			t.Errorf("%s: twice, without severity, or without summary", a.Alert)
		}
		names[a.Alert] = true
		book := a.Annotations["runbook"]
		if !strings.HasPrefix(book, "ops/runbooks/") {
			t.Errorf("%s has runbook %q", a.Alert, book)
			continue
		}
		if text := read(t, filepath.Join(root, book)); !strings.Contains(text, "`"+a.Alert+"`") {
			t.Errorf("%s does not speak of %s", book, a.Alert)
		}
		used[filepath.Base(book)] = true
	}
	books, err := filepath.Glob(root + "/ops/runbooks/*.md")
	if err != nil || len(books) == 0 {
		t.Fatal(books, err)
	}
	for _, book := range books {
		if !used[filepath.Base(book)] {
			t.Errorf("no alert leads to %s", book)
		}
		checkAlertNames(t, names, book)
	}
}

var alertName = regexp.MustCompile("`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`")

// checkAlertNames reports alerts that a runbook speaks of and that do not exist.
func checkAlertNames(t *testing.T, known map[string]bool, book string) {
	t.Helper()
	for _, m := range alertName.FindAllStringSubmatch(read(t, book), -1) {
		if !known[m[1]] {
			t.Errorf("%s: there is no alert %s", book, m[1])
		}
	}
}

// TestErrorsPointToRunbooks follows the runbooks that error messages name.
func TestErrorsPointToRunbooks(t *testing.T) {
	named := regexp.MustCompile(`ops/runbooks/[a-z-]+\.md`)
	found := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		for _, book := range named.FindAllString(read(t, path), -1) {
			found++
			if _, err := os.Stat(filepath.Join(root, book)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d references to runbooks, %v", found, err)
	}
}

func TestDashboardHasMetrics(t *testing.T) {
	var board struct {
		Title  string `json:"title"`
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			GridPos struct{ X, Y, W, H int }
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
			Datasource struct{ UID string } `json:"datasource"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(read(t, "regions.json")), &board); err != nil {
		t.Fatal(err)
	}
	known := inCode(t)
	cells := map[[2]int]string{}
	for _, p := range board.Panels {
		for _, q := range p.Targets {
			checkMetrics(t, known, p.Title, q.Expr)
		}
		if len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 || !strings.Contains(read(t, "grafana-datasources.yml"), "uid: "+p.Datasource.UID) {
			t.Errorf("%s has no query, is off the grid, or has no data source", p.Title)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if cells[at] != "" {
					t.Fatalf("%s lies on %s", p.Title, cells[at])
				}
				cells[at] = p.Title
			}
		}
	}
}

// TestPrometheusReadsWhatRuns compares the scrape targets and rule files with
// docker-compose.yml.
func TestPrometheusReadsWhatRuns(t *testing.T) {
	var prometheus struct {
		Global        map[string]string `yaml:"global"`
		RuleFiles     []string          `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName       string `yaml:"job_name"`
			StaticConfigs []struct {
				Targets []string          `yaml:"targets"`
				Labels  map[string]string `yaml:"labels"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	dec := yaml.NewDecoder(strings.NewReader(read(t, "prometheus.yml")))
	dec.KnownFields(true)
	if err := dec.Decode(&prometheus); err != nil {
		t.Fatal(err)
	}
	compose := read(t, filepath.Join(root, "docker-compose.yml"))
	for _, file := range prometheus.RuleFiles {
		if !strings.Contains(compose, ":"+file+":ro") {
			t.Errorf("rule file %s is not mounted", file)
		}
	}
	targets := 0
	for _, c := range prometheus.ScrapeConfigs[0].StaticConfigs {
		for _, target := range c.Targets {
			targets++
			region := c.Labels["region"]
			settings := read(t, filepath.Join("../compose", region+".yaml"))
			if !strings.Contains(settings, "listen: "+target) || !strings.Contains(compose, "\n  worker-"+region+":\n") {
				t.Errorf("target %s is not the worker of %s", target, region)
			}
		}
	}
	if targets != 2 || prometheus.ScrapeConfigs[0].JobName != "anabranch" {
		t.Errorf("%d targets, job %s", targets, prometheus.ScrapeConfigs[0].JobName)
	}
}

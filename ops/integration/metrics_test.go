//go:build integration

package integration

import (
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"
)

// checkMetrics asks a region for every metric that alerts and dashboards read.
// There are bad records by now; a read that cannot keep its budget raises a flag.
func (w *world) checkMetrics(t *testing.T, region string) {
	t.Helper()
	code, got, err := httpJSON("POST", w.http[region]+"/v1/features", object{
		"service": "checkout", "entities": []object{{"user_id": 7}}, "max_staleness": "1ms", "deadline": "1ms", "partial": true,
	})
	if flags, _ := got["flags"].([]any); err != nil || code != 200 || len(flags) == 0 {
		t.Fatalf("%d %v %v", code, got, err)
	}
	resp, err := http.Get(w.http[region] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, file := range []string{"alerts.yml", "regions.json"} {
		for _, name := range regexp.MustCompile(`anabranch_[a-z_]+`).FindAllString(string(readFile(t, filepath.Join(root, "ops/dashboards", file))), -1) {
			read++
			if !regexp.MustCompile(`(?m)^` + name + `[{ ]`).Match(page) {
				t.Errorf("%s reads %s, which %s does not have", file, name, region)
			}
		}
	}
	if read < 20 {
		t.Errorf("only %d metrics are read", read)
	}
}

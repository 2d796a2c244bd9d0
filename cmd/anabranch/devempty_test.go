package main

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shopOf is the shop's definitions for other regions.
func shopOf(t *testing.T, dir, regions string) string {
	t.Helper()
	shop(t, dir)
	writeFile(t, filepath.Join(dir, "shop.yaml"), strings.Replace(shopYAML, "[{name: eu}, {name: us}]", regions, 1))
	return dir
}

func TestDevBeforeAnythingIsApplied(t *testing.T) {
	dir := t.TempDir()
	w := startDev(t, dir, "--regions", "here,there", "--http-token", "s3cret")
	t.Chdir(dir)
	fails(t, exitFailed, []string{"bearer token", "--http-token"}, "get-online", "checkout", "--entity", "k=1")
	t.Setenv("ANABRANCH_HTTP_TOKEN", "s3cret")

	t.Run("says so", testNothingApplied)
	t.Run("refuses other regions", func(t *testing.T) { testOtherRegions(t, dir) })
	t.Run("applies", func(t *testing.T) { testApplies(t, dir) })
	t.Run("plan that others overtook", func(t *testing.T) { testStalePlan(t, dir) })
	t.Run("init from a subject", testInitSubject)
	if err := w.stop(t, syscall.SIGINT); err != nil {
		t.Errorf("after SIGINT: %v: %s", err, w.stderr)
	}
}

func testNothingApplied(t *testing.T) {
	fails(t, exitFailed, []string{"nothing was applied yet", "anabranch apply -f DIR"}, "describe")
	fails(t, exitFailed, []string{"nothing was applied yet", "anabranch apply -f DIR"}, "produce", "orders", "--input", "-")
	fails(t, exitFailed, []string{"no definitions yet"}, "get-online", "checkout", "--entity", "k=1")
	if text := works(t, "status"); !strings.Contains(text, "here: not ready: no definitions yet: run anabranch apply") {
		t.Errorf("status prints %s", text)
	}
}

func testOtherRegions(t *testing.T, dir string) {
	mars := shopOf(t, filepath.Join(dir, "mars"), "[{name: here}, {name: mars}]")
	fails(t, exitFailed, []string{"has region mars", "runs only here, there", "anabranch dev --regions here,mars"}, "apply", "-f", mars)
	moon := shopOf(t, filepath.Join(dir, "moon"), "[{name: moon}]")
	fails(t, exitFailed, []string{"moon", "here, there"}, "apply", "-f", moon)
}

func testApplies(t *testing.T, dir string) {
	defs := shopOf(t, filepath.Join(dir, "defs"), "[{name: here}]")
	text := works(t, "plan", "-f", defs)
	if !strings.Contains(text, "+ view spending added") || !strings.Contains(text, "BYTES PER KEY") {
		t.Errorf("plan prints %s", text)
	}
	doc := answers[applyJSON](t, "apply", "-f", defs)
	if doc.Version != 1 || !doc.Changed || !slices.Equal(doc.Serving, []string{"here"}) || doc.Project != "shop" {
		t.Errorf("apply says %+v", doc)
	}
	list := orders(20)
	file := writeFile(t, filepath.Join(dir, "orders.jsonl"), jsonLines(list))
	works(t, "produce", "orders", "--input", file, "--wait")
	a := answers[featuresAnswer](t, "get-online", "spending:orders", "--entity", entity(7, "tea"), "--region", "here")
	want := model(list, 7, "tea", time.Now())["spending:orders"]
	if string(a.Rows[0].Values[0]) != want {
		t.Errorf("found %s orders, want %s", a.Rows[0].Values[0], want)
	}
	if doc := answers[applyJSON](t, "apply", "-f", defs); doc.Version != 1 || doc.Changed || len(doc.Changes) != 0 {
		t.Errorf("a second apply says %+v", doc)
	}
}

// testStalePlan lets somebody else apply between plan and apply.
func testStalePlan(t *testing.T, dir string) {
	ctx := context.Background()
	defs, err := loadDefinitions(filepath.Join(dir, "defs"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := (&where{HTTPToken: "s3cret"}).find(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s, err := readCatalogue(ctx, e, defs.project)
	if err != nil {
		t.Fatal(err)
	}
	wider := shopOf(t, filepath.Join(dir, "wider"), "[{name: here}]")
	writeFile(t, filepath.Join(wider, "more.yaml"), "feature_services:\n  - {name: more, features: [\"traffic:*\"]}\n")
	if doc := answers[applyJSON](t, "apply", "-f", wider); doc.Version != s.Version+1 {
		t.Errorf("apply says %+v", doc)
	}
	if _, err := appendApply(ctx, e, defs, s); err == nil || !strings.Contains(err.Error(), "somebody else applied version 2 first") {
		t.Errorf("found %v", err)
	}
	if s, err = readCatalogue(ctx, e, defs.project); err != nil || s.Version != 2 || s.Project.Service("more") == nil {
		t.Errorf("the catalogue is %+v, %v", s, err)
	}
}

func testInitSubject(t *testing.T) {
	doc := answers[initJSON](t, "init", "--subject", "shop.visits-value", "--out", "from-subject")
	if doc.Stream != "visits" || doc.EventTimestamp != "at" || len(doc.JoinKeys) != 1 || doc.Rows != 0 {
		t.Errorf("guessed %+v", doc)
	}
	fails(t, exitFailed, []string{"no such subject"}, "init", "--subject", "nope-value", "--out", "nope")
}

func TestDevSaysWhyItDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := strconv.Itoa(portOf(ln.Addr().String()))
	for _, c := range []struct {
		code  int
		words []string
		args  []string
	}{
		{exitFailed, []string{"address already in use", "--port"}, []string{"--regions", "here", "--port", port}},
		{exitUsage, []string{"twice", "here"}, []string{"--regions", "here,here"}},
		{exitUsage, []string{"Mars!", "us-east"}, []string{"--regions", "Mars!"}},
		{exitUsage, []string{"nowhere"}, []string{"-f", "nowhere"}},
		{exitFailed, []string{"shop.yaml:1", "colour", "project"}, []string{"-f", filepath.Dir(writeFile(t, filepath.Join(dir, "bad", "shop.yaml"), "colour: red\n"))}},
	} {
		code, text := devErr(t, dir, c.args...)
		if code != c.code {
			t.Errorf("dev %q: exit %d, want %d", c.args, code, c.code)
		}
		for _, word := range c.words {
			if !strings.Contains(text, word) {
				t.Errorf("dev %q: lacks %q: %s", c.args, word, text)
			}
		}
	}
}

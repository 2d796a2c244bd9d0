package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// checkOrders compares every key's served values with the model.
func checkOrders(t *testing.T, list []order) {
	t.Helper()
	at := time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)
	for _, o := range list {
		at = later(at, o.at)
	}
	for _, region := range []string{"eu", "us"} {
		args := []string{"get-online", "checkout", "--region", region, "--at", at.Format(time.RFC3339)}
		var want []map[string]string
		for _, c := range customers {
			for _, i := range items {
				args = append(args, "--entity", entity(c, i))
				want = append(want, model(list, c, i, at))
			}
		}
		a := answers[featuresAnswer](t, args...)
		if len(a.Rows) != len(want) {
			t.Fatalf("%s: %d rows, want %d", region, len(a.Rows), len(want))
		}
		for r, row := range a.Rows {
			for i, name := range a.Features {
				found, status := string(row.Values[i]), row.Statuses[i]
				expected, ok := want[r][name]
				wantStatus := "PRESENT"
				switch {
				case want[r] == nil:
					expected, wantStatus = "null", "NOT_FOUND"
				case !ok:
					expected, wantStatus = "null", "NULL_VALUE"
				}
				if found != expected || status != wantStatus {
					t.Errorf("%s, %s: %s is %s %s, want %s %s", region, args[7+2*r], name, status, found, wantStatus, expected)
				}
			}
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func TestDevIsAWorldOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	defs := shop(t, filepath.Join(dir, "definitions"))
	w := startDev(t, dir, "-f", "definitions")
	below := filepath.Join(dir, "some", "where")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	list := orders(60)

	outer := t
	t.Run("prints one line of addresses", func(t *testing.T) { testLine(t, w) })
	t.Run("serves what was produced", func(t *testing.T) { testServes(t, list) })
	t.Run("training sets", func(t *testing.T) { testHistorical(t, list) })
	t.Run("snapshot", func(t *testing.T) { testSnapshot(t, list) })
	t.Run("validate", testValidate)
	t.Run("a rerun changes nothing", func(t *testing.T) { testRerun(t) })
	t.Run("bad rows", func(t *testing.T) { testBadRows(t, dir) })
	t.Run("standard input", func(t *testing.T) { testStdin(t, below) })
	t.Run("get-online", testGetOnline)
	t.Run("formats", func(t *testing.T) { testFormats(t, w, dir) })
	t.Run("quarantine", func(t *testing.T) { testQuarantine(t, w) })
	t.Run("describe, plan, status", func(t *testing.T) { testShows(t, defs) })
	t.Run("server", func(t *testing.T) { testServer(t, w) })
	t.Run("refusals", func(t *testing.T) { testRefusals(t, w, dir, defs) })
	t.Run("goes on after kill -9", func(t *testing.T) { w = testKill(t, outer, w, slices.Concat(list, orders(5), orders(2), orders(2))) })
	t.Run("ends in good order", func(t *testing.T) { testTerm(t, w) })
}

func testLine(t *testing.T, w *devServer) {
	line := decoded[map[string]any](t, w.line)
	if keys := slices.Sorted(maps.Keys(line)); !slices.Equal(keys, []string{"object_store", "pid", "regions"}) {
		t.Errorf("found keys %q", keys)
	}
	regions, _ := line["regions"].(map[string]any)
	if names := slices.Sorted(maps.Keys(regions)); !slices.Equal(names, []string{"eu", "us"}) {
		t.Errorf("found regions %q", names)
	}
	for name, r := range regions {
		r, _ := r.(map[string]any)
		if keys := slices.Sorted(maps.Keys(r)); !slices.Equal(keys, []string{"http", "kafka", "schema_registry"}) {
			t.Errorf("region %s has keys %q", name, keys)
		}
	}
	if pid, _ := line["pid"].(float64); int(pid) != w.cmd.Process.Pid {
		t.Errorf("found pid %v", line["pid"])
	}
	store, _ := line["object_store"].(string)
	if !filepath.IsAbs(store) || !strings.HasPrefix(store, w.dir) {
		t.Errorf("found object store %v", store)
	}
	for name, r := range w.at.Regions {
		if !strings.HasPrefix(r.HTTP, "http://127.0.0.1:") || !strings.HasPrefix(r.SchemaRegistry, "http://127.0.0.1:") || !strings.HasPrefix(r.Kafka, "127.0.0.1:") {
			t.Errorf("region %s is at %+v", name, r)
		}
	}
	for name, r := range status(t).Regions {
		if !r.Ready || r.Catalogue != 1 {
			t.Errorf("region %s was not ready when the line came: %+v", name, r)
		}
	}
}

func testServes(t *testing.T, list []order) {
	half := writeFile(t, filepath.Join(t.TempDir(), "half.jsonl"), jsonLines(list[:30]))
	rest := writeFile(t, filepath.Join(t.TempDir(), "rest.jsonl"), jsonLines(list[30:]))
	a := answers[produceJSON](t, "produce", "orders", "--input", half, "--region", "us", "--wait")
	b := answers[produceJSON](t, "produce", "orders", "--input", rest, "--wait")
	if a.Produced != 30 || b.Produced != 30 || a.Rejected+b.Rejected != 0 || a.Token == b.Token || a.Region != "us" || b.Region != "eu" {
		t.Errorf("produced %+v and %+v", a, b)
	}
	checkOrders(t, list)
	s := status(t)
	if s.accepted("orders") != 60 || s.Regions["eu"].Digest != s.Regions["us"].Digest || *s.Regions["eu"].Keys != 9 {
		t.Errorf("status %+v", s)
	}
	after := answers[featuresAnswer](t, "get-online", "spending:orders", "--entity", entity(7, "tea"), "--after", a.Token, "--after", b.Token, "--region", "eu")
	if after.Rows[0].Statuses[0] != "PRESENT" {
		t.Errorf("found %+v", after)
	}
}

func testRerun(t *testing.T) {
	visits := "{\"visit_id\":\"a\",\"page\":\"/\",\"at\":\"2024/05/01 10:00\"}\n{\"visit_id\":\"b\",\"page\":\"/x\",\"at\":1714557660000}\n"
	file := writeFile(t, filepath.Join(t.TempDir(), "visits.jsonl"), visits)
	works(t, "produce", "visits", "--input", file, "--wait")
	more := writeFile(t, filepath.Join(t.TempDir(), "orders.jsonl"), jsonLines(orders(5)))
	works(t, "produce", "orders", "--input", more, "--wait")
	before := status(t)
	again := answers[produceJSON](t, "produce", "orders", "--input", more, "--wait")
	works(t, "produce", "visits", "--input", file, "--wait")
	after := status(t)
	if again.Produced != 5 || !maps.Equal(before.digests(), after.digests()) {
		t.Errorf("digests %v became %v", before.digests(), after.digests())
	}
	if n := after.repeated("spending") - before.repeated("spending"); n != 5 {
		t.Errorf("%d events counted as repeated, want 5", n)
	}
	a := answers[featuresAnswer](t, "get-online", "everything", "--entity", entity(7, "tea"))
	if i := slices.Index(a.Features, "traffic:visits"); i < 0 || string(a.Rows[0].Values[i]) != "2" {
		t.Errorf("the global view answers %+v", a)
	}
}

func testBadRows(t *testing.T, dir string) {
	good := jsonLines(orders(2))
	bad := writeFile(t, filepath.Join(dir, "bad.jsonl"), good+
		"{\"customer\":\n"+
		`{"customer":1,"item":"x","ordered_at":"yesterday","total":"1.00","status":"NEW"}`+"\n\n"+
		`{"customer":1,"item":"x","ordered_at":"2024-05-01T00:00:00Z","total":"1.00","status":"LOST"}`+"\n"+
		`{"customer":null,"item":"x","ordered_at":"2024-05-01T00:00:00Z","total":"1.00","status":"NEW"}`+"\n"+
		`[1]`+"\n"+good)
	before := status(t).accepted("orders")
	fails(t, exitFailed, []string{
		"bad.jsonl:3: not a JSON object", `bad.jsonl:4: field ordered_at: found "yesterday"`, `bad.jsonl:6: field status: found "LOST"`,
		"bad.jsonl:7: field customer", "bad.jsonl:8: not a JSON object", "nothing was sent", "--rejects FILE",
	}, "produce", "orders", "--input", bad)
	if now := status(t).accepted("orders"); now != before {
		t.Errorf("%d events were sent of a file with bad rows", now-before)
	}
	fails(t, exitUsage, []string{"--rejects", "the input itself"}, "produce", "orders", "--input", bad, "--rejects", bad)

	rejects := filepath.Join(dir, "rejects.jsonl")
	doc := answers[produceJSON](t, "produce", "orders", "--input", bad, "--rejects", rejects, "--wait")
	if doc.Produced != 4 || doc.Rejected != 5 {
		t.Errorf("produced %+v", doc)
	}
	text, err := os.ReadFile(rejects)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int64
	d := json.NewDecoder(strings.NewReader(string(text)))
	for d.More() {
		var r rejectJSON
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r.Error == "" || r.Row == "" {
			t.Errorf("set aside %+v", r)
		}
		lines = append(lines, r.Line)
	}
	if !slices.Equal(lines, []int64{3, 4, 6, 7, 8}) {
		t.Errorf("set aside lines %v", lines)
	}

	other := writeFile(t, filepath.Join(dir, "other.csv"), "buyer,item\n1,x\n2,y\n")
	fails(t, exitFailed, []string{"all of 2 rows", "field customer: missing", "buyer, item", "--map"}, "produce", "orders", "--input", other)
	fails(t, exitUsage, []string{"--map custmer", "customer"}, "produce", "orders", "--input", other, "--map", "custmer=buyer")
	fails(t, exitUsage, []string{"--map customer=byer", "buyer, item"}, "produce", "orders", "--input", other, "--map", "customer=byer")
	fails(t, exitUsage, []string{"no stream ordres", "orders, visits"}, "produce", "ordres", "--input", other)
	fails(t, exitUsage, []string{"no such region", "eu, us"}, "produce", "orders", "--input", other, "--region", "mars")
}

func testStdin(t *testing.T, dir string) {
	before := status(t).accepted("visits")
	cmd := child(dir, "produce", "visits", "--input", "-", "--format", "csv", "--map", "page=path,visit_id=n", "--rate", "1000/s", "--json")
	cmd.Stdin = strings.NewReader("\ufeffn,path,at,agent\n1,/a,2024-05-01T10:00:00Z,x\n2,\"/b,c\",2024-05-01T10:00:01Z,\n")
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	doc := decoded[produceJSON](t, string(b))
	if doc.Produced != 2 || !slices.Equal(doc.Ignored, []string{"agent"}) {
		t.Errorf("produced %+v", doc)
	}
	deadline := time.Now().Add(10 * time.Second)
	for status(t).accepted("visits") != before+2 {
		if time.Now().After(deadline) {
			t.Fatal("the rows of standard input did not arrive")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func testGetOnline(t *testing.T) {
	key := entity(7, "tea")
	text := works(t, "get-online", "checkout", "--entity", key)
	for _, word := range []string{"FEATURE", "spending:orders", "user_id=7", "token ", "age ", "region eu"} {
		if !strings.Contains(text, word) {
			t.Errorf("lacks %q:\n%s", word, text)
		}
	}
	if text := works(t, "get-online", "traffic:visits"); !strings.Contains(text, "FEATURE         VALUE\ntraffic:visits  ") {
		t.Errorf("a global view without --entity prints\n%s", text)
	}
	if text := works(t, "get-online", "spending:orders", "--entity", `user_id=7,item=tea\, green`); !strings.Contains(text, "NOT_FOUND") {
		t.Errorf("a comma in a key prints\n%s", text)
	}
	for _, c := range []struct {
		code  int
		words []string
		args  []string
	}{
		{exitFailed, []string{"user_id", "seven"}, []string{"checkout", "--entity", "user_id=seven,item=tea"}},
		{exitFailed, []string{"item"}, []string{"checkout", "--entity", "user_id=7"}},
		{exitFailed, []string{"user_id", "missing"}, []string{"checkout"}},
		{exitFailed, []string{"usr_id"}, []string{"checkout", "--entity", "usr_id=7,item=tea"}},
		{exitFailed, []string{"chekout", "checkout"}, []string{"chekout", "--entity", key}},
		{exitFailed, []string{"ordrs", "orders"}, []string{"spending:ordrs", "--entity", key}},
		{exitFailed, []string{"newest"}, []string{"checkout", "--entity", key, "--at", "2001-01-01T00:00:00Z"}},
		{exitFailed, []string{"yesterday"}, []string{"checkout", "--entity", key, "--at", "yesterday"}},
		{exitFailed, []string{"mode"}, []string{"checkout", "--entity", key, "--mode", "hasty"}},
		{exitFailed, []string{"Token not reached"}, []string{"checkout", "--entity", key, "--after", "eu/orders/0/999999", "--deadline", "50ms"}},
		{exitUsage, []string{"KEY=VALUE"}, []string{"checkout", "--entity", "user_id"}},
		{exitUsage, []string{"twice"}, []string{"checkout", "--entity", "item=a,item=b"}},
	} {
		fails(t, c.code, c.words, append([]string{"get-online"}, c.args...)...)
	}
}

func testShows(t *testing.T, defs string) {
	for args, words := range map[string][]string{
		"describe":               {"project shop", "basket (user_id int64, item string)", "view spending@v1", "service checkout", "event_timestamp"},
		"describe traffic":       {"view traffic@v1", "approx_distinct"},
		"plan -f " + defs:        {"nothing to do", "spending"},
		"apply -f " + defs:       {"nothing to do", "serving in eu, us"},
		"status":                 {"eu: project shop", "spending@v1", "eu → us"},
		"quarantine list":        {"POSITION", "undecodable"},
		"describe --json":        {`"version":1`},
		"plan --json -f " + defs: {`"project":"shop"`, `"changes":[]`},
	} {
		text := works(t, strings.Fields(args)...)
		for _, word := range words {
			if !strings.Contains(text, word) {
				t.Errorf("%s lacks %q:\n%s", args, word, text)
			}
		}
	}
	fails(t, exitFailed, []string{"spendng"}, "describe", "spendng")
}

func testServer(t *testing.T, w *devServer) {
	t.Chdir(t.TempDir())
	us := strings.Replace(w.at.Regions["us"].HTTP, "127.0.0.1", "localhost", 1)
	text := works(t, "get-online", "checkout", "--entity", entity(7, "tea"), "--server", us)
	if !strings.Contains(text, "region us,") {
		t.Errorf("--server of us answers:\n%s", text)
	}
	t.Setenv("ANABRANCH_SERVER", strings.TrimPrefix(us, "http://"))
	if s := answers[statusJSON](t, "status"); len(s.Regions) != 2 {
		t.Errorf("status %+v", s)
	}
}

func testRefusals(t *testing.T, w *devServer, dir, defs string) {
	code, text := devErr(t, dir)
	if code != exitFailed || !strings.Contains(text, fmt.Sprintf("another dev (pid %d)", w.cmd.Process.Pid)) || !strings.Contains(text, "--data DIR") {
		t.Errorf("a second dev: exit %d, %s", code, text)
	}
	other := shop(t, filepath.Join(dir, "other"))
	yaml := filepath.Join(other, "shop.yaml")
	writeFile(t, yaml, strings.Replace(shopYAML, "project: shop", "project: shop2", 1))
	fails(t, exitFailed, []string{"serves project shop", "shop2", "--data DIR"}, "apply", "-f", other)
	writeFile(t, yaml, strings.Replace(shopYAML, "{name: us}", "{name: mars}", 1))
	fails(t, exitFailed, []string{"mars", "eu, us", "anabranch dev --regions eu,mars"}, "apply", "-f", other)
	writeFile(t, yaml, strings.Replace(shopYAML, "kind: count}", "kinds: count}", 1))
	fails(t, exitFailed, []string{"shop.yaml:24", "kinds", "kind"}, "apply", "-f", other)
	fails(t, exitFailed, []string{"shop.yaml:24", "kinds", "kind"}, "plan", "-f", other)
}

// testKill kills dev while events are on their way, and starts it again.
func testKill(t, outer *testing.T, w *devServer, sent []order) *devServer {
	list := orders(200)
	file := writeFile(t, filepath.Join(t.TempDir(), "many.jsonl"), jsonLines(list))
	before := status(t).accepted("orders")
	killWhileProducing(t, w, file)
	fails(t, exitFailed, []string{"is not running", "anabranch dev --data"}, "status")
	again := startDev(outer, w.dir)
	if !maps.Equal(again.at.Regions, w.at.Regions) || again.at.ObjectStore != w.at.ObjectStore {
		t.Errorf("addresses %+v became %+v", w.at, again.at)
	}
	works(t, "produce", "orders", "--input", file, "--wait") // those that got there are repeated
	s := status(t)
	if s.Regions["eu"].Digest != s.Regions["us"].Digest || s.accepted("orders") < before {
		t.Errorf("status %+v", s)
	}
	checkOrders(t, append(sent, list...))
	return again
}

// killWhileProducing kills dev in the middle of a file.
func killWhileProducing(t *testing.T, w *devServer, file string) {
	t.Helper()
	ctx := context.Background()
	e := found(t, &where{})
	s, err := currentCatalogue(ctx, e, "")
	if err != nil {
		t.Fatal(err)
	}
	in, err := openInputFile(file, "")
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	p := &producer{
		place: e.place("eu"), project: s.Project, stream: "orders", rate: 2000, out: &output{stdout: os.Stderr, stderr: os.Stderr}, stall: 500 * time.Millisecond,
		after: func(sent int64) {
			if sent == 100 {
				if err := w.stop(t, syscall.SIGKILL); err == nil {
					t.Error("killed, but exit 0")
				}
			}
		},
	}
	if _, err := p.send(ctx, in, ""); err == nil || !strings.Contains(err.Error(), "acknowledges nothing for 500ms") || !strings.Contains(err.Error(), "the same command again changes nothing") {
		t.Errorf("found %v", err)
	}
}

func testTerm(t *testing.T, w *devServer) {
	before := status(t).digests()
	began := time.Now()
	if err := w.stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("after SIGTERM: %v: %s", err, w.stderr)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("took %v to end", d)
	}
	if _, err := os.Stat(filepath.Join(w.dir, dataDir, devFile)); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", devFile, err)
	}
	startDev(t, w.dir, "-f", "definitions")
	if after := status(t).digests(); !maps.Equal(before, after) {
		t.Errorf("digests %v became %v", before, after)
	}
}

//go:build integration

package integration

import (
	"strings"
	"testing"
)

// TestBrokerComesBack kills a region's Kafka with kill -9 while both workers
// run. Meanwhile the vectors are served on; once the broker is back the workers
// go on by themselves, lose nothing and count nothing twice.
func TestBrokerComesBack(t *testing.T) {
	w := newWorld(t, ordersDir)
	w.begin()
	c, id := w.client(west), w.schemaID(west)
	for n := range 20 {
		w.send(c, west, newOrder(int64(n%5), n).good(id))
	}
	remote := w.client(east)
	w.send(remote, east, newOrder(1, 100).good(w.schemaID(east)))
	before := w.converge()

	port := w.kafka[west][strings.LastIndexByte(w.kafka[west], ':')+1:]
	mustPart(t, "kafka.sh", "kill", runDir, west)
	for _, region := range []string{west, east} {
		if n := number(w.vector(region, 1)["spending:orders"]); n != 5 {
			t.Errorf("%s serves %d orders of user 1 without the broker, want 5", region, n)
		}
	}
	mustPart(t, "kafka.sh", "start", runDir, west+"="+port)
	if after := w.converge(); after != before {
		t.Errorf("digest was %s, is %s", before, after)
	}
	last := w.send(c, west, newOrder(1, 200).good(id))
	for _, region := range []string{west, east} {
		if n := number(w.vector(region, 1, last...)["spending:orders"]); n != 6 {
			t.Errorf("%s has %d orders of user 1, want 6", region, n)
		}
	}
	if after := w.converge(); after == before {
		t.Error("the digest did not change with a new event")
	}
}

func mustPart(t *testing.T, script string, args ...string) {
	t.Helper()
	if _, err := part(script, args...); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
)

// sendRaw appends a record to a topic of a region.
func sendRaw(t *testing.T, w *devServer, region string, r kafka.Record) {
	t.Helper()
	k, err := kafka.Dial(kafka.Config{Brokers: []string{w.at.Regions[region].Kafka}})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if _, err := k.Produce(context.Background(), []kafka.Record{r}); err != nil {
		t.Fatal(err)
	}
}

type quarantineDoc struct {
	Total   int           `json:"total"`
	Records []quarantined `json:"records"`
}

func testQuarantine(t *testing.T, w *devServer) {
	if text := works(t, "quarantine", "list"); !strings.Contains(text, "nothing is quarantined") {
		t.Errorf("found %s", text)
	}
	sendRaw(t, w, "eu", kafka.Record{Topic: "shop.orders", Partition: 2, Key: []byte(`[7,"tea"]`), Value: []byte("gar\x00bage"), Headers: []kafka.Header{{Key: "who", Value: []byte("me")}}})
	sendRaw(t, w, "us", kafka.Record{Topic: "shop.orders", Partition: 1, Key: []byte("k"), ValueNull: true})
	var doc quarantineDoc
	for deadline := time.Now().Add(10 * time.Second); doc.Total < 2; time.Sleep(20 * time.Millisecond) {
		if doc = answers[quarantineDoc](t, "quarantine", "list", "orders"); time.Now().After(deadline) {
			t.Fatalf("found %+v", doc)
		}
	}
	reasons := map[string]quarantined{}
	for _, q := range doc.Records {
		reasons[q.Reason] = q
	}
	bad, ok := reasons["undecodable"]
	if !ok || !strings.HasPrefix(bad.Position, "eu/orders/2/") || bad.Stream != "orders" || *bad.Key != `[7,"tea"]` || bad.Value != nil || bad.Headers["who"] != "me" {
		t.Errorf("found %+v", doc)
	}
	if q := reasons["tombstone"]; !strings.HasPrefix(q.Position, "us/orders/1/") {
		t.Errorf("found %+v", doc)
	}
	if doc := answers[quarantineDoc](t, "quarantine", "list", "--reason", "tombstone"); doc.Total != 1 {
		t.Errorf("--reason finds %+v", doc)
	}
	if doc := answers[quarantineDoc](t, "quarantine", "list", "visits"); doc.Total != 0 || doc.Records == nil {
		t.Errorf("visits has %+v", doc)
	}
	text := works(t, "quarantine", "show", bad.Position)
	for _, word := range []string{bad.Position, "undecodable", `"gar\x00bage"`, "8 bytes", `[7,"tea"]`, "who: me"} {
		if !strings.Contains(text, word) {
			t.Errorf("show lacks %q:\n%s", word, text)
		}
	}
	if q := answers[quarantined](t, "quarantine", "show", bad.Position); string(q.Value) != "gar\x00bage" {
		t.Errorf("show --json gives %+v", q)
	}
	fails(t, exitFailed, []string{"eu/orders/0/99999", "quarantine list"}, "quarantine", "show", "eu/orders/0/99999")
	fails(t, exitUsage, []string{"REGION/STREAM/PARTITION/OFFSET"}, "quarantine", "show", "orders:1")
	fails(t, exitFailed, []string{"no stream ordres"}, "quarantine", "list", "ordres")
}

//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestRecreatedTopicHalts deletes a stream's topic and creates it anew, so that
// offsets come again with other content. Whether the worker watched or was away,
// it stops those partitions with an error that says what to do, and keeps
// serving what it had: nothing of the new log mixes in.
func TestRecreatedTopicHalts(t *testing.T) {
	for name, away := range map[string]bool{"while the worker runs": false, "while the worker is away": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ordersDir)
			w.begin()
			c, id := w.client(west), w.schemaID(west)
			var last []string
			for n := range 20 {
				last = w.send(c, west, newOrder(7, n).good(id))
			}
			before := fmt.Sprint(w.vector(west, 7, last...))
			w.vector(east, 7, last...)
			if away {
				w.workers[west].stop()
			}
			w.recreate(west)
			fresh := w.client(west)
			for n := range 30 {
				w.send(fresh, west, newOrder(7, 1000+n).good(id))
			}
			if away {
				w.start(west)
			}
			eventually(t, "the halt", func() error { return w.halted(west, partitionOf(newOrder(7, 0).key())) })
			for _, region := range []string{west, east} {
				if after := fmt.Sprint(w.vector(region, 7)); after != before {
					t.Errorf("%s served %s before and %s after", region, before, after)
				}
			}
			if out := command(t, w.dir, "status", "--config", w.config(west)).ok(t); !strings.Contains(out.stdout, "HALTED") {
				t.Errorf("status does not say so:\n%s", out.stdout)
			}
			w.refusesFreshReads(t)
		})
	}
}

// recreate deletes the orders topic and creates it with the same settings.
func (w *world) recreate(region string) {
	w.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(w.kafka[region]), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	if _, err := admin.DeleteTopic(w.t.Context(), w.ordersTopic()); err != nil {
		w.t.Fatal(err)
	}
	stamped := "LogAppendTime"
	eventually(w.t, "the topic created anew", func() error {
		_, err := admin.CreateTopic(w.t.Context(), orderPartitions, 1, map[string]*string{"message.timestamp.type": &stamped}, w.ordersTopic())
		return err
	})
}

// halted says what is missing until the status shows a partition halted with
// words that help.
func (w *world) halted(region string, partition int32) error {
	text := fmt.Sprint(at(w.status(region), "views", 0, "halted"))
	for _, part := range []string{fmt.Sprint("partition ", partition), "replaced", "restore"} {
		if !strings.Contains(text, part) {
			return fmt.Errorf("no %q in the status: %s", part, text)
		}
	}
	return nil
}

// refusesFreshReads asks for values that are at most two seconds old: a halted
// partition cannot answer that, and must say so.
func (w *world) refusesFreshReads(t *testing.T) {
	t.Helper()
	eventually(t, "a stale read refused", func() error {
		code, got, err := httpJSON("POST", w.http[west]+"/v1/features", object{
			"service": "checkout", "entities": []object{{"user_id": 7}}, "max_staleness": "2s", "deadline": "100ms",
		})
		if err != nil || code != 409 {
			return fmt.Errorf("%d %v %w", code, got, err)
		}
		return nil
	})
}

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
// it stops with an error that says what to do, in the status and in the answers.
// The other region serves what it had: nothing of the new log mixes in.
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
			w.vector(west, 7, last...)
			before := fmt.Sprint(w.vector(east, 7, last...))
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
			w.refuses(t, west, "halted", "restore", object{})
			if after := fmt.Sprint(w.vector(east, 7)); after != before {
				t.Errorf("%s served %s before and %s after", east, before, after)
			}
			if out := command(t, w.dir, "status", "--config", w.config(west)).ok(t); !strings.Contains(out.stdout, "HALTED") {
				t.Errorf("status does not say so:\n%s", out.stdout)
			}
			w.refuses(t, east, "stale", "", object{"max_staleness": "2s", "deadline": "100ms"})
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

// refuses waits until a read in a region is answered by a problem of a type,
// with words of help.
func (w *world) refuses(t *testing.T, region, problem, help string, budget object) {
	t.Helper()
	budget["service"], budget["entities"] = "checkout", []object{{"user_id": 7}}
	eventually(t, problem+" in "+region, func() error {
		code, got, err := httpJSON("POST", w.http[region]+"/v1/features", budget)
		kind, _ := got["type"].(string)
		if detail, _ := got["detail"].(string); err != nil || !strings.HasSuffix(kind, "/"+problem) || !strings.Contains(detail, help) {
			return fmt.Errorf("%d %v %w", code, got, err)
		}
		return nil
	})
}

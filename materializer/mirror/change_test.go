package mirror_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
)

func TestAChangedViewIsBuiltWhileTheOthersServe(t *testing.T) {
	w := run(t, shop)
	w.produce("eu", 0, 400)
	w.append("us", w.visit(w.regions["us"], 1))
	w.converged()
	before := w.regions["eu"].worker.Live()
	w.change(strings.Replace(shop, "kind: recent, of: item, k: 3", "kind: recent, of: item, k: 5", 1))
	w.eventually("both adopt", func() bool {
		for _, r := range w.regions {
			live := r.worker.Live()
			// Whatever is served is whole: the former view, none, or one that
			// says that it is building until it has everything.
			if v := live.Views["spending"]; v != nil && v.Instance != before.Views["spending"].Instance && v.Ready() && w.events(r.name, "spending") != 400 {
				t.Fatalf("%s serves %d events, want 400", r.name, w.events(r.name, "spending"))
			}
			if live.Catalogue != w.version {
				return false
			}
		}
		return true
	})
	w.ready()
	w.converged()
	after := w.regions["eu"].worker.Live()
	if after.Views["visiting"] != before.Views["visiting"] {
		t.Error("a view that did not change was opened anew")
	}
	if after.Views["spending"].Instance == before.Views["spending"].Instance {
		t.Error("the changed view is the same instance")
	}
	if n := w.events("eu", "spending"); n != 400 {
		t.Errorf("%d events, want 400", n)
	}
	w.eventually("the former instance is dropped", func() bool { return !w.holds("eu", before.Views["spending"].Instance) })
	if _, _, err := before.Views["spending"].Read([]state.Ask{{Key: []byte("1"), At: stamp.NoTime}}, []int{0}, base); !errors.Is(err, state.ErrRetired) {
		t.Errorf("what was dropped is still read: %v", err)
	}
}

func (w *world) holds(name, instance string) bool {
	list, err := w.regions[name].store.Instances()
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.Contains(list, instance)
}

const withoutVisiting = `
project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - {name: orders, entity: user, schema: order.avsc, event_timestamp: at, event_id: header:ce_id, partitions: 3}
feature_views:
  - name: spending
    stream: orders
    features:
      - {name: n, kind: count}
`

func TestARemovedViewIsDroppedAlsoWhileTheWorkerIsAway(t *testing.T) {
	w := run(t, shop)
	w.produce("eu", 0, 50)
	w.append("us", w.visit(w.regions["us"], 1))
	w.converged()
	gone := w.regions["us"].worker.Live().Views["visiting"].Instance
	w.stop("us")
	w.change(withoutVisiting)
	w.start("us")
	w.ready()
	w.converged()
	for _, name := range []string{"eu", "us"} {
		w.eventually("nothing is kept of it", func() bool { return !w.holds(name, gone) })
		if w.regions[name].worker.Live().Views["visiting"] != nil {
			t.Errorf("%s still serves it", name)
		}
	}
	if n := w.events("us", "spending"); n != 50 {
		t.Errorf("%d events, want 50", n)
	}
}

// What was superseded before a worker started must not be put to work on the
// way: it would drop the state of what is in force, and fold it all anew.
func TestARestartAdoptsOnlyWhatIsInForce(t *testing.T) {
	w := run(t, withoutVisiting)
	// So much in between that the log comes in several answers.
	for range 12 {
		w.append("eu", kafka.Record{Topic: definition.RegistryTopic("shop"), Value: bytes.Repeat([]byte("no command "), 60_000)})
	}
	w.change(shop)
	w.ready()
	w.produce("eu", 0, 50)
	w.converged()
	w.stop("eu")
	if err := w.regions["eu"].kafka.DeleteRecords(t.Context(), firstOrder(w)); err != nil {
		t.Fatal(err)
	}
	w.start("eu") // a fold from the start would meet the gap and halt
	w.converged()
	w.eventually("nothing halted", func() bool { return w.view("eu", "spending").Ready })
	if list := w.view("eu", "spending").Halted; len(list) > 0 {
		t.Fatal(list)
	}
}

// firstOrder names the first record of every partition that has two.
func firstOrder(w *world) map[kafka.TopicPartition]int64 {
	below := map[kafka.TopicPartition]int64{}
	for p, end := range w.ends("eu", w.project.Stream("orders"), "shop.orders") {
		if end > 1 {
			below[kafka.TopicPartition{Topic: "shop.orders", Partition: int32(p)}] = 1
		}
	}
	return below
}

func TestANewRegionJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, strings.Replace(shop, "{name: us}", "{name: us}, {name: ap}", 1))
	three := w.project
	w.project = parse(t, shop)
	w.start("eu")
	w.start("us")
	w.apply()
	w.eventually("two ready", func() bool {
		return w.regions["eu"].worker.Ready() == nil && w.regions["us"].worker.Ready() == nil
	})
	w.produce("eu", 0, 100)
	w.produce("us", 100, 150)
	w.converged("eu", "us")
	w.start("ap")
	w.project = three
	w.apply()
	w.ready()
	w.produce("ap", 150, 200)
	w.converged()
	if n := w.events("ap", "spending"); n != 200 {
		t.Fatalf("%d events, want 200", n)
	}
}

const resident = `
project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - {name: orders, entity: user, schema: order.avsc, event_timestamp: at, event_id: header:ce_id, partitions: 3}
feature_views:
  - name: spending
    stream: orders
    features: [{name: n, kind: count}]
    policy: {residency: [eu]}
  - name: open
    stream: orders
    features: [{name: total, kind: count, of: item}]
`

func TestAViewStaysWhereItMayBeHeld(t *testing.T) {
	w := run(t, resident)
	w.produce("eu", 0, 100)
	w.produce("us", 100, 150)
	w.eventually("eu holds all", func() bool { return w.atEnd(w.regions["eu"]) && w.atEnd(w.regions["us"]) })
	if n := w.events("eu", "spending"); n != 150 {
		t.Fatalf("eu has %d events, want 150", n)
	}
	r := w.regions["us"]
	if r.worker.Live().Views["spending"] != nil {
		t.Error("us serves what it may not hold")
	}
	if v := w.view("us", "spending"); v.Held || v.Events != 50 {
		t.Errorf("us folds its own events to ship them: %+v", v)
	}
	if n := pieces(w, "us", "eu", "spending"); n != 0 {
		t.Errorf("%d pieces of it were sent to us", n)
	}
	if pieces(w, "us", "eu", "open") == 0 || pieces(w, "eu", "us", "spending") == 0 {
		t.Error("what may leave did not")
	}
	// A sender that does not keep the rule: the receiver does.
	forged := forge(w, "eu", "us", "spending")
	w.append("us", forged...)
	w.produce("eu", 150, 200)
	w.eventually("later rounds arrive", func() bool { return w.atEnd(r) })
	for _, s := range r.worker.Lanes()["spending"].View.Shards {
		if s.Mark(eu).Next != 0 {
			t.Fatal("us took what it may not hold")
		}
	}
}

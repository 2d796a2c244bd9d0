package mirror_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/schemas/definition"
)

const threeRegions = "{name: us}, {name: ap}"

// Late, doubled and crossed copies in three regions, each of which crashes:
// every event counts once everywhere, and the state is the one of a worker that
// starts from nothing.
func TestCopiesCountOnceWhateverCrashes(t *testing.T) {
	w := run(t, strings.Replace(shop, "{name: us}", threeRegions, 1))
	rng := rand.New(rand.NewPCG(3, 3))
	names := w.project.Regions
	most := 0
	for at := 0; at < 5*40; at += 40 {
		for _, i := range rng.Perm(3) {
			from := max(0, at-60*rng.IntN(2))
			to := from + 20 + rng.IntN(60)
			w.produce(names[i], from, to)
			if rng.IntN(2) == 0 {
				w.produce(names[i], from, from+10)
			}
			most = max(most, to)
		}
		w.produce(names[0], at, at+40)
		time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
		victim := names[rng.IntN(3)]
		w.kill(victim, []int{0, 50, 100}[rng.IntN(3)])
		w.start(victim)
	}
	w.produce("ap", 0, most)
	disturbed := w.converged()
	for _, name := range names {
		if n := w.events(name, "spending"); n != int64(most) {
			t.Errorf("%s counts %d events, want %d", name, n, most)
		}
	}
	retracted := w.retractions(names)
	for _, name := range names {
		w.stop(name)
		w.wipe(name)
	}
	for _, name := range names {
		w.start(name)
	}
	if peace := w.converged(); peace != disturbed {
		t.Errorf("digest %s after crashes, %s without", disturbed, peace)
	}
	if again := w.retractions(names); again != retracted {
		t.Errorf("%d records in the logs of retractions, %d before all was folded anew", again, retracted)
	}
}

// retractions is how many records the logs of retractions have.
func (w *world) retractions(regions []string) (n int64) {
	for _, name := range regions {
		for _, end := range w.ends(name, w.project.Stream("orders"), definition.RetractionsTopic("shop.orders")) {
			n += end
		}
	}
	return n
}

// A region that may not hold a view still takes its copies back.
func TestCopiesOfAViewThatARegionMayNotHold(t *testing.T) {
	yaml := strings.Replace(shop, "  - name: visiting", "    policy: {residency: [eu]}\n  - name: visiting", 1)
	w := run(t, yaml)
	w.produce("eu", 0, 100)
	w.converged("eu")
	w.produce("us", 50, 150) // the greater copies are those of us, which may not hold the view
	w.eventually("every event counts once", func() bool { return w.events("eu", "spending") == 150 })
	if n := w.retractions([]string{"us"}); n != 50 {
		t.Errorf("us took back %d events, want 50", n)
	}
	if n := pieces(w, "us", "eu", "spending"); n != 0 {
		t.Errorf("%d pieces of it were sent to us", n)
	}
}

// A lost round of retractions is asked for, also if no other follows.
func TestLostRetractionsAreSentAgain(t *testing.T) {
	w := run(t, shop)
	w.produce("eu", 0, 40)
	w.converged()
	w.stop("eu")
	w.produce("us", 0, 40)
	w.eventually("us takes back what eu had", func() bool { return w.retractions([]string{"us"}) == 40 })
	w.eventually("the rounds of it are sent", func() bool {
		for _, rec := range w.delta("eu", "us", "orders") {
			if strings.Contains(string(rec.Value[:min(80, len(rec.Value))]), "us^") {
				return true
			}
		}
		return false
	})
	topic := definition.DeltaTopic("shop", "orders", "us")
	if err := w.regions["eu"].kafka.DeleteTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	w.start("eu")
	w.converged()
	if n := w.events("eu", "spending"); n != 40 {
		t.Errorf("%d events, want 40", n)
	}
}

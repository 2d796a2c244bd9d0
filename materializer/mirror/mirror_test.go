package mirror_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestTwoRegionsConverge(t *testing.T) {
	w := run(t, shop)
	w.produce("eu", 0, 300)
	w.produce("us", 150, 500) // half of them are copies
	w.converged()
	w.stop("us")
	w.produce("eu", 500, 700)
	w.produce("us", 600, 800)
	w.start("us")
	w.converged()
	if n := w.events("eu", "spending"); n != 800 {
		t.Fatalf("%d events, want 800", n)
	}
}

func TestOneRegion(t *testing.T) {
	w := run(t, strings.Replace(shop, ", {name: us}", "", 1))
	w.produce("eu", 0, 100)
	w.produce("eu", 50, 120) // fifty copies
	w.converged()
	if n := w.events("eu", "spending"); n != 120 {
		t.Fatalf("%d events, want 120", n)
	}
	w.restart("eu")
	w.converged()
}

func TestThreeRegions(t *testing.T) {
	w := run(t, strings.Replace(shop, "{name: us}", "{name: us}, {name: ap}", 1))
	for i, name := range []string{"eu", "us", "ap"} {
		w.produce(name, i*100, i*100+150)
	}
	w.converged()
	if n := w.events("ap", "spending"); n != 350 {
		t.Fatalf("%d events, want 350", n)
	}
}

// Whatever crashes happen, the state is the one that a worker has that starts
// from nothing and is left in peace.
func TestCrashesDoNotChangeTheState(t *testing.T) {
	w := run(t, shop)
	rng := rand.New(rand.NewPCG(7, 7))
	at := 0
	for range 6 {
		n := 20 + rng.IntN(120)
		w.produce("eu", at, at+n)
		w.produce("us", at, at+n/2)
		at += n - 5 // with some copies
		time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
		victim := []string{"eu", "us"}[rng.IntN(2)]
		w.kill(victim, []int{0, 50, 100}[rng.IntN(3)])
		w.start(victim)
	}
	disturbed := w.converged()
	for _, name := range []string{"eu", "us"} {
		w.stop(name)
		w.wipe(name)
	}
	w.start("eu")
	w.start("us")
	if peace := w.converged(); peace != disturbed {
		t.Fatalf("digest %s after crashes, %s without", disturbed, peace)
	}
}

func TestASenderThatForgotEverythingSendsAgain(t *testing.T) {
	w := run(t, shop)
	w.restart("eu")
	w.restart("eu")
	w.produce("eu", 0, 200)
	before := w.converged()
	w.stop("eu")
	w.wipe("eu") // and the numbers of its former lives with it
	w.start("eu")
	if w.converged() != before {
		t.Fatal("another digest")
	}
	w.produce("eu", 200, 250)
	w.converged()
}

func TestNothingIsLeftRunning(t *testing.T) {
	w := newWorld(t, shop)
	w.apply()
	before := goleak.IgnoreCurrent()
	for range 2 {
		w.start("eu")
		w.start("us")
		w.ready()
		w.produce("eu", 0, 50)
		w.converged()
		w.stop("eu")
		w.stop("us")
	}
	w.regions["eu"].kafka.Close()
	w.regions["us"].kafka.Close()
	if err := goleak.Find(before, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("net/http.(*conn).serve"), goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read")); err != nil {
		t.Fatal(err)
	}
}

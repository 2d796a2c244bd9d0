//go:build integration

package integration

import (
	"reflect"
	"testing"
)

// TestDevGoesOnAfterKill kills dev with kill -9 and starts it again on the same
// data: it has the same addresses and the same rows, and takes commands.
func TestDevGoesOnAfterKill(t *testing.T) {
	w := newDev(t, "testdata/flights")
	flights := readFlights(t)[:6000]
	w.produce(west, "west.jsonl", of(flights[:4000], west), "--wait")
	w.produce(east, "east.jsonl", of(flights[:4000], east), "--wait")
	digest := w.converge()
	before := []map[string]string{w.kafka, w.registry, w.http}
	w.dev.kill()
	a := w.startDev()
	if after := []map[string]string{w.kafka, w.registry, w.http}; !reflect.DeepEqual(before, after) {
		t.Errorf("addresses were %v, are %v", before, after)
	}
	if a.PID != w.dev.cmd.Process.Pid {
		t.Errorf("pid %d, want %d", a.PID, w.dev.cmd.Process.Pid)
	}
	if again := w.converge(); again != digest {
		t.Errorf("digest was %s, is %s", digest, again)
	}
	w.produce(west, "west.jsonl", of(flights[:4000], west), "--wait")
	if again := w.converge(); again != digest {
		t.Errorf("the same events again: digest was %s, is %s", digest, again)
	}
	w.produce(west, "more.jsonl", of(flights[4000:], west), "--wait")
	w.produce(east, "more-east.jsonl", of(flights[4000:], east), "--wait")
	w.converge()
	w.checkVectors(t, flights, w.log())
}

package embedded

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/twmb/franz-go/pkg/kversion"
)

// childDir is the environment variable that makes the test binary a broker on
// that directory, for being killed.
const childDir = "EMBEDDED_BROKER_TEST_DIR"

func runChild(dir string) {
	b, err := Open(Config{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("addr", b.Addr())
	select {}
}

func startChild(t *testing.T, dir string) (addr string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "addr ")
	if err != nil || !ok {
		kill()
		t.Fatalf("child broker said %q, %v", line, err)
	}
	return addr, kill
}

func TestAcknowledgedRecordsSurviveKill(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	createTopic(t, b, "t", 4, nil)
	before := b.Addr()
	b.Close()

	acked := make(map[string]bool)
	for round := range 3 {
		produceUntilKilled(t, dir, round, acked)
	}
	b = start(t, Config{Dir: dir, Addr: before})
	total := 0
	for _, p := range b.cluster.PartitionInfos("t") {
		total += int(p.HighWatermark)
	}
	if len(acked) == 0 || total < len(acked) {
		t.Fatalf("%d records in the log, %d were acknowledged", total, len(acked))
	}
	for part, rs := range consume(t, b, "t", total) {
		for i, r := range rs {
			if r.Offset != int64(i) {
				t.Fatalf("partition %d: record %d has offset %d", part, i, r.Offset)
			}
			if i > 0 && r.Timestamp.Before(rs[i-1].Timestamp) {
				t.Fatalf("partition %d: append time goes back at offset %d", part, i)
			}
			delete(acked, fmt.Sprint(part, r.Offset, string(r.Key)))
		}
	}
	if len(acked) > 0 {
		t.Fatalf("%d acknowledged records are lost", len(acked))
	}
}

// produceUntilKilled kills a broker while records flow, and notes in acked what
// it had acknowledged.
func produceUntilKilled(t *testing.T, dir string, round int, acked map[string]bool) {
	addr, kill := startChild(t, dir)
	defer kill()
	c, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DisableClientMetrics(), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(4096), kgo.MaxBufferedRecords(500))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	acks := make(chan string, 1<<20)
	stop := time.AfterFunc(400*time.Millisecond, func() {
		kill()
		cancel()
	})
	defer stop.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		r := lie(int32(i%4), i)
		r.Key = fmt.Appendf(nil, "%d/%d", round, i)
		c.Produce(ctx, r, func(r *kgo.Record, err error) {
			if err == nil {
				acks <- fmt.Sprint(r.Partition, r.Offset, string(r.Key))
			}
		})
	}
	c.Close()
	close(acks)
	n := 0
	for a := range acks {
		acked[a] = true
		n++
	}
	if n == 0 {
		t.Fatal("nothing was acknowledged before the kill")
	}
}

func TestErrorNamesTheProcessThatHoldsTheDirectory(t *testing.T) {
	dir := t.TempDir()
	_, kill := startChild(t, dir)
	_, err := Open(Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "in use by process") || strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("open a directory held by another process: %v", err)
	}
	kill()
	start(t, Config{Dir: dir}) // the lock ended with its holder
}

// segments lists the segment files of a directory with one partition.
func segments(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "partitions", "*", "*.dat"))
	if err != nil || len(names) == 0 {
		t.Fatalf("segments: %v, %v", names, err)
	}
	return names
}

// olderVersions are those of Kafka 2.8: produce and fetch name topics.
func olderVersions() *kversion.Versions { return kversion.V2_8_0() }

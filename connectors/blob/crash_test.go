package blob_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
)

const crashDir = "ANABRANCH_TEST_CRASH_DIR"

// TestMain lets the test binary be the process that TestKilledWriterLeavesWholeObjects kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		writeForEver(dir)
	}
	os.Exit(m.Run())
}

func crashObject(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "object %d;", n), 20_000) }

// writeForEver creates and uploads objects in turn, and prints each name once it is acknowledged.
func writeForEver(dir string) {
	ctx := context.Background()
	s, err := blob.OpenURL(ctx, dir, blob.Options{})
	for n := 0; err == nil; n++ {
		name := fmt.Sprintf("dir-%d/%d", n%7, n)
		if n%2 == 0 {
			err = s.Create(ctx, name, crashObject(n))
		} else {
			_, err = s.Upload(ctx, name, bytes.NewReader(crashObject(n)))
		}
		fmt.Println(name)
	}
	fmt.Println(err)
	os.Exit(1)
}

func TestKilledWriterLeavesWholeObjects(t *testing.T) {
	for i := range 8 {
		dir := t.TempDir()
		acknowledged := runAndKill(t, dir, time.Duration(i*7)*time.Millisecond)
		s := openDir(t, dir)
		infos, err := s.List(t.Context(), "")
		if err != nil || len(infos) < len(acknowledged) || len(infos) > len(acknowledged)+1 {
			t.Fatalf("%d objects, %d acknowledged, %v", len(infos), len(acknowledged), err)
		}
		there := map[string]bool{}
		for _, info := range infos {
			var dirNumber, n int
			fmt.Sscanf(info.Name, "dir-%d/%d", &dirNumber, &n)
			got, err := s.Get(t.Context(), info.Name)
			if err != nil || !bytes.Equal(got, crashObject(n)) {
				t.Fatalf("%s: %d bytes, %v", info.Name, len(got), err)
			}
			there[info.Name] = true
		}
		for _, name := range acknowledged {
			if !there[name] {
				t.Fatalf("%s was acknowledged and is gone", name)
			}
		}
	}
}

// runAndKill runs writeForEver in a process of its own, kills it some time after its first object, and returns the names it
// acknowledged.
func runAndKill(t *testing.T, dir string, after time.Duration) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	first, err := r.ReadString('\n')
	time.AfterFunc(after, func() { cmd.Process.Kill() })
	rest, _ := io.ReadAll(r)
	cmd.Wait()
	if err != nil || !strings.HasPrefix(first, "dir-0/0") {
		t.Fatalf("the writer said %q, %v", first, err)
	}
	whole := first + string(rest[:bytes.LastIndexByte(rest, '\n')+1])
	return strings.Fields(whole)
}

//go:build integration

package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The regions of the suite; each has a Kafka cluster and a registry.
const west, east = "us-west", "us-east"

const s3Bucket = "anabranch"

// part runs a script of ops/parts and reads the lines "NAME ADDRESS" it prints.
func part(script string, args ...string) (map[string]string, error) {
	cmd := exec.Command(filepath.Join(root, "ops/parts", script), args...)
	cmd.Env = append(os.Environ(), "ANABRANCH_KAFKA_SESSION_MS=9000") // the tests share the machine with the brokers
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", script, strings.Join(args, " "), err, stderr.String())
	}
	addresses := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, address, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			addresses[name] = address
		}
	}
	return addresses, nil
}

// freePort finds a port below the range that the system gives to outgoing
// connections, free with the one after it.
func freePort() int {
	for {
		port := 20000 + 2*rand.IntN(6000)
		if vacant(port) && vacant(port+1) {
			return port
		}
	}
}

func vacant(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

var startKafka = sync.OnceValues(func() (map[string]string, error) {
	return part("kafka.sh", "start", runDir, fmt.Sprintf("%s=%d", west, freePort()), fmt.Sprintf("%s=%d", east, freePort()))
})

// startRegistries starts a registry for each region, and uses up an id in one,
// so that the same schema has another id in each.
var startRegistries = sync.OnceValues(func() (map[string]string, error) {
	all := map[string]string{}
	for _, region := range []string{west, east} {
		got, err := part("apicurio.sh", "start", runDir, fmt.Sprintf("registry-%s=%d", region, freePort()))
		if err != nil {
			return nil, err
		}
		all[region] = got["registry-"+region]
	}
	_, err := registerAt(all[east], "unrelated-value", `{"type": "record", "name": "Unrelated", "fields": [{"name": "x", "type": "int"}]}`)
	return all, err
})

var startS3 = sync.OnceValues(func() (string, error) {
	got, err := part("s3.sh", "start", runDir, fmt.Sprint(freePort()), s3Bucket)
	if err != nil {
		return "", err
	}
	return got["s3"], errors.Join(os.Setenv("AWS_ACCESS_KEY_ID", "anabranch"), os.Setenv("AWS_SECRET_ACCESS_KEY", "anabranch-secret"))
})

// stopParts stops what was started; stopping what was not is harmless.
func stopParts() error {
	_, err1 := part("apicurio.sh", "stop", runDir, "registry-"+west)
	_, err2 := part("apicurio.sh", "stop", runDir, "registry-"+east)
	_, err3 := part("s3.sh", "stop", runDir)
	_, err4 := part("kafka.sh", "stop", runDir)
	return errors.Join(err1, err2, err3, err4)
}

// realKafka is the address of each region's cluster.
func realKafka(t *testing.T) map[string]string { t.Helper(); return started(t, startKafka) }

// realRegistries is the URL of each region's registry.
func realRegistries(t *testing.T) map[string]string { t.Helper(); return started(t, startRegistries) }

// realS3 is the endpoint of the S3 server; credentials are in the environment.
func realS3(t *testing.T) string { t.Helper(); return started(t, startS3) }

func started[T any](t *testing.T, start func() (T, error)) T {
	t.Helper()
	v, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

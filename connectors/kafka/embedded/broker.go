package embedded

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Config says where a broker lives. The zero value is a broker in memory on a
// free port of the loopback interface.
type Config struct {
	// Dir holds the log; it is created if missing. Empty: the log is kept in
	// memory and ends with the broker.
	Dir string

	// Addr is the host:port to listen on; port 0 means any free one. Default
	// 127.0.0.1:0. To keep an address over restarts pass what Broker.Addr said.
	Addr string

	// Advertise is the host:port that clients are told to connect to. Default:
	// the address listened on. Needed when listening on all interfaces.
	Advertise string

	// ClusterID names a new cluster; a directory keeps the id that it was created
	// with. Default: 16 random bytes in base64url, as Apache Kafka does.
	ClusterID string

	// Partitions is the partition count of topics that are created without
	// one. Default 1, as Apache Kafka.
	Partitions int

	// Now is the clock of append times. Default time.Now.
	Now func() time.Time

	// TLS encrypts the listener. Default: plain text.
	TLS *tls.Config

	// Users must authenticate if there are any. Default: anyone may do all.
	Users []User

	// Listen opens the listener. Default net.Listen.
	Listen func(network, address string) (net.Listener, error)

	// Warn takes the broker's own complaints, one line each; it must not
	// block. Default: they are dropped.
	Warn func(line string)
}

// User may log in with SASL.
type User struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	Name      string
	Password  string
}

// Broker is one running broker: a cluster of one node.
type Broker struct {
	cluster *kfake.Cluster
	ln      *listener
	lock    *os.File // nil in memory
	stamper stamper
	once    sync.Once
}

// Open starts a broker, with everything that the directory holds. It listens
// when it returns. An error of type *InUseError says that the directory has a
// broker already.
func Open(cfg Config) (*Broker, error) {
	b, err := open(cfg)
	if err != nil {
		where := cfg.Dir
		if where == "" {
			where = "in memory"
		}
		return nil, fmt.Errorf("open broker %s: %w", where, err)
	}
	return b, nil
}

func open(cfg Config) (_ *Broker, err error) {
	b := &Broker{}
	defer func() {
		if err != nil {
			b.release()
		}
	}()
	if cfg.Dir != "" {
		if b.lock, err = lockDir(cfg.Dir); err != nil {
			return nil, err
		}
	}
	topics, err := storedTopics(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if b.ln, err = listen(cfg); err != nil {
		return nil, err
	}
	if b.cluster, err = kfake.NewCluster(b.options(cfg)...); err != nil {
		return nil, err
	}
	b.stamper.now = cfg.Now
	if b.stamper.now == nil {
		b.stamper.now = time.Now
	}
	b.stamper.last = b.newest(topics)
	b.govern()
	b.ln.open()
	return b, nil
}

func listen(cfg Config) (*listener, error) {
	addr, open := cfg.Addr, cfg.Listen
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	if open == nil {
		open = net.Listen
	}
	ln, err := open("tcp", addr)
	if err != nil {
		return nil, err
	}
	if cfg.TLS != nil {
		ln = tls.NewListener(ln, cfg.TLS)
	}
	var advertise net.Addr
	if cfg.Advertise != "" {
		advertise = hostPort(cfg.Advertise)
	}
	return newListener(ln, advertise), nil
}

func (b *Broker) options(cfg Config) []kfake.Opt {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID(clusterID(cfg)),
		kfake.DefaultNumPartitions(max(cfg.Partitions, 1)),
		kfake.BrokerConfigs(brokerSettings()),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return b.ln, nil }),
	}
	if cfg.Dir != "" {
		opts = append(opts, kfake.DataDir(cfg.Dir), kfake.SyncWrites())
	}
	if len(cfg.Users) > 0 {
		opts = append(opts, kfake.EnableSASL())
	}
	for _, u := range cfg.Users {
		opts = append(opts, kfake.Superuser(u.Mechanism, u.Name, u.Password))
	}
	if cfg.Warn != nil {
		opts = append(opts, kfake.WithLogger(warner(cfg.Warn)))
	}
	return opts
}

func clusterID(cfg Config) string {
	if cfg.ClusterID != "" {
		return cfg.ClusterID
	}
	var id [16]byte
	rand.Read(id[:]) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// Addr is the host:port that clients connect to.
func (b *Broker) Addr() string { return b.ln.Addr().String() }

// Close stops listening, drops the connections, writes what speeds up the next
// start and frees the directory. It may be called more than once.
func (b *Broker) Close() {
	b.once.Do(b.release)
}

func (b *Broker) release() {
	if b.cluster != nil {
		b.cluster.Close()
	}
	if b.ln != nil {
		b.ln.Close()
	}
	if b.lock != nil {
		b.lock.Close()
	}
}

// storedTopics lists the topics in a directory, which the cluster can be asked
// about only by name.
func storedTopics(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(filepath.Join(dir, "topics.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read topics: %w", err)
	}
	var stored struct {
		Topics []struct {
			Name string `json:"name"`
		} `json:"topics"`
	}
	if err := json.Unmarshal(raw, &stored); err != nil {
		return nil, fmt.Errorf("read topics: %w", err)
	}
	names := make([]string, 0, len(stored.Topics))
	for _, t := range stored.Topics {
		names = append(names, t.Name)
	}
	return names, nil
}

// newest is the greatest append time in the log, 0 for an empty one.
func (b *Broker) newest(topics []string) int64 {
	var ms int64
	for _, t := range topics {
		for _, p := range b.cluster.PartitionInfos(t) {
			ms = max(ms, p.MaxTimestamp)
		}
	}
	return ms
}

// warner is a logger that keeps warnings and errors.
type warner func(string)

func (warner) Level() kfake.LogLevel { return kfake.LogLevelWarn }

func (w warner) Logf(level kfake.LogLevel, format string, args ...any) {
	if level != kfake.LogLevelNone && level <= kfake.LogLevelWarn {
		w(fmt.Sprintf(format, args...))
	}
}

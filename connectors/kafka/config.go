package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Config says how to reach a cluster and how Client.Produce behaves.
type Config struct {
	Brokers  []string // host:port of at least one broker
	ClientID string   // default "anabranch"
	TLS      TLS
	SASL     SASL

	// Compression of what Client.Produce sends. Default none.
	Compression Compression

	// Linger is how long Client.Produce waits for more records to send along.
	// Default 0: none.
	Linger time.Duration

	// MaxBatchBytes bounds a batch that Client.Produce sends, and so a record.
	// Default 1,000,012, just what brokers accept by default; a topic's
	// max.message.bytes must allow more.
	MaxBatchBytes int32

	// Dialer opens connections. Default a net.Dialer with a 10 s timeout.
	// TLS is put on top of what it returns.
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
}

// TLS encrypts the connections; the zero value does not.
type TLS struct {
	Enabled    bool
	CAFile     string // PEM of the authorities to trust. Default the system's
	CertFile   string // PEM of the client's certificate, with KeyFile
	KeyFile    string
	ServerName string // expected in the broker's certificate. Default the host dialled
}

// SASL authenticates the client; the zero value does not.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	Username  string
	Password  string
}

// Compression is a codec for record batches.
type Compression struct {
	Codec string // "" or none, lz4, zstd
	Level int    // zstd: 1 to 22, default 3; otherwise ignored
}

// Validate checks what can be checked without reading a file.
func (c Config) Validate() error {
	if len(c.Brokers) == 0 {
		return errors.New("kafka config: no brokers")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return errors.New("kafka config: a client certificate needs both its file and its key file")
	}
	if c.Linger < 0 {
		return fmt.Errorf("kafka config: linger %v is negative", c.Linger)
	}
	if _, err := c.SASL.option(); err != nil {
		return err
	}
	_, err := c.Compression.codec()
	return err
}

// options are the settings that every connection shares.
func (c Config) options() ([]kgo.Opt, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	dial, err := c.dial()
	if err != nil {
		return nil, err
	}
	id := c.ClientID
	if id == "" {
		id = "anabranch"
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.DisableClientMetrics(), // closing would wait for brokers that are away
		kgo.ClientID(id),
		kgo.Dialer(dial),
		kgo.MetadataMinAge(metadataMinAge),
		kgo.RetryBackoffFn(backoff),
	}
	sasl, err := c.SASL.option()
	if sasl != nil {
		opts = append(opts, sasl)
	}
	return opts, err
}

// metadataMinAge bounds how old an answer about topics may be: a recreated
// topic must not be seen under its old id.
const metadataMinAge = 100 * time.Millisecond

// backoff is the wait before the n-th retry.
func backoff(n int) time.Duration {
	return min(50*time.Millisecond<<min(n, 6), 2*time.Second)
}

func (c Config) dial() (func(context.Context, string, string) (net.Conn, error), error) {
	dial := c.Dialer
	if dial == nil {
		dial = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	}
	if !c.TLS.Enabled {
		return dial, nil
	}
	conf, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return handshake(ctx, conn, conf, addr)
	}, nil
}

func handshake(ctx context.Context, conn net.Conn, conf *tls.Config, addr string) (net.Conn, error) {
	if conf.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			conn.Close()
			return nil, err
		}
		conf = conf.Clone()
		conf.ServerName = host
	}
	secure := tls.Client(conn, conf)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

func (t TLS) config() (*tls.Config, error) {
	conf := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kafka config: read CA file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka config: CA file %s: no PEM certificate in it", t.CAFile)
		}
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("kafka config: read client certificate: %w", err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	return conf, nil
}

func (s SASL) option() (kgo.Opt, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return kgo.SASL(plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism()), nil
	case "SCRAM-SHA-256":
		return kgo.SASL(scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism()), nil
	case "SCRAM-SHA-512":
		return kgo.SASL(scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism()), nil
	}
	return nil, fmt.Errorf("kafka config: SASL mechanism %q: allowed are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", s.Mechanism)
}

func (c Compression) codec() (kgo.CompressionCodec, error) {
	switch c.Codec {
	case "", "none":
		return kgo.NoCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "zstd":
		level := c.Level
		if level == 0 {
			level = 3
		}
		if level < 1 || level > 22 {
			return kgo.CompressionCodec{}, fmt.Errorf("kafka config: zstd level %d is not in 1 to 22", level)
		}
		return kgo.ZstdCompression().WithLevel(level), nil
	}
	return kgo.CompressionCodec{}, fmt.Errorf("kafka config: compression %q: allowed are none, lz4, zstd", c.Codec)
}

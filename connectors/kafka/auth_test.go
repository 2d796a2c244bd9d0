package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka/embedded"
)

func TestSASL(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			b := broker(t, embedded.Config{Users: []embedded.User{{Mechanism: mechanism, Name: "ada", Password: "secret"}}})
			as := func(s SASL) *Client {
				return dial(t, b, func(cfg *Config) { cfg.SASL = s })
			}
			c := as(SASL{mechanism, "ada", "secret"})
			create(t, c, "t", 1)
			write(t, c, numbered(0, 0, 3)...)
			gather(t, read(t, c, Assignment{Topic: "t"}), 3)

			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			if err := as(SASL{mechanism, "ada", "wrong"}).Ping(ctx); err == nil {
				t.Error("a wrong password was accepted")
			}
		})
	}
}

func TestTLSWithClientCertificate(t *testing.T) {
	dir := t.TempDir()
	ca, caKey := certificate(t, dir, "ca", nil, nil)
	certificate(t, dir, "server", ca, caKey)
	certificate(t, dir, "client", ca, caKey)
	file := func(name string) string { return filepath.Join(dir, name) }
	pair, err := tls.LoadX509KeyPair(file("server.pem"), file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	b := broker(t, embedded.Config{TLS: &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	with := func(conf TLS) *Client {
		return dial(t, b, func(cfg *Config) { cfg.TLS = conf })
	}
	good := TLS{Enabled: true, CAFile: file("ca.pem"), CertFile: file("client.pem"), KeyFile: file("client.key")}
	c := with(good)
	create(t, c, "t", 1)
	write(t, c, numbered(0, 0, 3)...)
	for _, r := range gather(t, read(t, c, Assignment{Topic: "t"}), 3)["t-0"] {
		if !r.LogAppend {
			t.Error("not stamped through TLS")
		}
	}
	for name, conf := range map[string]TLS{
		"no client certificate": {Enabled: true, CAFile: file("ca.pem")},
		"unknown authority":     {Enabled: true, CertFile: file("client.pem"), KeyFile: file("client.key")},
		"other name":            {Enabled: true, CAFile: file("ca.pem"), CertFile: file("client.pem"), KeyFile: file("client.key"), ServerName: "other"},
		"plain text":            {},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		if err := with(conf).Ping(ctx); err == nil {
			t.Errorf("%s: connected", name)
		}
		cancel()
	}
}

// certificate writes NAME.pem and NAME.key, signed by ca or by itself.
func certificate(t *testing.T, dir, name string, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: ca == nil, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ca == nil {
		ca, caKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for ext, block := range map[string]*pem.Block{
		".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "EC PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name+ext), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed, key
}

func TestConfigIsValidated(t *testing.T) {
	ok := Config{Brokers: []string{"h:1"}}
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Config){
		"no brokers":       func(c *Config) { c.Brokers = nil },
		"client certif":    func(c *Config) { c.TLS.CertFile = "x" },
		"linger":           func(c *Config) { c.Linger = -1 },
		`"GSSAPI"`:         func(c *Config) { c.SASL.Mechanism = "GSSAPI" },
		`"brotli"`:         func(c *Config) { c.Compression.Codec = "brotli" },
		"zstd level 99":    func(c *Config) { c.Compression = Compression{"zstd", 99} },
		"read CA file":     func(c *Config) { c.TLS = TLS{Enabled: true, CAFile: "/nonexistent"} },
		"no PEM certifica": func(c *Config) { c.TLS = TLS{Enabled: true, CAFile: os.DevNull} },
	} {
		c := ok
		change(&c)
		if _, err := Dial(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

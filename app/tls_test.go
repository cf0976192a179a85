package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// writePair puts a new certificate with the serial number in place, as a renewal does, with files of that age.
func writePair(t *testing.T, cfg TLS, serial int64, written time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"gatewatch.test"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cfg.Certificate: {Type: "CERTIFICATE", Bytes: cert}, cfg.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, written, written); err != nil {
			t.Fatal(err)
		}
	}
}

// A renewed certificate is served without a restart, also when its files are older than the ones before; half a renewal
// leaves the former one in place, and connections that are open go on.
func TestCertificateIsReadAgain(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	cfg := TLS{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	if _, err := withTLS(plain, cfg); err == nil {
		t.Fatal("it begins without a certificate")
	}
	writePair(t, cfg, 1, now)
	l, err := withTLS(plain, cfg)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = c.(*tls.Conn).Handshake()
				_, _ = c.Write([]byte("x"))
				_, _ = c.Read(make([]byte, 1))
				_ = c.Close()
			}()
		}
	}()
	dial := func() *tls.Conn {
		t.Helper()
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test looks at the serial number itself
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	serial := func() int64 { return dial().ConnectionState().PeerCertificates[0].SerialNumber.Int64() }
	open := dial()
	for _, step := range []struct {
		what string
		make func()
		want int64
	}{
		{"the first", func() {}, 1},
		{"a newer one", func() { writePair(t, cfg, 2, now.Add(time.Hour)) }, 2},
		{"one with older files", func() { writePair(t, cfg, 3, now.Add(-24*time.Hour)) }, 3},
		{"half a renewal", func() {
			if err := os.WriteFile(cfg.Certificate, []byte("-----BEGIN CERT"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, 3},
		{"a file that is gone", func() {
			if err := os.Remove(cfg.Key); err != nil {
				t.Fatal(err)
			}
		}, 3},
		{"a whole one again", func() { writePair(t, cfg, 4, now) }, 4},
	} {
		if step.make(); serial() != step.want {
			t.Errorf("%s: another certificate is served than %d", step.what, step.want)
		}
	}
	if _, err := open.Read(make([]byte, 1)); err != nil {
		t.Errorf("the connection from before: %v", err)
	}
	if c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil { //nolint:gosec // it is to be refused
		_ = c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

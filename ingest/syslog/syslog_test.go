package syslog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/ingest/spool"
	"github.com/gatewatch/gatewatch/parsers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink keeps what was written, each place once, as the committer does.
type sink struct {
	mu     sync.Mutex
	paths  []string
	source map[string]int
	seen   map[string]bool
	fail   error
}

func (s *sink) Write(_ context.Context, b *ingest.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	for _, ev := range b.Events {
		place := fmt.Sprint(b.Source, b.Generation, ev.Position)
		if s.seen[place] {
			continue
		}
		s.seen[place] = true
		s.paths = append(s.paths, strings.Clone(ev.Path))
		s.source[b.Source]++
	}
	return nil
}

func (s *sink) wait(t *testing.T, want int) []string {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		got := slices.Clone(s.paths)
		s.mu.Unlock()
		if len(got) >= want {
			return got
		}
	}
	t.Fatalf("%d events, want %d", len(s.paths), want)
	return nil
}

func newSink() *sink { return &sink{source: map[string]int{}, seen: map[string]bool{}} }

// start runs a server with one listener.
func start(t *testing.T, network, dir string, to *sink, reg prometheus.Registerer, change func(*Listener)) (addr string, stop func()) {
	t.Helper()
	l := Listener{
		Name: "edge", Network: network, Address: "127.0.0.1:0", Service: "shop", Spool: spool.Options{Dir: dir},
		NewParser: func() (parsers.Parser, error) {
			return parsers.NewWrapped("syslog", parsers.Spec{Name: "auto"}, parsers.Options{})
		},
	}
	if change != nil {
		change(&l)
	}
	s, err := New(Options{Listeners: []Listener{l}, Sink: to, Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	return s.Addr("edge").String(), func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func nginxLine(n int) string {
	return fmt.Sprintf(`<190>Mar 10 13:55:36 web-%d nginx: 203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /p%d HTTP/1.1" 200 512 "-" "curl/8.5.0"`, n%2+1, n)
}

func TestUDP(t *testing.T) {
	to := newSink()
	reg := prometheus.NewRegistry()
	addr, stop := start(t, "udp", t.TempDir(), to, reg, nil)
	defer stop()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for i := range 200 {
		if _, err := fmt.Fprint(c, nginxLine(i)); err != nil {
			t.Fatal(err)
		}
	}
	got := to.wait(t, 200)
	if len(got) != 200 {
		t.Errorf("%d events", len(got))
	}
	if to.source["edge:web-1"] != 100 || to.source["edge:web-2"] != 100 {
		t.Errorf("sources %v", to.source)
	}
}

// TestTCP: newline framing and octet counting in one stream, a last message without its end.
func TestTCP(t *testing.T) {
	to := newSink()
	addr, stop := start(t, "tcp", t.TempDir(), to, nil, nil)
	defer stop()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	current := `<190>1 2025-03-10T13:55:37.120Z lb-9.example.com nginx 31 - - 203.0.113.9 - - [10/Mar/2025:13:55:37 +0000] "GET /p2 HTTP/1.1" 200 512 "-" "curl/8.5.0"`
	_, err = fmt.Fprintf(c, "%s\n%d %s%d %s\n%s", nginxLine(0), len(nginxLine(1)), nginxLine(1), len(current), current, nginxLine(3))
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	got := to.wait(t, 4)
	slices.Sort(got)
	if !slices.Equal(got, []string{"/p0", "/p1", "/p2", "/p3"}) {
		t.Errorf("got %q", got)
	}
	if to.source["edge:lb-9.example.com"] != 1 {
		t.Errorf("sources %v", to.source)
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	to := newSink()
	addr, stop := start(t, "tls", t.TempDir(), to, nil, func(l *Listener) {
		l.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	})
	defer stop()
	c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(c, "%d %s", len(nginxLine(7)), nginxLine(7))
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	if got := to.wait(t, 1); got[0] != "/p7" {
		t.Errorf("got %q", got)
	}
}

// TestStoreAway: what comes while the store is away is kept over a restart, in full and once; what no longer fits is
// counted.
func TestStoreAway(t *testing.T) {
	to := newSink()
	to.fail = errors.New("away")
	dir := t.TempDir()
	reg := prometheus.NewRegistry()
	addr, stop := start(t, "udp", dir, to, reg, func(l *Listener) { l.Spool.MaxBytes = 8000 })
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	const sent = 100
	for i := range sent {
		if _, err := fmt.Fprint(c, nginxLine(i)); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	count := func(name string) float64 {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == name {
				return f.GetMetric()[0].GetCounter().GetValue()
			}
		}
		return 0
	}
	for end := time.Now().Add(time.Minute); count("gatewatch_syslog_received_total") < sent && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	dropped := int(count("gatewatch_syslog_dropped_total"))
	stop()
	if dropped < 20 || dropped > 80 {
		t.Errorf("%d dropped", dropped)
	}
	to.mu.Lock()
	to.fail = nil
	to.mu.Unlock()
	_, stop = start(t, "udp", dir, to, nil, nil)
	defer stop()
	if got := to.wait(t, sent-dropped); len(got) != sent-dropped {
		t.Errorf("%d events of %d that were kept", len(got), sent-dropped)
	}
}

func TestHost(t *testing.T) {
	h := newHeader()
	for line, want := range map[string]string{
		nginxLine(1): "web-2",
		`<134>Mar 10 13:55:36 haproxy[31]: 203.0.113.9:1 [10/Mar/2025:13:55:36.120] fe be/s 0/0/0/5/5 200 1 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"`: "",
		`<134>Mar 10 13:55:36 LB-1 haproxy[31]: 203.0.113.9:1 [10/Mar/2025:13:55:36.120] fe`:                                                         "lb-1",
		`<190>1 2025-03-10T13:55:37Z web.example.com nginx - - - x`:                                                                                  "web.example.com",
		`<190>1 2025-03-10T13:55:37Z - nginx - - - x`:                                                                                                "",
		`<190>2025-03-10T13:55:37+01:00 10.0.0.7 nginx: x`:                                                                                           "10.0.0.7",
		`no header at all`: "",
		``:                 "",
		`<`:                "",
	} {
		if got := h.host(line); got != want {
			t.Errorf("%q: host %q, want %q", line, got, want)
		}
	}
}

// FuzzFrames: any stream ends, no message is beyond the bound or holds a line end, and its host is a plain word.
func FuzzFrames(f *testing.F) {
	f.Add(nginxLine(1) + "\n12 <1>hello wor" + "9999999999 x")
	f.Add("5 <1>a\n3 ab")
	f.Add("\x00\x00 10")
	h := newHeader()
	f.Fuzz(func(t *testing.T, stream string) {
		fr := newFrames(strings.NewReader(stream))
		for n := 0; ; n++ {
			line, err := fr.next()
			if len(line) > maxMessage || strings.ContainsAny(line, "\n\r") {
				t.Fatalf("message %q", line[:min(len(line), 100)])
			}
			if host := h.host(line); host != "" && !plainHost(host) {
				t.Fatalf("host %q", host)
			}
			if at, peer, back, err := decode(encode(time.Unix(0, 7), "203.0.113.9", line)); err != nil || back != line || peer != "203.0.113.9" || at.UnixNano() != 7 {
				t.Fatalf("record %v %q %q", err, peer, back)
			}
			if err != nil {
				if n > len(stream)+1 {
					t.Fatal("more messages than bytes")
				}
				return
			}
		}
	})
}

package store

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func TestParseDSN(t *testing.T) {
	f := func(dsn string, protocol clickhouse.Protocol, tls bool, addr ...string) {
		t.Helper()
		opt, err := parseDSN(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			return
		}
		if opt.Protocol != protocol || (opt.TLS != nil) != tls || !slices.Equal(opt.Addr, addr) {
			t.Errorf("%s: protocol %v, TLS %v, %q; want %v, %v, %q", dsn, opt.Protocol, opt.TLS != nil, opt.Addr, protocol, tls, addr)
		}
		if opt.Auth.Database != "db" || opt.Auth.Password != "p?w" {
			t.Errorf("%s: database %q, password %q", dsn, opt.Auth.Database, opt.Auth.Password)
		}
	}
	f("clickhouse://u:p%3Fw@host:9000/db", clickhouse.Native, false, "host:9000")
	f("clickhouse://u:p%3Fw@host/db", clickhouse.Native, false, "host:9000")
	f("clickhouse://u:p%3Fw@host/db?secure=true", clickhouse.Native, true, "host:9440")
	f("clickhouse://u:p%3Fw@a,b:9001/db", clickhouse.Native, false, "a:9000", "b:9001")
	f("http://u:p%3Fw@host/db", clickhouse.HTTP, false, "host:8123")
	f("https://u:p%3Fw@host/db", clickhouse.HTTP, true, "host:8443")
	f("https://u:p%3Fw@host:443/db?skip_verify=true", clickhouse.HTTP, true, "host:443")
	f("https://u:p%3Fw@host:8443/db?secure=true", clickhouse.HTTP, true, "host:8443")
	if _, err := parseDSN("https://u:p@host/db?secure=false"); err == nil {
		t.Error("https that is not secure is taken")
	}
}

// TestOpenOverHTTPS reaches the store behind a proxy with TLS, by a DSN as the documentation gives it.
func TestOpenOverHTTPS(t *testing.T) {
	cfg := testConfig(t)
	if cfg.DSN != "" {
		t.Skip("needs the embedded engine")
	}
	target := &url.URL{Scheme: "http", Host: cfg.Options.Addr[0]}
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	defer proxy.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	auth := url.UserPassword(cfg.Options.Auth.Username, cfg.Options.Auth.Password)
	dsn := fmt.Sprintf("https://%s@%s/default?skip_verify=true", auth, proxy.Listener.Addr())
	s, err := Open(t.Context(), Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

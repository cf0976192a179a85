package app

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// withTLS serves TLS on l. The certificate is read again when its files changed, so that a renewal needs no restart; a
// pair that cannot be read then leaves the former one in place.
func withTLS(l net.Listener, cfg TLS) (net.Listener, error) {
	c := &certificate{cfg: cfg}
	if _, err := c.get(nil); err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}), nil
}

type certificate struct {
	cfg TLS

	mu    sync.Mutex
	pair  *tls.Certificate
	files string // that it was read from, as they were
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	files, err := lookOf(c.cfg.Certificate, c.cfg.Key)
	if err == nil && files != c.files {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.cfg.Certificate, c.cfg.Key); err == nil {
			c.pair, c.files = &pair, files
		}
	}
	if c.pair == nil {
		return nil, fmt.Errorf("tls: certificate %s with key %s: %w", c.cfg.Certificate, c.cfg.Key, err)
	}
	return c.pair, nil
}

// lookOf tells whether files are others than before: a renewal may bring files that are older than the ones in use.
func lookOf(paths ...string) (string, error) {
	var look strings.Builder
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&look, "%s %d\n", info.ModTime().Format(time.RFC3339Nano), info.Size())
	}
	return look.String(), nil
}

package app

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
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

	mu      sync.Mutex
	pair    *tls.Certificate
	changed time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	newest, err := newestOf(c.cfg.Certificate, c.cfg.Key)
	if err == nil && newest.After(c.changed) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.cfg.Certificate, c.cfg.Key); err == nil {
			c.pair, c.changed = &pair, newest
		}
	}
	if c.pair == nil {
		return nil, fmt.Errorf("tls: certificate %s with key %s: %w", c.cfg.Certificate, c.cfg.Key, err)
	}
	return c.pair, nil
}

func newestOf(paths ...string) (newest time.Time, err error) {
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return newest, err
		}
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest, nil
}

package app

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// lockDir makes sure that one server only uses the data directory; the lock goes with the process.
func lockDir(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("%s is in use by another gatewatch: stop that one, or give --data-dir another directory", dir)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// LockDataDir is for commands that work on the data directory of a server that does not run. The directory must exist.
func LockDataDir(dir string) (unlock func() error, err error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("data directory: %w (--data-dir names the server's)", err)
	}
	return lockDir(dir)
}

// holderName names an installation among those that share a store: the same after a restart, another for a copy of the data
// directory.
func holderName(secret []byte, dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte("holder " + dir)) // a hash takes all
	return "server-" + hex.EncodeToString(mac.Sum(nil)[:6])
}

const secretBytes = 32

// installationSecret reads the secret under which sessions and API keys are hashed, and makes it at the first start.
// With another secret every session has another name, so that a damaged file is an error and not a new beginning.
func installationSecret(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		secret := make([]byte, secretBytes)
		if _, err := rand.Read(secret); err != nil {
			return nil, fmt.Errorf("make the installation's secret: %w", err)
		}
		if err := renameio.WriteFile(path, []byte(hex.EncodeToString(secret)+"\n"), 0o600); err != nil {
			return nil, fmt.Errorf("save the installation's secret: %w", err)
		}
		return secret, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the installation's secret: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) < secretBytes {
		return nil, fmt.Errorf("the installation's secret %s is damaged: want %d hex digits; restore it, or remove it to "+
			"begin anew (sessions and API keys will have new names)", path, 2*secretBytes)
	}
	return secret, nil
}

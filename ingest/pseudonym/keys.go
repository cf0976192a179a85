package pseudonym

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/nacl/box"
)

// NewKey returns a new pseudonym key as a key file holds it.
func NewKey() string {
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // it never fails
	return hex.EncodeToString(secret) + "\n"
}

// NewRevealKey returns a new pair: the recipient, which the configuration names, and the reveal key, which its owner keeps
// away from the servers. Both are 64 hex digits of X25519 keys.
func NewRevealKey() (recipient, reveal string, err error) {
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a reveal key: %w", err)
	}
	return hex.EncodeToString(public[:]), hex.EncodeToString(private[:]) + "\n", nil
}

func parsePublic(text string) (*[32]byte, error) {
	b, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(b) != 32 {
		return nil, fmt.Errorf("%.80q: want the 64 hex digits that `gatewatch privacy keygen` prints", text)
	}
	return (*[32]byte)(b), nil
}

// Opener opens boxes.
type Opener struct{ public, private [32]byte }

// NewOpener takes the text of a reveal key.
func NewOpener(reveal string) (*Opener, error) {
	b, err := hex.DecodeString(strings.TrimSpace(reveal))
	if err != nil || len(b) != 32 {
		return nil, errors.New("the reveal key is damaged: want 64 hex digits")
	}
	public, err := curve25519.X25519(b, curve25519.Basepoint)
	if err != nil {
		return nil, fmt.Errorf("the reveal key is damaged: %w", err)
	}
	return &Opener{public: [32]byte(public), private: [32]byte(b)}, nil
}

// Open returns the identity in the box.
func (o *Opener) Open(s Sealed) (string, error) {
	value, ok := box.OpenAnonymous(nil, s.Box, &o.public, &o.private)
	if !ok {
		return "", fmt.Errorf("%s was sealed for another reveal key, or its box is damaged", s.Pseudonym)
	}
	return string(value), nil
}

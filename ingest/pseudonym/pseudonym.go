// Package pseudonym owns the names under which identities are stored when their owner does not want them in the store: a
// keyed hash of the identity, and beside it the identity sealed for the owner's own key. Who holds the store and the
// server's key can tell that two requests are of one identity, and cannot read whose; who holds the reveal key can.
//
// It must be deterministic: one identity under one key has one pseudonym on every agent and server that has the key.
package pseudonym

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/crypto/nacl/box"

	"github.com/gatewatch/gatewatch/ingest/recent"
)

// Config says under which keys identities get other names.
type Config struct {
	// KeyFiles hold 64 hex digits each, the same on every agent and server. The first makes pseudonyms; the others made
	// them before, and are kept so that an identity is found under its older names (erasure). Needed when
	// identity.pseudonymise names something.
	KeyFiles []string `yaml:"key_files"`
	// Recipient is the public key, 64 hex digits, for which identities are sealed. `gatewatch privacy keygen` makes it
	// with its private half, the reveal key, which no server needs. Empty: nobody can reverse a pseudonym.
	Recipient string `yaml:"recipient"`
}

// Validate returns every fault that can be seen without opening the files.
func (c Config) Validate() (faults []error) {
	for i, f := range c.KeyFiles {
		if strings.TrimSpace(f) == "" {
			faults = append(faults, fmt.Errorf("privacy.key_files[%d]: empty: want the path of a file with %d hex digits", i, 2*keyBytes))
		}
	}
	if c.Recipient != "" {
		if _, err := parsePublic(c.Recipient); err != nil {
			faults = append(faults, fmt.Errorf("privacy.recipient: %w", err))
		}
		if len(c.KeyFiles) == 0 {
			faults = append(faults, errors.New("privacy.recipient: there is nothing to seal without privacy.key_files"))
		}
	}
	return faults
}

const keyBytes = 32

// Kinds of identity.
const (
	KindUser     = "user"
	KindClientIP = "client_ip"
)

// Sealed is an identity that only the reveal key opens, beside the name under which it is stored.
type Sealed struct {
	Pseudonym string `json:"pseudonym"`
	Kind      string `json:"kind"`
	Box       []byte `json:"box"` // NaCl anonymous box of the identity's text
}

// maxBox bounds a box, in bytes: identities are cut long before.
const maxBox = 2048

// Validate returns what is wrong with a Sealed that came from elsewhere.
func (s Sealed) Validate() error {
	switch {
	case !IsPseudonym(s.Pseudonym):
		return errors.New("pseudonym: want one that gatewatch made")
	case s.Kind != KindUser && s.Kind != KindClientIP:
		return fmt.Errorf("kind: want %s or %s", KindUser, KindClientIP)
	case len(s.Box) <= box.AnonymousOverhead || len(s.Box) > maxBox:
		return fmt.Errorf("box: %d bytes: want %d to %d", len(s.Box), box.AnonymousOverhead+1, maxBox)
	}
	return nil
}

var userPseudonym = regexp.MustCompile(`^pn_[0-9a-f]{4}_[0-9a-hjkmnp-tv-z]{26}$`)

// IsPseudonym reports whether a name has the form of a pseudonym.
func IsPseudonym(name string) bool {
	if userPseudonym.MatchString(name) {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && clientPrefix.Contains(addr)
}

var clientPrefix = netip.MustParsePrefix("fd67::/16")

// Maker makes pseudonyms. It is safe for concurrent use.
type Maker struct {
	keys      []key
	recipient *[32]byte

	mu      sync.Mutex
	known   *recent.Map[string, struct{}] // pseudonyms whose box is stored
	pending map[string]Sealed             // made and not stored yet
}

// key is a secret and its short name, which every pseudonym carries.
type key struct {
	secret []byte
	id     [2]byte
}

// remembered bounds the pseudonyms that a Maker knows to be stored; others are sealed and stored again.
const remembered = 200_000

// New reads the key files. It returns nil without a fault when there are none.
func New(cfg Config) (*Maker, error) {
	if faults := cfg.Validate(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if len(cfg.KeyFiles) == 0 {
		return nil, nil //nolint:nilnil // no pseudonyms are wanted
	}
	m := &Maker{known: recent.New[string, struct{}](remembered), pending: map[string]Sealed{}}
	for _, name := range cfg.KeyFiles {
		text, err := os.ReadFile(name) //nolint:gosec // the operator names it
		if err != nil {
			return nil, fmt.Errorf("read the pseudonym key: %w", err)
		}
		secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil || len(secret) != keyBytes {
			return nil, fmt.Errorf("the pseudonym key %s is damaged: want %d hex digits", name, 2*keyBytes)
		}
		sum := sha256.Sum256(append([]byte("gatewatch pseudonym key id\x00"), secret...))
		m.keys = append(m.keys, key{secret: secret, id: [2]byte(sum[:2])})
	}
	if cfg.Recipient != "" {
		public, err := parsePublic(cfg.Recipient)
		if err != nil {
			return nil, err
		}
		m.recipient = public
	}
	return m, nil
}

var digits = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// sum is HMAC-SHA256 over the kind and the identity.
func (k key) sum(kind, value string) []byte {
	h := hmac.New(sha256.New, k.secret)
	_, _ = h.Write([]byte(kind + "\x00" + value)) // a hash never fails
	return h.Sum(nil)
}

// user is pn_, the key's id in hex, _, and 128 bits of the sum in base 32: 34 characters.
func (k key) user(name string) string {
	return "pn_" + hex.EncodeToString(k.id[:]) + "_" + digits.EncodeToString(k.sum(KindUser, name)[:16])
}

// clientIP is an address of fd67::/16 (unique local addresses, RFC 4193): the key's id, then 96 bits of the sum.
func (k key) clientIP(addr netip.Addr) netip.Addr {
	out := [16]byte{0xfd, 0x67, k.id[0], k.id[1]}
	copy(out[4:], k.sum(KindClientIP, addr.Unmap().WithZone("").String()))
	return netip.AddrFrom16(out)
}

// User returns the pseudonym of a user, and keeps the user sealed until Stored is told.
func (m *Maker) User(name string) string {
	p := m.keys[0].user(name)
	m.seal(p, KindUser, name)
	return p
}

// ClientIP returns the pseudonym of an address: one of fd67::/16, which has neither geography nor network.
func (m *Maker) ClientIP(addr netip.Addr) netip.Addr {
	p := m.keys[0].clientIP(addr)
	m.seal(p.String(), KindClientIP, addr.Unmap().WithZone("").String())
	return p
}

// Names returns all names that an identity can have in the store: itself and its pseudonyms under every key, newest first.
// The error tells that an address is none.
func (m *Maker) Names(kind, value string) ([]string, error) {
	names := []string{value}
	if kind == KindClientIP {
		addr, err := netip.ParseAddr(value)
		if err != nil {
			return nil, fmt.Errorf("%.60q: want an address", value)
		}
		names[0] = addr.Unmap().WithZone("").String()
	}
	if m == nil {
		return names, nil
	}
	for _, k := range m.keys {
		if kind == KindClientIP {
			names = append(names, k.clientIP(netip.MustParseAddr(names[0])).String())
		} else {
			names = append(names, k.user(value))
		}
	}
	return names, nil
}

// Asker makes the same pseudonyms and seals nothing: for requests that are looked up and not stored.
func (m *Maker) Asker() *Maker { return &Maker{keys: m.keys} }

func (m *Maker) seal(pseudonym, kind, value string) {
	if m.recipient == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.known.Get(pseudonym); ok {
		return
	}
	if _, ok := m.pending[pseudonym]; ok {
		return
	}
	sealed, err := box.SealAnonymous(nil, []byte(value), m.recipient, rand.Reader)
	if err != nil { // the system's randomness never fails (crypto/rand), and nothing else can
		panic("seal an identity: " + err.Error())
	}
	m.pending[pseudonym] = Sealed{Pseudonym: pseudonym, Kind: kind, Box: sealed}
}

// Pending returns what is sealed and not stored yet. It is to be stored before the events that carry the pseudonyms are
// acknowledged.
func (m *Maker) Pending() []Sealed {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Sealed, 0, len(m.pending))
	for _, s := range m.pending {
		list = append(list, s)
	}
	return list
}

// Stored tells that these are durable.
func (m *Maker) Stored(list []Sealed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range list {
		delete(m.pending, s.Pseudonym)
		m.known.Put(s.Pseudonym, struct{}{})
	}
}

// Forget makes the Maker seal these again when they are seen again.
func (m *Maker) Forget(pseudonyms []string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range pseudonyms {
		delete(m.pending, p)
	}
	m.known.Clear()
}

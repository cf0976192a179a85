package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Key is an API key as people see it. The key itself is shown once, when it is made; what is kept is its SHA-256, which
// is enough for 256 random bits.
type Key struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Role     Role     `json:"role"`
	Services []string `json:"services,omitempty"` // that it is for, sorted; empty: all
	// RatePerSecond is how many requests it may make; 0: api.rate_per_second of the configuration.
	RatePerSecond float64 `json:"rate_per_second,omitempty"`

	Prefix    string    `json:"prefix"` // the key's beginning
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	LastUsed  time.Time `json:"last_used,omitzero"` // exact to a minute across restarts
}

// caller is who makes a request with the key.
func (k Key) caller() caller {
	who := caller{id: k.ID, name: k.Name, role: k.Role}
	if len(k.Services) > 0 {
		who.services = k.Services
	}
	return who
}

// KeyStore keeps the keys as versioned rows; *store.Store does.
type KeyStore interface {
	AppendKey(ctx context.Context, id string, version uint64, body []byte) error
	LoadKeys(ctx context.Context, each func(body []byte) error) error
}

// keyRow is what is stored of a key.
type keyRow struct {
	Key
	Version uint64 `json:"version"`
	Hash    string `json:"hash"` // SHA-256 of the whole key, hex
}

// Keys owns the API keys: their state in memory, every change in the store before it counts.
type Keys struct {
	store KeyStore
	now   func() time.Time

	write sync.Mutex // held over one change, so that a slow store keeps nobody from authenticating

	mu   sync.RWMutex // guards the maps; byID is written under write as well
	byID map[string]*keyRow
	used map[string]time.Time // last use, not yet stored
}

// ErrNoKey says that there is no key of that id.
var ErrNoKey = errors.New("no such key")

// errUnknownKey, errExpired and errRevoked are why a key is not accepted; clients only learn that it is not.
var (
	errUnknownKey = errors.New("unknown key")
	errExpired    = errors.New("expired key")
	errRevoked    = errors.New("revoked key")
)

// NewKeys loads the keys. now may be nil.
func NewKeys(ctx context.Context, st KeyStore, now func() time.Time) (*Keys, error) {
	if now == nil {
		now = time.Now
	}
	k := &Keys{store: st, now: now, byID: map[string]*keyRow{}, used: map[string]time.Time{}}
	err := st.LoadKeys(ctx, func(body []byte) error {
		var r keyRow
		if err := json.Unmarshal(body, &r); err != nil {
			return fmt.Errorf("decode key: %w", err)
		}
		k.byID[r.ID] = &r
		return nil
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// NewKey is what a key is made of.
type NewKey struct {
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Services  []string  `json:"services,omitempty"`  // that it may see and change; empty: all
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: never
	// RatePerSecond is how many requests it may make; 0: what the configuration says.
	RatePerSecond float64 `json:"rate_per_second,omitempty"`
}

// The limits that a key may have of its own, in requests a second.
const (
	leastRate = 0.1
	mostRate  = 100_000
)

// maxKeyName bounds a key's name, in bytes.
const maxKeyName = 100

// Create makes a key in the name of actor. The secret is shown to nobody again. Errors about n are *Problem.
func (k *Keys) Create(ctx context.Context, n NewKey, actor string) (key Key, secret string, err error) {
	if err := k.check(&n); err != nil {
		return Key{}, "", err
	}
	var random [36]byte
	if _, err := rand.Read(random[:]); err != nil {
		return Key{}, "", fmt.Errorf("make key: %w", err)
	}
	id := hex.EncodeToString(random[:4])
	prefix := "gw_" + id
	secret = prefix + "_" + base64.RawURLEncoding.EncodeToString(random[4:])
	r := &keyRow{Key: Key{
		ID: "key_" + id, Name: n.Name, Role: n.Role, Services: n.Services, RatePerSecond: n.RatePerSecond, Prefix: prefix,
		CreatedAt: k.now().UTC(), CreatedBy: actor, ExpiresAt: n.ExpiresAt.UTC(),
	}, Hash: hashKey(secret)}
	k.write.Lock()
	defer k.write.Unlock()
	if _, taken := k.byID[r.ID]; taken {
		return Key{}, "", fmt.Errorf("make key: the random id %s is taken; try again", r.ID)
	}
	if err := k.put(ctx, r); err != nil {
		return Key{}, "", err
	}
	return r.Key, secret, nil
}

// check tells what is wrong with n, and brings its services into order.
func (k *Keys) check(n *NewKey) (err error) {
	if n.Name == "" || len(n.Name) > maxKeyName || !utf8.ValidString(n.Name) ||
		strings.ContainsFunc(n.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return badField("name", fmt.Sprintf("want 1 to %d bytes of text without control characters", maxKeyName))
	}
	if _, err := ParseRole(string(n.Role)); err != nil {
		return badField("role", err.Error())
	}
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(k.now()) {
		return badField("expires_at", "want a time to come")
	}
	if r := n.RatePerSecond; r != 0 && (r < leastRate || r > mostRate) {
		return badField("rate_per_second", fmt.Sprintf("%v: want %v to %d requests a second, or 0 for what the configuration says", r, leastRate, mostRate))
	}
	n.Services, err = checkServices(n.Services)
	return err
}

// put stores the row's next version and then makes it current. The caller holds write.
func (k *Keys) put(ctx context.Context, r *keyRow) error {
	r.Version++
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	if err := k.store.AppendKey(ctx, r.ID, r.Version, body); err != nil {
		return fmt.Errorf("store key: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byID[r.ID] = r
	return nil
}

// EnsureAdmin makes an admin key when there is none that is good, and returns it: created tells whether it did.
func (k *Keys) EnsureAdmin(ctx context.Context) (secret string, created bool, err error) {
	for _, key := range k.List() {
		if key.Role == RoleAdmin && len(key.Services) == 0 && k.usable(key) == nil {
			return "", false, nil
		}
	}
	_, secret, err = k.Create(ctx, NewKey{Name: "first admin", Role: RoleAdmin}, "gatewatch")
	return secret, err == nil, err
}

// List returns all keys, revoked ones included, in order of creation.
func (k *Keys) List() []Key {
	k.mu.RLock()
	defer k.mu.RUnlock()
	list := make([]Key, 0, len(k.byID))
	for id, r := range k.byID {
		key := r.Key
		if t, ok := k.used[id]; ok {
			key.LastUsed = t
		}
		list = append(list, key)
	}
	slices.SortFunc(list, func(a, b Key) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// Revoke ends a key at once. Revoking it again changes nothing. The error is ErrNoKey for an unknown id.
func (k *Keys) Revoke(ctx context.Context, id string) (Key, error) {
	k.write.Lock()
	defer k.write.Unlock()
	have, ok := k.byID[id]
	if !ok {
		return Key{}, ErrNoKey
	}
	if !have.RevokedAt.IsZero() {
		return have.Key, nil
	}
	next := *have
	next.RevokedAt = k.now().UTC()
	if err := k.put(ctx, &next); err != nil {
		return Key{}, err
	}
	return next.Key, nil
}

// Authenticate returns the key that the secret belongs to, and notes its use.
func (k *Keys) Authenticate(secret string) (Key, error) {
	rest, ok := strings.CutPrefix(secret, "gw_")
	id, _, ok2 := strings.Cut(rest, "_")
	if !ok || !ok2 {
		return Key{}, errUnknownKey
	}
	k.mu.RLock()
	r, ok := k.byID["key_"+id]
	k.mu.RUnlock()
	if !ok || subtle.ConstantTimeCompare([]byte(hashKey(secret)), []byte(r.Hash)) != 1 {
		return Key{}, errUnknownKey
	}
	if err := k.usable(r.Key); err != nil {
		return Key{}, err
	}
	k.touch(r.ID)
	return r.Key, nil
}

// Good reports whether the key of that id may still be used.
func (k *Keys) Good(id string) bool {
	k.mu.RLock()
	r, ok := k.byID[id]
	k.mu.RUnlock()
	return ok && k.usable(r.Key) == nil
}

func (k *Keys) usable(key Key) error {
	switch {
	case !key.RevokedAt.IsZero():
		return errRevoked
	case !key.ExpiresAt.IsZero() && !key.ExpiresAt.After(k.now()):
		return errExpired
	}
	return nil
}

// touch notes a use, at most one a minute.
func (k *Keys) touch(id string) {
	now := k.now().UTC().Truncate(time.Minute)
	k.mu.RLock()
	last, ok := k.used[id]
	k.mu.RUnlock()
	if ok && !last.Before(now) {
		return
	}
	k.mu.Lock()
	k.used[id] = now
	k.mu.Unlock()
}

// Flush stores the uses that were noted since the last call.
func (k *Keys) Flush(ctx context.Context) error {
	k.write.Lock()
	defer k.write.Unlock()
	var changed []*keyRow
	k.mu.RLock()
	for id, t := range k.used {
		if r, ok := k.byID[id]; ok && t.After(r.LastUsed) {
			next := *r
			next.LastUsed = t
			changed = append(changed, &next)
		}
	}
	k.mu.RUnlock()
	for _, r := range changed {
		if err := k.put(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func hashKey(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

package pseudonym

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/ingest"
)

// keyFile holds one digit all over, so that pseudonyms are the same in every run.
func keyFile(t testing.TB, digit string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pseudonym.key")
	if err := os.WriteFile(name, []byte(strings.Repeat(digit, 64)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func newMaker(t testing.TB, cfg Config) *Maker {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The names are a format: another one would make strangers of everybody.
func TestNamesStay(t *testing.T) {
	m := newMaker(t, Config{KeyFiles: []string{keyFile(t, "1")}})
	if got := m.User("alice"); got != "pn_d871_jas32k3xbjcg9hw4e6v0y1785r" {
		t.Errorf("alice is %s", got)
	}
	for _, text := range []string{"203.0.113.9", "::ffff:203.0.113.9"} {
		if got := m.ClientIP(netip.MustParseAddr(text)).String(); got != "fd67:d871:458f:5598:51a7:f991:f8c1:a20f" {
			t.Errorf("%s is %s", text, got)
		}
	}
	if len(m.Pending()) != 0 {
		t.Error("without a recipient there is nothing to seal")
	}
}

// Whatever the identity, its pseudonym is one, says nothing of it, and opens again.
func TestOpensAgain(t *testing.T) {
	recipient, reveal, err := NewRevealKey()
	if err != nil {
		t.Fatal(err)
	}
	opener, err := NewOpener(reveal)
	if err != nil {
		t.Fatal(err)
	}
	key := keyFile(t, "2")
	rapid.Check(t, func(rt *rapid.T) {
		m := newMaker(t, Config{KeyFiles: []string{key}, Recipient: recipient})
		who := rapid.StringN(1, 200, 1000).Draw(rt, "user")
		name := m.User(who)
		if !IsPseudonym(name) || len(who) > 3 && strings.Contains(name, who) || m.User(who) != name {
			rt.Fatalf("%q is %s", who, name)
		}
		list := m.Pending()
		if len(list) != 1 || list[0].Validate() != nil {
			rt.Fatalf("%+v", list)
		}
		if got, err := opener.Open(list[0]); err != nil || got != who {
			rt.Fatalf("%q, %v; want %q", got, err, who)
		}
	})
	_, other, err := NewRevealKey()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := NewOpener(other)
	if err != nil {
		t.Fatal(err)
	}
	m := newMaker(t, Config{KeyFiles: []string{key}, Recipient: recipient})
	m.User("alice")
	if _, err := stranger.Open(m.Pending()[0]); err == nil {
		t.Error("another reveal key opened it")
	}
}

// After a rotation new names come from the new key, and the old ones are known still.
func TestRotation(t *testing.T) {
	before, after := keyFile(t, "3"), keyFile(t, "4")
	old := newMaker(t, Config{KeyFiles: []string{before}})
	m := newMaker(t, Config{KeyFiles: []string{after, before}})
	if m.User("alice") == old.User("alice") {
		t.Error("the new key changes nothing")
	}
	names, err := m.Names(KindUser, "alice")
	if want := []string{"alice", m.User("alice"), old.User("alice")}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%v, %v; want %v", names, err, want)
	}
	names, err = m.Names(KindClientIP, "::ffff:203.0.113.9")
	addr := netip.MustParseAddr("203.0.113.9")
	if want := []string{addr.String(), m.ClientIP(addr).String(), old.ClientIP(addr).String()}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%v, %v; want %v", names, err, want)
	}
	if _, err := m.Names(KindClientIP, "alice"); err == nil {
		t.Error("alice is no address")
	}
	if names, err := (*Maker)(nil).Names(KindUser, "alice"); err != nil || !slices.Equal(names, []string{"alice"}) {
		t.Errorf("without keys: %v, %v", names, err)
	}
}

// keeper is a store that can be down.
type keeper struct {
	fault  error
	kept   []Sealed
	writes int
}

func (k *keeper) KeepIdentities(_ context.Context, list []Sealed) error {
	if k.fault == nil {
		k.kept = append(k.kept, list...)
	}
	return k.fault
}

func (k *keeper) Write(context.Context, *ingest.Batch) error {
	k.writes++
	return nil
}

// No batch is stored before the boxes of its identities; each box is stored once.
func TestBoxesFirst(t *testing.T) {
	recipient, _, err := NewRevealKey()
	if err != nil {
		t.Fatal(err)
	}
	m := newMaker(t, Config{KeyFiles: []string{keyFile(t, "5")}, Recipient: recipient})
	k := &keeper{fault: errors.New("down")}
	sink := NewSink(m, k, k)
	name := m.User("alice")
	m.Asker().User("mallory") // asked about, not stored
	if err := sink.Write(t.Context(), &ingest.Batch{}); !errors.Is(err, k.fault) || k.writes != 0 {
		t.Fatalf("%v, %d batches", err, k.writes)
	}
	k.fault = nil
	for range 2 {
		m.User("alice")
		if err := sink.Write(t.Context(), &ingest.Batch{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.kept) != 1 || k.kept[0].Pseudonym != name || k.writes != 2 {
		t.Errorf("%+v in %d batches", k.kept, k.writes)
	}
	m.Forget([]string{name})
	if m.User("alice"); len(m.Pending()) != 1 {
		t.Error("what is forgotten is not sealed again")
	}
	if NewSink(nil, k, k) != ingest.Sink(k) {
		t.Error("without pseudonyms a sink stands in the way")
	}
}

func TestRefusals(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte("0123"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{KeyFiles: []string{""}}, "privacy.key_files[0]"},
		{Config{KeyFiles: []string{junk}}, "64 hex digits"},
		{Config{KeyFiles: []string{junk + "x"}}, "no such file"},
		{Config{Recipient: "abc", KeyFiles: []string{junk}}, "privacy.recipient"},
		{Config{Recipient: strings.Repeat("0", 64)}, "privacy.key_files"},
	} {
		if _, err := New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
	for name, s := range map[string]Sealed{
		"name": {"alice", KindUser, make([]byte, 60)}, "kind": {"fd67::1", "x", make([]byte, 60)}, "box": {"fd67::1", KindClientIP, make([]byte, 48)},
	} {
		if s.Validate() == nil {
			t.Errorf("%s: %+v is taken", name, s)
		}
	}
	if _, err := NewOpener("12"); err == nil {
		t.Error("a short reveal key is taken")
	}
}

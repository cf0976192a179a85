package app

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/api/client"
	"github.com/gatewatch/gatewatch/ingest/enrich"
	"github.com/gatewatch/gatewatch/ingest/pseudonym"
)

// TestPseudonymsAndErasure attacks an account whose name the store must not know: the incident is about a pseudonym, which
// the reveal key opens, and after the erasure nothing is left but the receipt.
func TestPseudonymsAndErasure(t *testing.T) {
	t.Parallel()
	keyFile := filepath.Join(t.TempDir(), "pseudonym.key")
	if err := os.WriteFile(keyFile, []byte(pseudonym.NewKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	recipient, reveal, err := pseudonym.NewRevealKey()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := startServer(t, Config{
		DataDir: t.TempDir(), Identity: enrich.Config{Pseudonymise: []string{"user"}},
		Privacy: pseudonym.Config{KeyFiles: []string{keyFile}, Recipient: recipient},
	}, ServeOptions{})
	const victim = "alice.liddell"
	lines := strings.ReplaceAll(bruteForce("203.0.113.66", 40, time.Now().Add(-time.Minute)), " - - [", " - "+victim+" [")
	post(t, s, s.AdminKey, "POST", "/v1/ingest/raw?format=combined", lines, http.StatusOK)
	var list incidentList
	waitFor(t, "an incident", func() bool {
		get(t, s, s.AdminKey, "/v1/incidents", &list)
		return len(list.Incidents) > 0
	})
	found := post(t, s, s.AdminKey, "GET", "/v1/events?limit=50", "", http.StatusOK)
	_, after, _ := strings.Cut(found, `"user":"`)
	name, _, _ := strings.Cut(after, `"`)
	if !pseudonym.IsPseudonym(name) || strings.Contains(found, victim) {
		t.Fatalf("the events name %q: %.300s", name, found)
	}

	rest, err := client.New(s.URL, s.AdminKey)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := rest.Identity(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := pseudonym.NewOpener(reveal)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := opener.Open(sealed); err != nil || who != victim {
		t.Errorf("%s stands for %q, %v", name, who, err)
	}

	receipt, err := rest.Erase(t.Context(), client.NewErasure{Kind: "user", Value: victim, Reason: "asked for in March"})
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Removed["events"] != 40 || receipt.Removed["identities"] != 1 || receipt.Names != 2 {
		t.Errorf("%+v", receipt)
	}
	if found := post(t, s, s.AdminKey, "GET", "/v1/events?limit=50", "", http.StatusOK); strings.Contains(found, name) {
		t.Errorf("events are left: %.300s", found)
	}
	if _, err := rest.Identity(t.Context(), name); err == nil {
		t.Error("the sealed identity is left")
	}
	again, err := rest.Erase(t.Context(), client.NewErasure{Kind: "user", Value: name, Reason: "again, by its pseudonym"})
	if err != nil || again.Removed["events"] != 0 {
		t.Errorf("%+v, %v", again, err)
	}
	if text := post(t, s, s.AdminKey, "GET", "/v1/privacy/erasures", "", http.StatusOK); strings.Count(text, "ers_") != 2 || strings.Contains(text, victim) {
		t.Errorf("receipts: %s", text)
	}
}

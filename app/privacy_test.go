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

	attack := list.Incidents[0].ID
	for path, body := range map[string]string{
		"/v1/suppressions":                   `{"user":"` + name + `","reason":"known"}`,
		"/v1/decisions":                      `{"scope":"user","value":"` + name + `","duration":"1h","reason":"by hand"}`,
		"/v1/incidents/" + attack + "/notes": `{"text":"called ` + victim + `, who knows nothing"}`,
	} {
		post(t, s, s.AdminKey, "POST", path, body, http.StatusCreated)
	}
	post(t, s, s.AdminKey, "GET", "/v1/events?user="+name, "", http.StatusOK) // is in the audit

	receipt, err := rest.Erase(t.Context(), client.NewErasure{Kind: "user", Value: victim, Reason: "asked for in March"})
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Removed["events"] != 40 || receipt.Removed["identities"] != 1 || receipt.Names != 2 {
		t.Errorf("%+v", receipt)
	}
	for _, path := range []string{"/v1/events?limit=50", "/v1/suppressions", "/v1/audit?limit=100", "/v1/decisions?scope=user&value=" + name} {
		if found := post(t, s, s.AdminKey, "GET", path, "", http.StatusOK); strings.Contains(found, name) {
			t.Errorf("%s: it is left: %.300s", path, found)
		}
	}
	// Bouncers are told that its decision is over.
	if told := post(t, s, s.AdminKey, "GET", "/v1/decisions/stream?startup=true&scopes=user", "", http.StatusOK); !strings.Contains(told, name) || !strings.Contains(told, `"new":[]`) && !strings.Contains(told, `"new":null`) {
		t.Errorf("the stream of decisions: %s", told)
	}
	if receipt.Removed["exceptions"] != 1 || receipt.Removed["decisions"] == 0 || receipt.Removed["audit"] == 0 || len(receipt.Mentions["incidents"]) != 1 {
		t.Errorf("%+v", receipt)
	}
	if _, err := rest.Identity(t.Context(), name); err == nil {
		t.Error("the sealed identity is left")
	}
	again, err := rest.Erase(t.Context(), client.NewErasure{Kind: "user", Value: victim, Reason: "with the incident whose note names it", Incidents: receipt.Mentions["incidents"]})
	if err != nil || again.Removed["events"] != 0 || again.Removed["incidents"] == 0 || len(again.Mentions["incidents"]) != 0 || again.Subject != receipt.Subject {
		t.Errorf("%+v, %v", again, err)
	}
	get(t, s, s.AdminKey, "/v1/incidents", &list)
	for _, inc := range list.Incidents {
		if inc.ID == attack {
			t.Errorf("%s is left", attack)
		}
	}
	if text := post(t, s, s.AdminKey, "GET", "/v1/privacy/erasures", "", http.StatusOK); strings.Count(text, "ers_") != 2 || strings.Contains(text, victim) {
		t.Errorf("receipts: %s", text)
	}
}

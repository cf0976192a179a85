package api

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/ingest/pseudonym"
)

var alice = pseudonym.Sealed{Pseudonym: "pn_d871_jas32k3xbjcg9hw4e6v0y1785r", Kind: pseudonym.KindUser, Box: bytes.Repeat([]byte{7}, 60)}

type fakeIdentities map[string]pseudonym.Sealed

func (f fakeIdentities) KeepIdentities(_ context.Context, list []pseudonym.Sealed) error {
	for _, s := range list {
		f[s.Pseudonym] = s
	}
	return nil
}

func (f fakeIdentities) FindIdentity(_ context.Context, name string) (pseudonym.Sealed, error) {
	s, ok := f[name]
	if !ok {
		return s, ErrNoIdentity
	}
	return s, nil
}

// What an agent sealed comes back to an admin as it was, and the read is in the audit.
func TestIdentities(t *testing.T) {
	b := newBench(t)
	const addr = "fd67:d871:458f:5598:51a7:f991:f8c1:a20f"
	body := `{"identities":[{"pseudonym":"` + addr + `","kind":"client_ip","box":"` + strings.Repeat("QUJD", 20) + `"}]}`
	if res := b.ask(RoleAgent, "POST", "/v1/ingest/identities", body); res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	var got pseudonym.Sealed
	res := b.ask(RoleAdmin, "GET", "/v1/privacy/identities/"+addr, "")
	res.into(t, &got)
	if got.Pseudonym != addr || got.Kind != pseudonym.KindClientIP || string(got.Box) != strings.Repeat("ABC", 20) {
		t.Errorf("%+v", got)
	}
	if audit := b.ask(RoleAdmin, "GET", "/v1/audit", ""); !strings.Contains(audit.body, "identity.read") || !strings.Contains(audit.body, addr) {
		t.Errorf("the audit says %s", audit.body)
	}
	for body, field := range map[string]string{
		`{"identities":[]}`: "identities", `{}`: "identities", `{"identities":[{"pseudonym":"alice","kind":"user","box":"QUJD"}]}`: "identities[0]", `{"x":1}`: "x",
	} {
		if res := b.ask(RoleAgent, "POST", "/v1/ingest/identities", body); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", body, res.StatusCode, res.body)
		}
	}
	for path, status := range map[string]int{"alice": 400, "fd67::1": 404} {
		if res := b.ask(RoleAdmin, "GET", "/v1/privacy/identities/"+path, ""); res.StatusCode != status {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.body)
		}
	}
}

type fakeErasures []Erasure

func (f *fakeErasures) Erase(_ context.Context, n NewErasure, actor string) (Erasure, error) {
	r := Erasure{ID: "ers_1", Kind: n.Kind, Subject: "00", Reason: n.Reason, Actor: actor, Names: 2, Removed: map[string]uint64{"events": 3}}
	*f = append(*f, r)
	return r, nil
}

func (f *fakeErasures) Receipts(context.Context) ([]Erasure, error) { return *f, nil }

// An erasure answers with its receipt, and leaves the identity neither there nor in the audit.
func TestErasures(t *testing.T) {
	b := newBench(t)
	res := b.ask(RoleAdmin, "POST", "/v1/privacy/erasures", `{"kind":"user","value":"mallory","reason":"her request"}`)
	if res.StatusCode != 201 || strings.Contains(res.body, "mallory") {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	for _, path := range []string{"/v1/privacy/erasures", "/v1/audit"} {
		if res := b.ask(RoleAdmin, "GET", path, ""); !strings.Contains(res.body, "ers_1") || strings.Contains(res.body, "mallory") {
			t.Errorf("%s: %s", path, res.body)
		}
	}
	for body, field := range map[string]string{
		`{"kind":"session","value":"x","reason":"x"}`:         "kind",
		`{"kind":"user","reason":"x"}`:                        "value",
		`{"kind":"client_ip","value":"alice","reason":"x"}`:   "value",
		`{"kind":"user","value":"alice","reason":" "}`:        "reason",
		`{"kind":"user","value":"alice","reason":"x","id":1}`: "id",
	} {
		if res := b.ask(RoleAdmin, "POST", "/v1/privacy/erasures", body); res.StatusCode != 400 || !res.problem(t).names(field) {
			t.Errorf("%s: %d %s", body, res.StatusCode, res.body)
		}
	}
	if len(b.erasures) != 1 {
		t.Errorf("%d erasures", len(b.erasures))
	}
}

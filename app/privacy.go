package app

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatewatch/gatewatch/api"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/decision"
	"github.com/gatewatch/gatewatch/incident/exception"
	"github.com/gatewatch/gatewatch/incident/notify"
	"github.com/gatewatch/gatewatch/ingest/pseudonym"
	"github.com/gatewatch/gatewatch/store"
)

// identities keeps sealed identities in the store.
type identities struct{ store *store.Store }

var _ api.Identities = identities{}

// KeepIdentities implements pseudonym.Keeper.
func (i identities) KeepIdentities(ctx context.Context, list []pseudonym.Sealed) error {
	rows := make([]store.Identity, len(list))
	for n, s := range list {
		rows[n] = store.Identity{Pseudonym: s.Pseudonym, Kind: s.Kind, Box: s.Box}
	}
	return i.store.AppendIdentities(ctx, rows)
}

// FindIdentity implements api.Identities.
func (i identities) FindIdentity(ctx context.Context, name string) (pseudonym.Sealed, error) {
	found, err := i.store.FindIdentity(ctx, name)
	if errors.Is(err, store.ErrNoIdentity) {
		return pseudonym.Sealed{}, api.ErrNoIdentity
	}
	return pseudonym.Sealed{Pseudonym: found.Pseudonym, Kind: found.Kind, Box: found.Box}, err
}

// erasures takes identities out of the server and its store.
type erasures struct {
	store      *store.Store
	incidents  *incident.Manager
	notifier   *notify.Notifier
	decisions  *decision.Book
	exceptions *exception.Registry
	pseudonyms *pseudonym.Maker // nil: there are none
	secret     []byte           // of the installation: receipts name subjects under it
}

var _ api.Erasures = erasures{}

// Erase implements api.Erasures.
func (e erasures) Erase(ctx context.Context, n api.NewErasure, actor string) (api.Erasure, error) {
	receipt := api.Erasure{Kind: n.Kind, Reason: n.Reason, Actor: actor, RequestedAt: time.Now().UTC()}
	names, err := e.pseudonyms.Names(n.Kind, n.Value)
	if err != nil {
		return receipt, &incident.InvalidError{Field: "value", Detail: err.Error()}
	}
	entity, scope := detect.EntityUser, decision.ScopeUser
	if n.Kind == pseudonym.KindClientIP {
		entity, scope = detect.EntityClient, decision.ScopeIP
		names = addresses(names)
	}
	h := hmac.New(sha256.New, e.secret)
	_, _ = h.Write([]byte("erasure\x00" + n.Kind + "\x00" + names[0])) // a hash never fails
	receipt.Subject = hex.EncodeToString(h.Sum(nil)[:16])
	e.incidents.Forget(entity, names, n.Incidents)
	e.notifier.Forget(entity, names, n.Incidents)
	e.pseudonyms.Forget(names)
	e.exceptions.Forget(entity, names)
	if err := e.decisions.Forget(ctx, scope, names, actor); err != nil {
		return receipt, err
	}
	what := store.Erasing{Entity: entity, Names: names, Incidents: n.Incidents, Subject: receipt.Subject}
	if receipt.Removed, err = e.store.Erase(ctx, what); err != nil {
		return receipt, err
	}
	if receipt.Mentions, err = e.store.Mentions(ctx, what); err != nil {
		return receipt, err
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // it never fails
	receipt.ID = "ers_" + hex.EncodeToString(id[:])
	receipt.Names, receipt.FinishedAt = len(names), time.Now().UTC()
	body, err := json.Marshal(receipt)
	if err != nil {
		return receipt, fmt.Errorf("encode the receipt: %w", err)
	}
	return receipt, e.store.AppendErasure(ctx, receipt.ID, receipt.FinishedAt, body)
}

// addresses writes addresses as everything else does.
func addresses(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n
		if a, err := netip.ParseAddr(n); err == nil {
			out[i] = a.Unmap().String()
		}
	}
	return out
}

// Receipts implements api.Erasures.
func (e erasures) Receipts(ctx context.Context) ([]api.Erasure, error) {
	list := []api.Erasure{}
	err := e.store.Erasures(ctx, func(body []byte) error {
		var r api.Erasure
		if err := json.Unmarshal(body, &r); err != nil {
			return fmt.Errorf("decode a receipt: %w", err)
		}
		list = append(list, r)
		return nil
	})
	return list, err
}

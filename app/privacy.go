package app

import (
	"context"
	"errors"

	"github.com/gatewatch/gatewatch/api"
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

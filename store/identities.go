package store

import (
	"context"
	"errors"
	"time"
)

// Identity is a sealed identity under its pseudonym.
type Identity struct {
	Pseudonym string
	Kind      string // user or client_ip
	Box       []byte // only the reveal key opens it
}

// ErrNoIdentity says that nothing is sealed under a pseudonym.
var ErrNoIdentity = errors.New("no identity is sealed under this pseudonym")

// AppendIdentities stores sealed identities; the newest of a pseudonym counts.
func (s *Store) AppendIdentities(ctx context.Context, list []Identity) error {
	columns := []string{"pseudonym String", "kind LowCardinality(String)", "box String", "sealed_at DateTime64(3, 'UTC')"}
	return s.insertRows(ctx, "identities", columns, func(add func(...any) error) error {
		now := time.Now().UTC()
		for _, i := range list {
			if err := add(i.Pseudonym, i.Kind, string(i.Box), now); err != nil {
				return err
			}
		}
		return nil
	})
}

// FindIdentity returns what is sealed under a pseudonym, ErrNoIdentity when nothing is.
func (s *Store) FindIdentity(ctx context.Context, pseudonym string) (found Identity, err error) {
	rows, err := s.conn.Query(ctx, "SELECT pseudonym, kind, box FROM identities WHERE pseudonym = {pseudonym:String} ORDER BY sealed_at DESC LIMIT 1",
		named("pseudonym", pseudonym))
	if err != nil {
		return Identity{}, wrap("find identity", err)
	}
	err = scanAll(rows, func() error {
		var box string
		if err := rows.Scan(&found.Pseudonym, &found.Kind, &box); err != nil {
			return err
		}
		found.Box = []byte(box)
		return nil
	})
	if err == nil && found.Pseudonym == "" {
		return found, ErrNoIdentity
	}
	return found, wrap("find identity", err)
}

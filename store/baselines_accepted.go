package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/gatewatch/gatewatch/baseline"
)

// AppendAcceptance keeps a lasting change that somebody accepted. Appending it again changes nothing.
func (s *Store) AppendAcceptance(ctx context.Context, a baseline.Acceptance) error {
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode acceptance: %w", err)
	}
	sum := sha256.Sum256(body)
	return s.insertRows(ctx, "baseline_acceptances", []string{"id String", "body String"}, func(add func(...any) error) error {
		return add("acc_"+hex.EncodeToString(sum[:8]), string(body))
	})
}

// Acceptances returns all that people accepted.
func (s *Store) Acceptances(ctx context.Context) (list []baseline.Acceptance, err error) {
	var body string
	err = s.each(ctx, "load acceptances", "SELECT body FROM baseline_acceptances FINAL ORDER BY id", nil, []any{&body}, func() error {
		var a baseline.Acceptance
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			return fmt.Errorf("acceptance: %w", err)
		}
		list = append(list, a)
		return nil
	})
	return list, err
}

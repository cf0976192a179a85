package store

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
)

// Erase takes everything about an identity out of the store: its events, its rows in rollups and baselines, the incidents
// about it with their findings, its events among the evidence of others, and its sealed pseudonyms. It returns how many rows
// each table lost. names are all names of the identity; of addresses only those that are addresses count. It may be repeated,
// and goes on where it was broken off.
//
// Positions are sealed first: what was stored and is erased is not stored again by a repeat of its source.
func (s *Store) Erase(ctx context.Context, entity detect.EntityType, names []string) (map[string]uint64, error) {
	who, err := newErased(entity, names)
	if err != nil {
		return nil, err
	}
	if err := s.SealPositions(ctx); err != nil {
		return nil, err
	}
	removed := map[string]uint64{}
	for _, step := range []struct{ table, where string }{
		{"events", who.column},
		{"actor_hours", who.column},
		{"object_hours", who.column},
		{"refusals", who.column},
		{"endpoint_callers", who.column},
		// Evidence goes before the incidents, which say what belongs to them.
		{"evidence", "incident_id IN (SELECT id FROM incidents WHERE " + who.entity + ") OR " + who.inJSON},
		{"notifications", "incident IN (SELECT id FROM incidents WHERE " + who.entity + ")"},
		{"findings", who.entity},
		{"incidents", who.entity},
		{"identities", "has(" + namesParam + ", pseudonym)"},
	} {
		n, err := s.eraseFrom(ctx, step.table, step.where, who.names)
		if err != nil {
			return nil, err
		}
		removed[step.table] = n
	}
	removed["baselines"], err = s.eraseFromBaselines(ctx, who)
	return removed, err
}

// namesParam is where the names go in a condition.
const namesParam = "{names}"

// erased is whom to erase, as conditions over the parameter names.
type erased struct {
	entity string // in tables with entity_type and entity_value
	column string // in tables with user and client_ip
	inJSON string // in an event's JSON
	names  []string
	actor  func(baseline.ActorKey) bool
}

func newErased(entity detect.EntityType, names []string) (erased, error) {
	who := erased{names: names, entity: fmt.Sprintf("entity_type = '%s' AND has("+namesParam+", entity_value)", entity)}
	switch entity {
	case detect.EntityUser:
		who.column = "has(" + namesParam + ", user)"
		who.inJSON = "has(" + namesParam + ", JSONExtractString(body, 'user'))"
		who.actor = func(k baseline.ActorKey) bool { return k.User && slices.Contains(names, k.Value) }
	case detect.EntityClient:
		who.names = nil
		for _, n := range names {
			if a, err := netip.ParseAddr(n); err == nil {
				who.names = append(who.names, a.Unmap().String())
			}
		}
		who.column = "has(arrayMap(a -> toIPv6(a), " + namesParam + "), client_ip)"
		who.inJSON = "has(" + namesParam + ", JSONExtractString(body, 'client_ip'))"
		who.actor = func(k baseline.ActorKey) bool { return !k.User && slices.Contains(who.names, k.Value) }
	default:
		return erased{}, fmt.Errorf("erase a %s: want %s or %s", entity, detect.EntityUser, detect.EntityClient)
	}
	if len(who.names) == 0 {
		return erased{}, fmt.Errorf("erase a %s without a name", entity)
	}
	return who, nil
}

// eraseFrom deletes rows, waits until they are gone from every part, and returns how many there were.
func (s *Store) eraseFrom(ctx context.Context, table, where string, names []string) (n uint64, err error) {
	// A mutation does not keep parameters, so the names stand in the text, quoted.
	where = strings.ReplaceAll(where, namesParam, arrayLiteral(names))
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM "+table+" WHERE "+where).Scan(&n); err != nil {
		return 0, wrap("erase from "+table, err)
	}
	if n == 0 {
		return 0, nil
	}
	return n, wrap("erase from "+table, s.conn.Exec(ctx, "ALTER TABLE "+table+" DELETE WHERE "+where+" SETTINGS mutations_sync = 2"))
}

// eraseFromBaselines rewrites the rows of all versions that name the identity.
func (s *Store) eraseFromBaselines(ctx context.Context, who erased) (uint64, error) {
	type versioned struct {
		version string
		row     baseline.Row
	}
	var rewritten []versioned
	var v versioned
	sql := "SELECT version, kind, key, row FROM baselines FINAL WHERE arrayExists(n -> position(row, n) > 0, " + arrayLiteral(who.names) + ")"
	// JSON writes the characters of names that it escapes in another way, so what could hold one is looked at as well.
	sql += " OR kind IN ('actors', 'readers', 'members', 'changes') AND position(row, '\\\\') > 0"
	err := s.each(ctx, "erase from baselines", sql, nil,
		[]any{&v.version, &v.row.Kind, &v.row.Key, &v.row.JSON}, func() error {
			row, changed, err := v.row.Without(who.actor)
			if changed {
				rewritten = append(rewritten, versioned{strings.Clone(v.version), row})
			}
			return err
		})
	if err != nil {
		return 0, err
	}
	for _, v := range rewritten {
		err := s.conn.Exec(ctx, "ALTER TABLE baselines UPDATE row = "+quoteText(v.row.JSON)+" WHERE version = "+quoteText(v.version)+
			" AND kind = "+quoteText(v.row.Kind)+" AND key = "+quoteText(v.row.Key)+" SETTINGS mutations_sync = 2")
		if err != nil {
			return 0, wrap("erase from baselines", err)
		}
	}
	return uint64(len(rewritten)), nil
}

// quoteText writes a string literal.
func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// AppendErasure keeps the receipt of an erasure.
func (s *Store) AppendErasure(ctx context.Context, id string, finished time.Time, body []byte) error {
	return s.insertRows(ctx, "erasures", []string{"finished_at DateTime64(3, 'UTC')", "id String", "body String"}, func(add func(...any) error) error {
		return add(finished.UTC(), id, string(body))
	})
}

// Erasures calls each with the body of every receipt, the newest first.
func (s *Store) Erasures(ctx context.Context, each func(body []byte) error) error {
	var body string
	return s.each(ctx, "read erasures", "SELECT body FROM erasures ORDER BY finished_at DESC, id", nil, []any{&body}, func() error {
		return each([]byte(body))
	})
}

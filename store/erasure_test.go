package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/decision"
)

// holding returns the tables, rollups included, with a text or an address that contains word.
func holding(t *testing.T, s *Store, word string) []string {
	t.Helper()
	columns := map[string][]string{}
	var table, column string
	err := s.each(t.Context(), "list columns", `SELECT table, name FROM system.columns WHERE database = currentDatabase()
AND NOT startsWith(type, 'AggregateFunction') AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')`,
		nil, []any{&table, &column}, func() error {
			columns[table] = append(columns[table], "toString("+column+")")
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if len(columns) < 15 {
		t.Fatalf("only %d tables were looked at", len(columns))
	}
	var found []string
	for _, table := range slices.Sorted(maps.Keys(columns)) {
		var n uint64
		sql := fmt.Sprintf("SELECT countIf(arrayExists(c -> position(c, '%s') > 0, [%s])) FROM %s", word, strings.Join(columns[table], ", "), table)
		if err := s.conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			found = append(found, table)
		}
	}
	return found
}

// An identity is in every kind of table before, in none after, and nobody else loses anything.
func TestErase(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	until := start.AddDate(0, 0, 8)
	history := staffedShop(start, 8)
	insertAll(t, s, history, until)
	model, err := baseline.Recompute(t.Context(), baseline.Config{}, s.History(), snapshotAt(until))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveModel(t.Context(), model); err != nil {
		t.Fatal(err)
	}
	m := incident.NewManager(s, incident.Options{})
	at := slices.IndexFunc(history, func(e *event.Event) bool { return e.User == "auditor" })
	findings := someFindings(history, 2)
	findings[0].Entity = detect.Entity{Type: detect.EntityUser, Value: "auditor"}
	findings[1].Sample = []event.Event{*history[at], *history[0]} // of a client, and the auditor's is among them
	if err := m.Apply(t.Context(), findings); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendIdentities(t.Context(), []Identity{{Pseudonym: "auditor", Kind: "user", Box: []byte("box")}, {Pseudonym: "other", Kind: "user", Box: []byte("box")}}); err != nil {
		t.Fatal(err)
	}
	for id, user := range map[uint64]string{7: "auditor", 8: "auditor's twin"} {
		d := decision.Row{Version: 1, Body: fmt.Appendf(nil, `{"id":%d,"version":1,"scope":"User","value":%q}`, id, user)}
		d.Decision = decision.Decision{ID: id, Type: decision.Freeze, Scope: decision.ScopeUser, Value: user, CreatedAt: start, Until: until}
		if err := s.AppendDecision(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	for id, body := range map[string]string{"exc_1": `{"id":"exc_1","user":"auditor"}`, "exc_2": `{"id":"exc_2","user":"other","reason":"asked by auditor."}`} {
		if err := s.AppendException(t.Context(), id, 1, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	for id, detail := range map[string]string{"1": "user=auditor&limit=5", "2": "freeze User auditor until auditor", "3": "auditor.two and auditors"} {
		if err := s.AppendAudit(t.Context(), id, start, "soc", "admin", "test", "user:auditor", "", detail); err != nil {
			t.Fatal(err)
		}
	}
	everywhere := []string{"actor_hours", "audit", "baselines", "decisions", "endpoint_callers", "events", "evidence", "exceptions", "findings", "identities", "incidents"}
	if got := holding(t, s, "auditor"); !slices.Equal(got, everywhere) {
		t.Fatalf("the auditor is in %v, want %v", got, everywhere)
	}
	before := countRows(t, s)
	positions := positionsOf(t, s)

	removed, err := s.Erase(t.Context(), Erasing{Entity: detect.EntityUser, Names: []string{"auditor", "pn_0000_00000000000000000000000000"}, Subject: "5c0d"})
	if err != nil {
		t.Fatal(err)
	}
	// What is left of others: a twin's decision, a reason that somebody wrote, and longer names in the audit.
	if got := holding(t, s, "auditor"); !slices.Equal(got, []string{"audit", "decisions", "exceptions"}) {
		t.Errorf("the auditor is still in %v", got)
	}
	var targets []string
	if err := s.Audit(t.Context(), time.Time{}, time.Time{}, "", 10, func(_ string, _ time.Time, _, _, _, target, _, detail string) error {
		targets = append(targets, target+" "+detail)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(targets)
	if want := []string{
		"user:erased:5c0d auditor.two and auditors", "user:erased:5c0d freeze User erased:5c0d until erased:5c0d", "user:erased:5c0d user=erased:5c0d&limit=5",
	}; !slices.Equal(targets, want) {
		t.Errorf("the audit says %q, want %q", targets, want)
	}
	mentions, err := s.Mentions(t.Context(), Erasing{Entity: detect.EntityUser, Names: []string{"auditor"}})
	if err != nil || !slices.Equal(mentions["exceptions"], []string{"exc_2"}) || len(mentions["incidents"]) != 0 || !slices.Equal(mentions["decisions"], []string{"8"}) {
		t.Errorf("mentions %v, %v", mentions, err)
	}
	after := countRows(t, s)
	for _, table := range []string{"events", "evidence", "findings", "incidents", "identities"} {
		if removed[table] == 0 || before[table]-after[table] != removed[table] {
			t.Errorf("%s: %d rows, %d of them removed, then %d", table, before[table], removed[table], after[table])
		}
	}
	if after["baselines"] != before["baselines"] || removed["baselines"] == 0 {
		t.Errorf("baselines: %d rows, then %d; %d rewritten", before["baselines"], after["baselines"], removed["baselines"])
	}
	if got := positionsOf(t, s); !maps.Equal(got, positions) {
		t.Errorf("positions %v, before %v", got, positions)
	}
	again, err := s.Erase(t.Context(), Erasing{Entity: detect.EntityUser, Names: []string{"auditor"}, Subject: "5c0d"})
	if err != nil {
		t.Fatal(err)
	}
	for table, n := range again {
		if n != 0 {
			t.Errorf("the second time %s lost %d rows", table, n)
		}
	}
}

func TestEraseRefuses(t *testing.T) {
	s := openTestStore(t)
	for entity, names := range map[detect.EntityType][]string{detect.EntityClient: {"alice"}, detect.EntityUser: {}, detect.EntityEndpoint: {"x"}} {
		if _, err := s.Erase(t.Context(), Erasing{Entity: entity, Names: names, Subject: "5c0d"}); err == nil {
			t.Errorf("%s %v: erased", entity, names)
		}
	}
	quoted := []string{`it's \ "x"`, "\n"}
	if removed, err := s.Erase(t.Context(), Erasing{Entity: detect.EntityUser, Names: quoted, Subject: "5c0d"}); err != nil || removed["events"] != 0 {
		t.Errorf("%q: %v %v", quoted, removed, err)
	}
}

func countRows(t *testing.T, s *Store) map[string]uint64 {
	t.Helper()
	n := map[string]uint64{}
	for _, table := range []string{"events", "evidence", "findings", "incidents", "identities", "baselines"} {
		var rows uint64
		if err := s.conn.QueryRow(t.Context(), "SELECT count() FROM "+table+" FINAL").Scan(&rows); err != nil {
			if err := s.conn.QueryRow(t.Context(), "SELECT count() FROM "+table).Scan(&rows); err != nil {
				t.Fatal(err)
			}
		}
		n[table] = rows
	}
	return n
}

func positionsOf(t *testing.T, s *Store) map[string]uint64 {
	t.Helper()
	all := map[string]uint64{}
	_, err := s.Positions(t.Context(), func(source string, generation, position uint64) {
		all[fmt.Sprint(source, " ", generation)] = position
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident/decision"
)

// Erasing says what is taken out.
type Erasing struct {
	Entity detect.EntityType
	Names  []string // all names of the identity; of addresses only those that are addresses count
	// Incidents are further incidents that go as a whole, whoever they are about.
	Incidents []string
	// Subject takes the place of the identity in the audit, whose rows stay.
	Subject string
}

// Erase takes everything about an identity out of the store: its events, its rows in rollups and baselines, the incidents
// about it with their findings and notifications, its events among the evidence of others, the exceptions and decisions about
// it, and its sealed pseudonyms; in the audit the subject takes its place. It returns how many rows each table lost, or had
// changed. It may be repeated, and goes on where it was broken off.
//
// Positions are sealed first: what was stored and is erased is not stored again by a repeat of its source.
func (s *Store) Erase(ctx context.Context, e Erasing) (map[string]uint64, error) {
	who, err := newErased(e)
	if err != nil {
		return nil, err
	}
	if err := s.SealPositions(ctx); err != nil {
		return nil, err
	}
	removed := map[string]uint64{}
	of := func(column string) string {
		return column + " IN (SELECT id FROM incidents WHERE " + who.incidents + ")"
	}
	for _, step := range []struct{ table, where string }{
		{"events", who.column},
		{"actor_hours", who.column},
		{"object_hours", who.column},
		{"refusals", who.column},
		{"endpoint_callers", who.column},
		// Evidence goes before the incidents, which say what belongs to them.
		{"evidence", of("incident_id") + " OR " + who.inJSON},
		{"notifications", of("incident")},
		{"findings", of("incident_id") + " OR " + who.entity},
		{"incidents", who.incidents},
		{"exceptions", who.exception},
		{"identities", "has(" + namesParam + ", pseudonym)"},
	} {
		n, err := s.eraseFrom(ctx, step.table, step.where, who.names)
		if err != nil {
			return nil, err
		}
		removed[step.table] = n
	}
	for _, step := range []struct{ table, where, set string }{
		// A decision's row stays, so that no id is given twice, and says nothing any more.
		{"decisions", who.decision, `value = '', scenario = '', incident = '', body = concat('{"id":', toString(id), ',"erased":true}')`},
		{
			"audit", "match(target, " + who.named + ") OR match(detail, " + who.named + ")",
			"target = " + who.renamed("target") + ", detail = " + who.renamed("detail"),
		},
	} {
		n, err := s.change(ctx, step.table, step.where, step.set, who.names)
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
	entity    string // in tables with entity_type and entity_value
	incidents string // in the table of incidents
	column    string // in tables with user and client_ip
	inJSON    string // in an event's JSON
	exception string
	decision  string
	named     string // a pattern of RE2 that finds a name as a whole word, as a literal
	subject   string
	names     []string
	actor     func(baseline.ActorKey) bool
}

func newErased(e Erasing) (erased, error) {
	who := erased{names: e.Names, subject: e.Subject}
	who.entity = fmt.Sprintf("entity_type = '%s' AND has(%s, entity_value)", e.Entity, namesParam)
	who.incidents = who.entity
	if len(e.Incidents) > 0 {
		who.incidents += " OR has(" + arrayLiteral(e.Incidents) + ", id)"
	}
	switch e.Entity {
	case detect.EntityUser:
		who.column = "has(" + namesParam + ", user)"
		who.inJSON = "has(" + namesParam + ", JSONExtractString(body, 'user'))"
		who.exception = "has(" + namesParam + ", JSONExtractString(body, 'user'))"
		who.decision = "scope = '" + string(decision.ScopeUser) + "' AND has(" + namesParam + ", value)"
		who.actor = func(k baseline.ActorKey) bool { return k.User && slices.Contains(e.Names, k.Value) }
	case detect.EntityClient:
		who.names = nil
		for _, n := range e.Names {
			if a, err := netip.ParseAddr(n); err == nil {
				who.names = append(who.names, a.Unmap().String())
			}
		}
		who.column = "has(arrayMap(a -> toIPv6(a), " + namesParam + "), client_ip)"
		who.inJSON = "has(" + namesParam + ", JSONExtractString(body, 'client_ip'))"
		who.exception = "hasAny(arrayConcat(arrayMap(a -> concat(a, '/32'), " + namesParam + "), arrayMap(a -> concat(a, '/128'), " + namesParam + ")), [JSONExtractString(body, 'cidr')])"
		who.decision = "scope = '" + string(decision.ScopeIP) + "' AND has(" + namesParam + ", value)"
		who.actor = func(k baseline.ActorKey) bool { return !k.User && slices.Contains(who.names, k.Value) }
	default:
		return erased{}, fmt.Errorf("erase a %s: want %s or %s", e.Entity, detect.EntityUser, detect.EntityClient)
	}
	if len(who.names) == 0 {
		return erased{}, fmt.Errorf("erase a %s without a name", e.Entity)
	}
	who.named = quoteText(wholeWord(who.names))
	return who, nil
}

// wholeWord is a pattern that finds one of the names, plain, as in a URL's query or as in JSON, where it is not a part of a longer name: the
// first group is what stands before it, the last what stands behind.
func wholeWord(names []string) string {
	var list []string
	for _, n := range names {
		list = append(list, regexp.QuoteMeta(n), regexp.QuoteMeta(url.QueryEscape(n)))
		if quoted, err := json.Marshal(n); err == nil {
			list = append(list, regexp.QuoteMeta(string(quoted[1:len(quoted)-1])))
		}
	}
	slices.Sort(list)
	slices.SortStableFunc(list, func(a, b string) int { return len(b) - len(a) }) // the longest that fits
	return `(^|[^\w.@+%-])(?:` + strings.Join(slices.Compact(list), "|") + `)(\.?(?:$|[^\w.@+%-]))`
}

// renamed is a column's text with the subject in the place of the names. Twice, since two names that share what stands between
// them are found one at a time.
func (who *erased) renamed(column string) string {
	once := func(text string) string {
		return "replaceRegexpAll(" + text + ", " + who.named + ", " + quoteText(`\1erased:`+who.subject+`\2`) + ")"
	}
	return once(once(column))
}

// mostMentions bounds the mentions that are told of one table.
const mostMentions = 100

// Mentions returns where the text of others still names an identity, by table: incidents by their id (for themselves, their
// findings, notes and evidence), exceptions and decisions by theirs, mostMentions of each at most. Only a person can say what is
// meant: a name may be a word.
func (s *Store) Mentions(ctx context.Context, e Erasing) (map[string][]string, error) {
	who, err := newErased(e)
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	in := "match(body, " + who.named + ")"
	for table, sql := range map[string]string{
		"incidents": "SELECT DISTINCT id FROM (SELECT id FROM incidents FINAL WHERE " + in + " UNION ALL SELECT incident_id AS id FROM findings FINAL WHERE " + in +
			" UNION ALL SELECT incident_id AS id FROM evidence FINAL WHERE " + in + ") WHERE id IN (SELECT id FROM incidents)",
		"exceptions": "SELECT id FROM exceptions FINAL WHERE " + in,
		"decisions":  "SELECT toString(id) AS id FROM decisions FINAL WHERE " + in,
	} {
		var id string
		if err := s.each(ctx, "look for mentions", fmt.Sprintf("%s ORDER BY id LIMIT %d", sql, mostMentions), nil, []any{&id}, func() error {
			found[table] = append(found[table], strings.Clone(id))
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// change rewrites rows, waits until that is done in every part, and returns how many there were.
func (s *Store) change(ctx context.Context, table, where, set string, names []string) (n uint64, err error) {
	where = strings.ReplaceAll(where, namesParam, arrayLiteral(names))
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM "+table+" WHERE "+where).Scan(&n); err != nil {
		return 0, wrap("erase from "+table, err)
	}
	if n == 0 {
		return 0, nil
	}
	return n, wrap("erase from "+table, s.conn.Exec(ctx, "ALTER TABLE "+table+" UPDATE "+set+" WHERE "+where+" SETTINGS mutations_sync = 2"))
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

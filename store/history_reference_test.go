package store

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/baseline"
)

// What the rollups tell of habits, countries and refusals is held against plain statements over the events.

// userHabitSQL reads how many user agents and routes every user had on every day, all its routes and its networks.
func userHabitSQL(s baseline.Snapshot) (string, map[string]string) {
	st := newStatement()
	known := notExcluded(st, s)
	served := "status > 0 AND status < 400" + known
	sql := `SELECT user, arrayMap(d -> d.1, series), arrayMap(d -> d.2, series), arrayMap(d -> d.3, series), ever, networks
FROM
(
  SELECT user, arraySort(groupArray((day, agents, toUInt32(finalizeAggregation(routes))))) AS series,
    toUInt32(uniqIfMerge(routes)) AS ever, arraySort(arrayDistinct(arrayFlatten(groupArray(systems)))) AS networks
  FROM
  (
    SELECT user, toUInt32(intDiv(toUnixTimestamp(time), 86400) * 24) AS day, toUInt32(uniqIf(user_agent, user_agent != ''` + known + `)) AS agents,
      uniqIfState(route, route != '' AND ` + served + `) AS routes, groupUniqArrayIf(asn, asn != 0 AND ` + served + `) AS systems
    FROM events
    WHERE ` + eventsIn(st, s) + ` AND user != ''` + `
    GROUP BY user, day
  )
  GROUP BY user
)`
	return sql, st.params
}

// clientHabitSQL reads how many user agents every client without a user had on every day.
func clientHabitSQL(s baseline.Snapshot) (string, map[string]string) {
	st := newStatement()
	sql := `SELECT client_ip, arrayMap(d -> d.1, series), arrayMap(d -> d.2, series)
FROM
(
  SELECT client_ip, arraySort(groupArray((day, agents))) AS series
  FROM
  (
    SELECT client_ip, toUInt32(intDiv(toUnixTimestamp(time), 86400) * 24) AS day, toUInt32(uniqIf(user_agent, user_agent != '')) AS agents
    FROM events
    WHERE ` + eventsIn(st, s) + ` AND user = '' AND NOT is_bot AND client_ip != toIPv6('::')` + `
    GROUP BY client_ip, day
  )
  GROUP BY client_ip
)`
	return sql, st.params
}

// countrySQL reads the countries of every user's successful requests.
func countrySQL(s baseline.Snapshot) (string, map[string]string) {
	st := newStatement()
	sql := "SELECT user, arraySort(groupUniqArray(toString(country)))\nFROM events\nWHERE " + eventsIn(st, s) +
		" AND country != '' AND user != '' AND status > 0 AND status < 400" + notExcluded(st, s) + "\nGROUP BY user"
	return sql, st.params
}

// eventRefusalSQL reads by the hour, or by the day, whom every endpoint refused.
func eventRefusalSQL(s baseline.Snapshot, daily bool) (string, map[string]string) {
	st := newStatement()
	width, most := 1, "max(tries)"
	if daily {
		width, most = 24, "max(finalizeAggregation(names))"
	}
	sql := `SELECT service, method, route, arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series), arrayMap(h -> h.4, series)
FROM
(
  SELECT service, method, route, arraySort(groupArray((at, users, clients, most))) AS series
  FROM
  (
    SELECT service, method, route, at, toUInt32(uniqIfMerge(names)) AS users, toUInt32(count()) AS clients, toUInt32(` + most + `) AS most
    FROM
    (
      SELECT service, method, route, client_ip, toUInt32(intDiv(toUnixTimestamp(time), ` + fmt.Sprint(width*3600) + `) * ` + fmt.Sprint(width) + `) AS at,
        uniqIfState(user, user != '') AS names, count() AS tries
      FROM events
      WHERE ` + eventsIn(st, s) + ` AND ` + refusedWhere + `
      GROUP BY service, method, route, client_ip, at
    )
    GROUP BY service, method, route, at
  )
  GROUP BY service, method, route
)
ORDER BY service, route, method`
	return sql, st.params
}

// habits is the part of a row of actors that tells of habits.
type habits struct {
	Key                  baseline.ActorKey
	Days, Agents, Routes []uint32
	Ever                 uint32
	Networks             []uint32
	Countries            []string
}

func TestTraitsAgreeWithEvents(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	stored := start.AddDate(0, 1, 0)
	list := variedEvents(start, 4000)
	for i, e := range list {
		e.UserAgent = []string{"", "curl/8", "browser"}[i%3]
		e.ASN = uint32(i % 4 * 64500) //nolint:gosec // small
		if i%40 == 0 {
			e.UserAgent, e.Country = fmt.Sprint("agent ", i), "Germany, somewhere"[:7]
		}
		if i%9 == 0 {
			e.Status = []int{401, 403}[i%2]
		}
	}
	insertAll(t, s, list, stored)
	snap := snapshotAt(start.AddDate(0, 0, 10).Add(5 * time.Hour))
	snap.Cut = stored.Add(time.Hour)
	snap.Excluded = []baseline.Exclusion{{
		Actor: baseline.ActorKey{User: true, Value: "u-7"}, From: start.AddDate(0, 0, 2).Add(90 * time.Minute), To: start.AddDate(0, 0, 6),
	}}
	h := &history{s: s}
	got := map[baseline.ActorKey]habits{}
	if err := h.Actors(t.Context(), snap, func(r baseline.ActorHours) error {
		if len(r.Days) > 0 {
			got[r.Key] = habits{r.Key, slices.Clone(r.Days), slices.Clone(r.Agents), slices.Clone(r.Routes), r.Ever, slices.Clone(r.Networks), slices.Clone(r.Countries)}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := map[baseline.ActorKey]habits{}
	u := habits{Key: baseline.ActorKey{User: true}}
	sql, params := userHabitSQL(snap)
	if err := s.each(t.Context(), "", sql, params, []any{&u.Key.Value, &u.Days, &u.Agents, &u.Routes, &u.Ever, &u.Networks}, func() error {
		want[u.Key] = u
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var user string
	var countries []string
	sql, params = countrySQL(snap)
	if err := s.each(t.Context(), "", sql, params, []any{&user, &countries}, func() error {
		of := want[baseline.ActorKey{User: true, Value: user}]
		of.Countries = slices.Clone(countries)
		want[of.Key] = of
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var c habits
	var client netip.Addr
	sql, params = clientHabitSQL(snap)
	if err := s.each(t.Context(), "", sql, params, []any{&client, &c.Days, &c.Agents}, func() error {
		c.Key = actorKey("", client)
		want[c.Key] = c
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	empty := cmp.Transformer("empty", func(l []uint32) []uint32 { return append([]uint32{}, l...) })
	noCountries := cmp.Transformer("none", func(l []string) []string { return append([]string{}, l...) })
	if d := cmp.Diff(want, got, empty, noCountries); d != "" || len(got) < 60 || h.untold {
		t.Errorf("%d actors, from events: %v, what the events say and what the rollup says differ (-events +rollup):\n%s", len(got), h.untold, d)
	}

	for _, daily := range []bool{false, true} {
		rows := func(sql string, params map[string]string) (out []string) {
			var k baseline.EndpointKey
			var at, users, clients, most []uint32
			err := s.each(t.Context(), "", sql, params, []any{&k.Service, &k.Method, &k.Route, &at, &users, &clients, &most}, func() error {
				out = append(out, fmt.Sprint(k, at, users, clients, most))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		want, got := rows(eventRefusalSQL(snap, daily)), rows(refusalHistorySQL(snap, false, daily))
		if d := cmp.Diff(want, got); d != "" || len(got) == 0 {
			t.Errorf("%d refusals, daily %v (-events +rollup):\n%s", len(got), daily, d)
		}
	}
}

// TestTraitsOfAnOlderStore takes the traits away from what was stored first: such a history is read from the events, until
// none of it is in the window any more.
func TestTraitsOfAnOlderStore(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	stored := start.AddDate(0, 1, 0)
	insertAll(t, s, loggingIn(staffedShop(start, 4)), stored)
	snap := snapshotAt(start.AddDate(0, 0, 4))
	snap.Cut = stored.Add(time.Hour)
	read := func(snap baseline.Snapshot, untold bool) []string {
		t.Helper()
		h := &history{s: s, passAnswers: passAnswers, passEvents: passEvents}
		lines := linesOf(t, h, snap)
		if h.untold != untold {
			t.Errorf("until %v: read from the events: %v, want %v", snap.Until, h.untold, untold)
		}
		return lines
	}
	want := read(snap, false)
	for _, sql := range []string{
		"ALTER TABLE actor_hours UPDATE known = 0, traits = [] WHERE hour < toDateTime('2026-03-03 12:00:00', 'UTC') SETTINGS mutations_sync = 1",
		"TRUNCATE TABLE refusals",
	} {
		if err := s.conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(want, read(snap, true)); d != "" {
		t.Errorf("an older store tells something else (-new +older):\n%s", d)
	}
	snap.WindowDays = 2
	read(snap, false)
}

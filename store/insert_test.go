package store

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

var compareEvents = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(event.Event{}, "Wire")}

func drawEvent(t *rapid.T, position uint64) *event.Event {
	word := rapid.SampledFrom([]string{"", "GET", "a", "é", "tab\tnewline\n", `back\slash'quote"`, "\x00\xff", "{p0:String}"})
	text := rapid.OneOf(word, rapid.String())
	ids := rapid.SliceOfN(text, 0, 3)
	number := rapid.OneOf(rapid.Just(float64(event.Absent)), rapid.Float64Range(0, 1e6))
	bytes := rapid.OneOf(rapid.Just(int64(event.Absent)), rapid.Int64Range(0, 1<<40))
	address := rapid.Custom(func(t *rapid.T) netip.Addr {
		switch rapid.IntRange(0, 2).Draw(t, "family") {
		case 0:
			return netip.Addr{}
		case 1:
			return netip.AddrFrom4([4]byte{203, 0, 113, rapid.Byte().Draw(t, "last")})
		default:
			return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: rapid.Byte().Draw(t, "last")})
		}
	})
	e := &event.Event{
		Time:   time.Unix(rapid.Int64Range(-2_000_000_000, 9_000_000_000).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC(),
		Source: text.Draw(t, "source"), Generation: rapid.Uint64().Draw(t, "generation"), Position: position,
		Service: word.Draw(t, "service"), Format: word.Draw(t, "format"), ClientIP: address.Draw(t, "client"),
		User: text.Draw(t, "user"), Session: text.Draw(t, "session"), AuthScheme: word.Draw(t, "auth"),
		Method: word.Draw(t, "method"), Scheme: word.Draw(t, "scheme"), Host: text.Draw(t, "host"),
		Path: text.Draw(t, "path"), Query: text.Draw(t, "query"), Protocol: word.Draw(t, "protocol"),
		RequestLine: text.Draw(t, "request_line"), Route: text.Draw(t, "route"), ObjectIDs: ids.Draw(t, "object_ids"),
		Status: rapid.IntRange(0, 65535).Draw(t, "status"), BytesIn: bytes.Draw(t, "in"), BytesOut: bytes.Draw(t, "out"),
		DurationMS: number.Draw(t, "duration"), UpstreamMS: number.Draw(t, "upstream_ms"),
		Referer: text.Draw(t, "referer"), UserAgent: text.Draw(t, "agent"), UAFamily: word.Draw(t, "family"),
		IsBot: rapid.Bool().Draw(t, "bot"), TLSVersion: word.Draw(t, "tls"), RequestID: text.Draw(t, "request"),
		Upstream: word.Draw(t, "upstream"), GatewayAction: word.Draw(t, "action"), Country: word.Draw(t, "country"), City: word.Draw(t, "city"),
		Lat: rapid.Float64Range(-90, 90).Draw(t, "lat"), Lon: rapid.Float64Range(-180, 180).Draw(t, "lon"),
		ASN: rapid.Uint32().Draw(t, "asn"), ASOrg: word.Draw(t, "org"), Signatures: ids.Draw(t, "signatures"),
		AttackScore: rapid.Float64Range(0, 1).Draw(t, "score"),
	}
	if len(e.ObjectIDs) == 0 {
		e.ObjectIDs = nil
	}
	if len(e.Signatures) == 0 {
		e.Signatures = nil
	}
	return e
}

// drawBlock draws events with positions of their own, all under one stamp.
func drawBlock(t *rapid.T, at time.Time, atMost int) []*event.Event {
	list := make([]*event.Event, rapid.IntRange(1, atMost).Draw(t, "events"))
	for i := range list {
		list[i] = drawEvent(t, uint64(i))
	}
	stamp(list, at)
	return list
}

func TestEveryFieldComesBack(t *testing.T) {
	s := openTestStore(t)
	at, block := time.Date(2026, 1, 1, 0, 0, 0, 1, time.UTC), 0
	rapid.Check(t, func(rt *rapid.T) {
		if block++; block > 40 { // a block has dozens of events; more blocks only take time
			return
		}
		at = at.Add(time.Nanosecond)
		want := drawBlock(rt, at, 40)
		if err := s.InsertEvents(t.Context(), fmt.Sprint("block", block), want); err != nil {
			rt.Fatal(err)
		}
		var got []*event.Event
		q := Query{Since: at.Add(-time.Nanosecond), Cut: at}
		if err := s.ReadEvents(t.Context(), q, func(e *event.Event) error { got = append(got, e); return nil }); err != nil {
			rt.Fatal(err)
		}
		slices.SortFunc(want, event.Compare)
		if diff := cmp.Diff(want, got, compareEvents); diff != "" {
			rt.Fatalf("events differ (-stored +read):\n%s", diff)
		}
	})
}

func TestWideDictionaries(t *testing.T) {
	s := openTestStore(t)
	for _, distinct := range []int{1, 255, 256, 257, 65535, 65536, 65537} {
		list := someEvents(fmt.Sprint("source", distinct), distinct)
		for i, e := range list {
			e.Route = fmt.Sprintf("/r%d", i)
		}
		if err := s.InsertEvents(t.Context(), list[0].Source, list); err != nil {
			t.Fatal(err)
		}
		got, err := s.Measure(t.Context(), detect.Measure{
			Aggregate: detect.AggregateDistinct, Field: "route",
			Where: []detect.Condition{{Field: "source", Op: detect.OpEqual, Value: list[0].Source}},
		})
		if err != nil || got != float64(distinct) {
			t.Errorf("%d distinct routes came back as %v, %v", distinct, got, err)
		}
	}
}

// A repeated block changes neither the events nor what a materialised view made of them.
func TestRepeatedBlockCountsOnce(t *testing.T) {
	s := openTestStore(t)
	for _, sql := range []string{
		`CREATE TABLE per_route (route String, n UInt64) ENGINE = SummingMergeTree ORDER BY route
SETTINGS non_replicated_deduplication_window = 1000`,
		`CREATE MATERIALIZED VIEW per_route_view TO per_route AS SELECT route, count() AS n FROM events GROUP BY route`,
	} {
		if err := s.conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	a, b := someEvents("a.log", 1000), someEvents("b.log", 500)
	for range 3 {
		for token, list := range map[string][]*event.Event{"a": a, "b": b} {
			if err := s.InsertEvents(t.Context(), token, list); err != nil {
				t.Fatal(err)
			}
		}
	}
	var events, view uint64
	row := s.conn.QueryRow(t.Context(), "SELECT (SELECT count() FROM events), (SELECT sum(n) FROM per_route)")
	if err := row.Scan(&events, &view); err != nil {
		t.Fatal(err)
	}
	if events != 1500 || view != 1500 {
		t.Errorf("events %d, view %d; want 1500 of each", events, view)
	}
	// The same content under another stamp is another block: equal requests are never dropped.
	stamp(a, a[0].IngestedAt.Add(1))
	if err := s.InsertEvents(t.Context(), "c", a); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Measure(t.Context(), detect.Measure{Aggregate: detect.AggregateCount}); err != nil || n != 2500 {
		t.Errorf("count %v, %v; want 2500", n, err)
	}
}

// A block that spans many years is one part, so that it is stored whole or not at all.
func TestBlockIsOnePart(t *testing.T) {
	s := openTestStore(t)
	list := someEvents("old.log", 50_000)
	for i, e := range list {
		e.Time = e.Time.AddDate(-20, 0, i/5)
	}
	if err := s.InsertEvents(t.Context(), "old", list); err != nil {
		t.Fatal(err)
	}
	var parts uint64
	row := s.conn.QueryRow(t.Context(),
		"SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'")
	if err := row.Scan(&parts); err != nil || parts != 1 {
		t.Errorf("%d parts, %v; want 1", parts, err)
	}
}

func TestInsertRefuses(t *testing.T) {
	s := openTestStore(t)
	f := func(name string, change func([]*event.Event)) {
		t.Helper()
		list := someEvents("a.log", 3)
		change(list)
		if err := s.InsertEvents(t.Context(), "x", list); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: got %v, want a rejection", name, err)
		}
	}
	f("no stamp", func(l []*event.Event) { stamp(l, time.Time{}) })
	f("two stamps", func(l []*event.Event) { l[2].IngestedAt = l[2].IngestedAt.Add(1) })
	f("no time", func(l []*event.Event) { l[1].Time = time.Time{} })
	f("far future", func(l []*event.Event) { l[1].Time = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) })
	if err := s.InsertEvents(t.Context(), "", nil); err != nil {
		t.Errorf("nothing to insert: %v", err)
	}
}

// A view that lacks the newest block, as after a kill between the two commits, has it after the next start.
func TestMigrateCompletesTheNewestBlock(t *testing.T) {
	s := openTestStore(t)
	old, newest := someEvents("a.log", 300), someEvents("b.log", 200)
	stamp(newest, old[0].IngestedAt.Add(time.Second))
	if err := s.InsertEvents(t.Context(), "old", old); err != nil {
		t.Fatal(err)
	}
	if err := s.InsertEvents(t.Context(), "newest", newest); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`CREATE TABLE per_route (route String, n UInt64) ENGINE = SummingMergeTree ORDER BY route
SETTINGS non_replicated_deduplication_window = 1000`,
		`CREATE MATERIALIZED VIEW per_route_view TO per_route AS SELECT route, count() AS n FROM events GROUP BY route`,
	} {
		if err := s.conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		var events, view uint64
		row := s.conn.QueryRow(t.Context(), "SELECT (SELECT count() FROM events), (SELECT sum(n) FROM per_route)")
		if err := row.Scan(&events, &view); err != nil || events != 500 || view != 200 {
			t.Errorf("%d events, %d in the view, %v; want 500 and 200", events, view, err)
		}
	}
}

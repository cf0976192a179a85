package store

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/event"
)

var updateHistory = flag.Bool("update-history", false, "write the golden file of what a history reads")

// variedEvents are sparse events of three services: every way in which an event can count or not count.
func variedEvents(start time.Time, n int) []*event.Event {
	r := rand.New(rand.NewPCG(5, 7))
	list := make([]*event.Event, n)
	for i := range list {
		e := someEvents("varied.log", 1)[0]
		skew := int(40 * r.Float64() * r.Float64())
		e.Time = start.Add(time.Duration(r.Int64N(int64(12 * 24 * time.Hour)))).Truncate(time.Millisecond)
		e.Service, e.Route, e.Method = fmt.Sprint("s", skew%3), fmt.Sprintf("/r%d/{id}", skew), []string{"GET", "POST"}[r.IntN(2)]
		e.Position, e.Status = uint64(i+1), []int{200, 200, 200, 204, 304, 404, 500, 0}[r.IntN(8)]
		e.User, e.Session, e.AuthScheme = fmt.Sprint("u-", r.IntN(60)), "", ""
		e.ClientIP = netip.AddrFrom4([4]byte{203, 0, 113, byte(r.IntN(20))})
		e.ObjectIDs = []string{fmt.Sprint(r.IntN(50))}
		e.BytesOut, e.DurationMS = r.Int64N(5000)-1, float64(r.IntN(900))-1
		e.Country = []string{"DE", "FR", ""}[r.IntN(3)]
		switch r.IntN(6) {
		case 0:
			e.User, e.IsBot = "", r.IntN(2) == 0
		case 1:
			e.User, e.ObjectIDs, e.Session = "", nil, "s"
		case 2:
			e.Route, e.ObjectIDs = "", nil
		case 3:
			e.User, e.ClientIP, e.ObjectIDs = "", netip.Addr{}, []string{"a", fmt.Sprint(r.IntN(5))}
		}
		list[i] = e
	}
	return list
}

// linesOf writes all that a history tells of a snapshot, one line a row, sorted within each kind.
func linesOf(t *testing.T, h baseline.History, snap baseline.Snapshot) []string {
	t.Helper()
	var all []string
	kind := func(name string, read func(add func(...any) error) error) {
		var rows []string
		if err := read(func(v ...any) error { rows = append(rows, name+" "+fmt.Sprint(v...)); return nil }); err != nil {
			t.Fatal(err)
		}
		slices.Sort(rows)
		all = append(all, rows...)
	}
	type reads struct {
		Key           baseline.EndpointKey
		Actor         baseline.ActorKey
		Times, Counts []uint32
	}
	ctx := t.Context()
	kind("endpoint", func(add func(...any) error) error {
		return h.Endpoints(ctx, snap, func(r baseline.EndpointHours) error { return add(r) })
	})
	kind("shape", func(add func(...any) error) error {
		return h.Shapes(ctx, snap, func(r baseline.ShapeHours) error { return add(r) })
	})
	kind("members", func(add func(...any) error) error {
		return h.Members(ctx, snap, func(r baseline.MemberList) error { return add(r) })
	})
	kind("actor", func(add func(...any) error) error {
		type requests struct {
			Key                  baseline.ActorKey
			Hours, Requests, KiB []uint32
		}
		return h.Actors(ctx, snap, func(r baseline.ActorHours) error { return add(requests{r.Key, r.Hours, r.Requests, r.KiB}) })
	})
	kind("countries", func(add func(...any) error) error {
		return h.Actors(ctx, snap, func(r baseline.ActorHours) error {
			if len(r.Countries) == 0 {
				return nil
			}
			return add(r.Key.Value, r.Countries)
		})
	})
	kind("habits", func(add func(...any) error) error {
		return h.Actors(ctx, snap, func(r baseline.ActorHours) error {
			return add(r.Key, r.Days, r.Agents, r.Routes, r.Ever, r.Networks)
		})
	})
	kind("objects", func(add func(...any) error) error {
		return h.Objects(ctx, snap, func(r baseline.ObjectHours) error { return add(reads{r.Key, r.Actor, r.Hours, r.Distinct}) })
	})
	kind("object_days", func(add func(...any) error) error {
		return h.Objects(ctx, snap, func(r baseline.ObjectHours) error { return add(reads{r.Key, r.Actor, r.Days, r.DayDistinct}) })
	})
	kind("refusals", func(add func(...any) error) error {
		return h.Refusals(ctx, snap, func(r baseline.RefusalHours) error { return add(r) })
	})
	kind("agents", func(add func(...any) error) error {
		return h.Agents(ctx, snap, func(r baseline.AgentHours) error { return add(r) })
	})
	return all
}

// TestHistoryReadsWhatWasStored holds what a history tells against a golden digest, for whole days and for a window that
// begins and ends within one, out of the rollups and out of the events.
func TestHistoryReadsWhatWasStored(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	stored := start.AddDate(0, 1, 0)
	insertAll(t, s, staffedShop(start.AddDate(0, 0, 8), 3), stored)
	insertAll(t, s, variedEvents(start, 4000), stored.Add(time.Minute))

	snaps := map[string]baseline.Snapshot{
		"days":  {Until: start.AddDate(0, 0, 10), WindowDays: 28},
		"hours": {Until: start.AddDate(0, 0, 11).Add(5*time.Hour + 30*time.Minute), WindowDays: 7},
	}
	var digest strings.Builder
	told := map[string][]string{}
	for _, name := range []string{"days", "hours"} {
		snap := snaps[name]
		snap.Cut, snap.Generation = stored.Add(time.Hour), "test"
		told[name] = linesOf(t, s.History(), snap)
		for _, kind := range []string{"endpoint", "shape", "members", "actor", "countries", "objects", "object_days"} {
			of := slices.DeleteFunc(slices.Clone(told[name]), func(l string) bool { return !strings.HasPrefix(l, kind+" ") })
			fmt.Fprintf(&digest, "%s %s: %d rows, %.12x\n", name, kind, len(of), sha256.Sum256([]byte(strings.Join(of, "\n"))))
		}
	}
	file := filepath.Join("testdata", "history.golden")
	if *updateHistory {
		if err := os.WriteFile(file, []byte(digest.String()), 0o644); err != nil { //nolint:gosec // a golden file
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), digest.String()); d != "" {
		t.Errorf("what the history tells differs from %s (-want +got):\n%s", file, d)
	}

	for name, snap := range snaps {
		snap.Cut, snap.Generation = stored.Add(time.Hour), "test"
		inPasses := &history{s: s, passAnswers: 800, passEvents: 500}
		if d := cmp.Diff(told[name], linesOf(t, inPasses, snap)); d != "" {
			t.Errorf("%s: in several passes (-in one +in several):\n%s", name, d)
		}
	}

	late := variedEvents(start, 500)
	for _, e := range late {
		e.Source = "late.log"
	}
	insertAll(t, s, late, stored.Add(2*time.Hour))
	for name, snap := range snaps {
		snap.Cut, snap.Generation = stored.Add(time.Hour), "test"
		if d := cmp.Diff(told[name], linesOf(t, s.History(), snap)); d != "" {
			t.Errorf("%s: later events changed what the history tells (-before +after):\n%s", name, d)
		}
	}
}

func TestPassesCoverEveryRouteOnce(t *testing.T) {
	routes := []eventRoute{{"a", "/", 9, 5, 50}, {"a", "/x", 9, 7, 70}, {"b", "", 9, 1, 10}, {"b", "/x", 9, 100, 1000}, {"c", "/", 9, 1, 10}}
	hours := func(r *eventRoute) uint64 { return r.hours }
	for _, c := range []struct {
		most uint64
		want string
	}{
		{1000, "[- -)"},
		{13, "[- b/x) [b/x c/) [c/ -)"},
		{1, "[- a/x) [a/x b) [b b/x) [b/x c/) [c/ -)"},
	} {
		var got []string
		for _, p := range passes(routes, hours, c.most) {
			name := func(r *eventRoute) string {
				if r == nil {
					return "-"
				}
				return r.service + r.route
			}
			got = append(got, "["+name(p.from)+" "+name(p.until)+")")
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("passes of %d: %v, want %s", c.most, got, c.want)
		}
	}
	if got := passes(nil, hours, 1); len(got) != 1 || got[0] != (pass{}) {
		t.Errorf("passes over nothing: %v", got)
	}
}

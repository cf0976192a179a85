package store

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/event"
)

var updateRollups = flag.Bool("update-rollups", false, "write the golden files of the history's SQL")

func snapshotAt(until time.Time) baseline.Snapshot {
	return baseline.Snapshot{Cut: until.Add(time.Hour), Until: until, WindowDays: 28, Generation: "test"}
}

func TestHistorySQL(t *testing.T) {
	snap := snapshotAt(time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC))
	type build func() (string, map[string]string)
	for name, sql := range map[string]build{
		"endpoints":        func() (string, map[string]string) { return endpointHistorySQL(snap, false) },
		"services":         func() (string, map[string]string) { return serviceHistorySQL(snap, false) },
		"endpoints_events": func() (string, map[string]string) { return endpointHistorySQL(snap, true) },
		"actors":           func() (string, map[string]string) { return actorHistorySQL(snap, false, actorPass{}) },
		"actors_events":    func() (string, map[string]string) { return actorHistorySQL(snap, true, actorPass{1, 3}) },
		"objects":          func() (string, map[string]string) { return objectHistorySQL(snap, false) },
		"objects_events":   func() (string, map[string]string) { return objectHistorySQL(snap, true) },
		"shapes":           func() (string, map[string]string) { return shapeHistorySQL(snap, pass{}) },
		"shapes_large":     func() (string, map[string]string) { return shapeHistorySQL(snap, pass{large: true}) },
		"members": func() (string, map[string]string) {
			return memberHistorySQL(snap)
		},
		"service_users": func() (string, map[string]string) { return serviceUsersSQL(snap) },
		"refusals":      func() (string, map[string]string) { return refusalHistorySQL(snap, false, false) },
		"agents": func() (string, map[string]string) {
			return agentHistorySQL(snap, pass{from: &eventRoute{service: "a", route: "/x"}, until: &eventRoute{service: "b", route: "/y"}})
		},
		"day_objects": func() (string, map[string]string) {
			return dayObjectsSQL(snap.Until.AddDate(0, 0, -1), snap.Until)
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, params := sql()
			var b strings.Builder
			b.WriteString(text + "\n")
			names := make([]string, 0, len(params))
			for n := range params {
				names = append(names, n)
			}
			slices.Sort(names)
			for _, n := range names {
				fmt.Fprintf(&b, "-- %s = %s\n", n, params[n])
			}
			file := filepath.Join("testdata", "history_"+name+".sql")
			if *updateRollups {
				if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil { //nolint:gosec // a golden file
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), b.String()); d != "" {
				t.Errorf("SQL differs from %s (-want +got):\n%s", file, d)
			}
		})
	}
}

// shopEvents are ten days of a small shop: every hour 60 requests to a product page from twelve clients without a user,
// and orders read by five users, two different ones an hour each.
func shopEvents(start time.Time, days int) []*event.Event {
	var list []*event.Event
	for h := range days * 24 {
		for i := range 60 {
			for _, e := range someEvents("shop.log", 1) {
				e.Time = start.Add(time.Duration(h)*time.Hour + time.Duration(i)*time.Minute)
				e.User, e.Route, e.ObjectIDs, e.Status = "", "/products", nil, 200
				e.ClientIP = e.ClientIP.Next()
				if i%10 == 0 {
					e.User, e.Route, e.ObjectIDs = fmt.Sprintf("u-%d", h%5), "/orders/{id}", []string{fmt.Sprint(i % 20)}
				}
				if i == 59 {
					e.Status = 500
				}
				e.Position = uint64(len(list) + 1)
				list = append(list, e)
			}
		}
	}
	return list
}

func insertAll(t *testing.T, s *Store, list []*event.Event, at time.Time) {
	t.Helper()
	for i, block := range slices.Collect(slices.Chunk(list, 5000)) {
		stamp(block, at.Add(time.Duration(i)))
		for range 2 { // the second time is a retry
			if err := s.InsertEvents(t.Context(), fmt.Sprintf("%d-%d", at.UnixNano(), i), block); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func rowsOf(t *testing.T, m *baseline.Model) []string {
	t.Helper()
	var rows []string
	if err := m.Rows(func(r baseline.Row) error {
		rows = append(rows, r.Kind+" "+r.Key+" "+r.JSON)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestRecomputeIsPure(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	stored := start.AddDate(0, 1, 0)
	list := shopEvents(start, 10)
	insertAll(t, s, list, stored)
	snap := snapshotAt(start.AddDate(0, 0, 10))
	snap.Cut = stored.Add(time.Minute)

	before, err := baseline.Recompute(t.Context(), baseline.Config{}, s.History(), snap)
	if err != nil {
		t.Fatal(err)
	}
	if want := uint64(len(list)); before.Events != want {
		t.Errorf("learned from %d events, want %d: each once, though every block was sent twice", before.Events, want)
	}
	shop := before.Endpoint(baseline.EndpointKey{Service: "shop"})
	if shop == nil || shop.Step != 3600 || shop.Season.Level[0] != 60 || shop.ServerErrors.Share == 0 {
		t.Errorf("service row: %+v", shop)
	}
	orders := before.Objects(baseline.EndpointKey{Service: "shop", Method: "GET", Route: "/orders/{id}"})
	if orders == nil || orders.Users.P999 != 2 || orders.Users.Hours != 240 {
		t.Errorf("orders: %+v", orders)
	}

	// Events that arrive later, with times in the window, belong to no snapshot that was cut before them.
	late := shopEvents(start, 1)
	for _, e := range late {
		e.Source = "late.log"
	}
	insertAll(t, s, late, stored.Add(time.Hour))
	after, err := baseline.Recompute(t.Context(), baseline.Config{}, s.History(), snap)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rowsOf(t, before), rowsOf(t, after)); d != "" {
		t.Errorf("the model changed with events after its cut (-before +after):\n%s", d)
	}
	if before.Version != after.Version {
		t.Errorf("versions %s and %s of one snapshot", before.Version, after.Version)
	}
}

func TestModelsAreKept(t *testing.T) {
	s := openTestStore(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	insertAll(t, s, shopEvents(start, 10), start.AddDate(0, 1, 0))
	var models []*baseline.Model
	for _, day := range []int{8, 10} {
		snap := snapshotAt(start.AddDate(0, 0, day))
		snap.Cut = start.AddDate(0, 2, 0)
		m, err := baseline.Recompute(t.Context(), baseline.Config{}, s.History(), snap)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // saving again changes nothing
			if err := s.SaveModel(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		models = append(models, m)
	}
	list, err := s.ModelVersions(t.Context(), "test", 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Version != models[1].Version || list[1].Version != models[0].Version {
		t.Fatalf("versions: %+v", list)
	}
	got, err := s.ModelAt(t.Context(), "test", start.AddDate(0, 0, 9))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rowsOf(t, models[0]), rowsOf(t, got)); d != "" || got.Version != models[0].Version {
		t.Errorf("model came back as %s (-want +got):\n%s", got.Version, d)
	}
	if _, err := s.LoadModel(t.Context(), "none"); err == nil {
		t.Error("a version that does not exist was loaded")
	}
	if _, err := s.ModelAt(t.Context(), "other", start.AddDate(1, 0, 0)); err == nil {
		t.Error("a model of another generation was loaded")
	}
}

func TestJobsAreKept(t *testing.T) {
	s := openTestStore(t)
	snap := snapshotAt(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
	at := time.Date(2026, 3, 2, 3, 17, 0, 0, time.UTC)
	j := baseline.Job{
		ID: "job_1", Kind: baseline.JobKind, State: baseline.JobRunning, Snapshot: &snap, CreatedAt: at, StartedAt: at, Revision: 1,
	}
	save := func(j baseline.Job) {
		t.Helper()
		if err := s.SaveJob(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	save(j)
	j.State, j.Progress, j.Result, j.Revision, j.FinishedAt = baseline.JobSucceeded, 1, "v1", 2, at.Add(time.Minute)
	save(j)
	list, err := s.LoadJobs(t.Context(), baseline.JobKind, 10)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]baseline.Job{j}, list); d != "" {
		t.Errorf("jobs (-want +got):\n%s", d)
	}
}

// BenchmarkRollups measures what each materialised view costs an insert in CPU time of the engine and of this process:
// events alone, then with views. "busy" is a log of 12 requests a second over 40 routes, "sparse" one of one a minute.
func BenchmarkRollups(b *testing.B) {
	for _, density := range []struct {
		name string
		step time.Duration
	}{{"busy", 83 * time.Millisecond}, {"sparse", time.Minute}} {
		for _, views := range [][]string{
			nil,
			{"endpoint_minutes"},
			{"actor_hours"},
			{"object_hours"},
			{"endpoint_minutes", "actor_hours", "object_hours"},
			{"refusals"},
			{"endpoint_days"},
			{"endpoint_callers"},
		} {
			b.Run(density.name+"/"+strings.Join(append([]string{"events"}, views...), "+"), func(b *testing.B) {
				benchmarkRollups(b, density.step, views)
			})
		}
	}
}

func benchmarkRollups(b *testing.B, step time.Duration, views []string) {
	s := openTestStore(b)
	for _, v := range []string{"endpoint_minutes", "actor_hours", "object_hours", "refusals", "endpoint_days", "endpoint_callers"} {
		if !slices.Contains(views, v) {
			if err := s.conn.Exec(context.Background(), "DROP VIEW "+v+"_fill"); err != nil {
				b.Fatal(err)
			}
		}
	}
	list := shopEvents(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), 35)[:50_000]
	for i, e := range list {
		e.Time = list[0].Time.Add(time.Duration(i) * step)
		e.ClientIP, e.Route = netip.AddrFrom4([4]byte{203, 0, byte(i * 7 % 12), byte(i % 251)}), fmt.Sprintf("/r%d", i*i%40)
		e.DurationMS = event.Absent
		if i%3 != 0 {
			e.ObjectIDs, e.User = nil, ""
		}
	}
	n, before := 0, cpuTime(b)
	for b.Loop() {
		n++
		stamp(list, time.Unix(int64(1_800_000_000+n), 0))
		if err := s.InsertEvents(b.Context(), fmt.Sprint(n), list); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpuTime(b)-before)*1e6/float64(n)/float64(len(list)), "cpu-µs/event")
}

// cpuTime is the seconds that this process and its children have computed, from /proc.
func cpuTime(b *testing.B) (seconds float64) {
	b.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		b.Skip("no /proc to read CPU time from")
	}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a name of the system's
		if err != nil {
			continue // the process has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest)
		pid, _, _ := strings.Cut(string(text), " ")
		if len(f) < 13 || f[1] != strconv.Itoa(os.Getpid()) && pid != strconv.Itoa(os.Getpid()) {
			continue
		}
		for _, ticks := range f[11:13] {
			n, err := strconv.ParseFloat(ticks, 64)
			if err != nil {
				b.Fatal(err)
			}
			seconds += n / 100
		}
	}
	return seconds
}

package app

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/api"
	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/parsers"
)

// rotatedLogs writes days of a log, rotated and partly compressed, and returns its files and number of lines.
func rotatedLogs(t *testing.T, dir string, days int) (files []string, lines int) {
	t.Helper()
	start := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -days-3)
	for d := range days {
		var b strings.Builder
		for i := range 2400 {
			at := start.AddDate(0, 0, d).Add(time.Duration(i) * 36 * time.Second)
			fmt.Fprintf(&b, "203.0.113.%d - - [%s] \"GET /items/%d HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"\n", i%40, at.Format("02/Jan/2006:15:04:05 -0700"), i%300)
			lines++
		}
		name := filepath.Join(dir, fmt.Sprintf("access.log.%d", days-d))
		if d%2 == 0 {
			name += ".gz"
		}
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if d%2 == 0 {
			z := gzip.NewWriter(f)
			_, err = z.Write([]byte(b.String()))
			if err == nil {
				err = z.Close()
			}
		} else {
			_, err = f.WriteString(b.String())
		}
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	return files, lines
}

// TestImport loads history into a running server, twice and under other names: every line counts once, and the
// baselines have learned from it.
func TestImport(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{DataDir: filepath.Join(dir, "data")}
	s, _ := startServer(t, cfg, ServeOptions{historyPause: 200 * time.Millisecond})
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	files, lines := rotatedLogs(t, logs, 4)
	o := ImportOptions{Paths: files, Server: strings.TrimSuffix(s.URL, "/"), Key: s.AdminKey, DataDir: cfg.DataDir, Format: parsers.Spec{Name: "auto"}}
	read := int64(0)
	o.Progress = func(n int64) { read += n }
	r, err := Import(context.Background(), o)
	if err != nil || int(r.Events) != lines || r.Failed != 0 || r.Logs != 4 || read == 0 {
		t.Fatalf("%v: %+v, %d bytes of progress", err, r, read)
	}
	count := func(want int) {
		t.Helper()
		events, places := stored(t, s)
		if events != want || places != want {
			t.Errorf("%d events at %d places are stored, want %d", events, places, want)
		}
	}
	count(lines)

	// rotated meanwhile: the same content under other names
	var later []string
	for i, f := range files {
		to := filepath.Join(logs, fmt.Sprintf("access.log.%d", 20+i))
		if strings.HasSuffix(f, ".gz") {
			to += ".gz"
		}
		if err := os.Rename(f, to); err != nil {
			t.Fatal(err)
		}
		later = append(later, to)
	}
	o.Paths = later
	if r, err = Import(context.Background(), o); err != nil || int(r.Known) != lines || r.Events != 0 {
		t.Fatalf("%v: %+v", err, r)
	}
	count(lines)

	if _, err := (learning{s.learner}).Recompute(context.Background(), "test"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "baselines from the import", func() bool {
		m := s.learner.current()
		return m != nil && m.Events > 0
	})
	s.learner.runner.Wait()
	baselinesLive(t, s)

	o.Paths, lines = importBesideLive(t, s, o, logs, lines)
	if r, err = Import(context.Background(), o); err != nil || r.Events != 0 || r.Known == 0 {
		t.Fatalf("%v: %+v", err, r)
	}
	count(lines)

	o.Key = "gw_wrong"
	if _, err := Import(context.Background(), o); err == nil || !strings.Contains(err.Error(), "key") {
		t.Errorf("a wrong key: %v", err)
	}
	o.Key, o.DataDir = s.AdminKey, dir
	if _, err := Import(context.Background(), o); err == nil || !strings.Contains(err.Error(), "secret") {
		t.Errorf("no secret: %v", err)
	}
}

// importBesideLive breaks an import off that holds an attack, while a live source runs, and does it again: the attack is an
// incident of its own day. It returns the log and how many lines are stored then.
func importBesideLive(t *testing.T, s *Server, o ImportOptions, dir string, lines int) (paths []string, stored int) {
	t.Helper()
	line := func(at time.Time, client, request string, status int) string {
		return fmt.Sprintf("%s - - [%s] \"%s HTTP/1.1\" %d 512 \"-\" \"curl/8.5.0\"\n", client, at.Format("02/Jan/2006:15:04:05 -0700"), request, status)
	}
	send := func() {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, s.URL+"v1/ingest/raw?source=live", strings.NewReader(line(time.Now(), "203.0.113.1", "GET /now", 200)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.AdminKey)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	send()
	waitFor(t, "the live source", func() bool { return s.stream.isLive.Load() })

	attack := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -20).Add(3 * time.Hour)
	var b strings.Builder
	for i := range 3000 {
		b.WriteString(line(attack.Add(time.Duration(i-1500)*time.Second), "203.0.113.7", "GET /items/1", 200))
		if i >= 1500 && i < 1700 {
			b.WriteString(line(attack.Add(time.Duration(i-1500)*time.Second), "198.51.100.66", "POST /login", 401))
		}
	}
	old := filepath.Join(dir, "older.log")
	if err := os.WriteFile(old, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Paths = []string{old}
	ctx, cancel := context.WithCancel(context.Background())
	broken := o
	broken.Progress = func(int64) { cancel() }
	if _, err := Import(ctx, broken); err == nil {
		t.Log("the import was done before it was broken off")
	}
	if r, err := Import(context.Background(), o); err != nil || r.Events+r.Known != 3200 {
		t.Fatalf("%v: %+v", err, r)
	}
	waitFor(t, "the incident of the imported attack", func() bool {
		page, err := s.incidents.List(incident.Filter{Entity: "198.51.100.66"}, "-score", "", 10)
		return err == nil && len(page.Incidents) > 0 && page.Incidents[0].FirstSeen.Before(attack.Add(time.Hour)) &&
			page.Incidents[0].Kind == detect.KindCredential
	})
	return o.Paths, lines + 3200 + 1
}

// baselinesLive accepts a change, compares versions and rolls back, and finds every version where it belongs.
func baselinesLive(t *testing.T, s *Server) {
	t.Helper()
	ctx, live := context.Background(), learning{s.learner}
	first := s.learner.current()
	a, job, err := live.Accept(ctx, baseline.Acceptance{
		Endpoint: baseline.EndpointKey{Service: DefaultService, Method: "GET", Route: "/items/{id}"}, Measure: baseline.MeasuredRequests,
		Since: first.Snapshot.Until.AddDate(0, 0, -1), By: "ann", Reason: "a new customer",
	})
	if err != nil || job.ID == "" {
		t.Fatalf("accept: %+v, %v", job, err)
	}
	if _, again, err := live.Accept(ctx, baseline.Acceptance{Actor: baseline.ActorKey{User: true, Value: "u"}, Measure: baseline.MeasuredRequests, Since: a.Since, By: "ann"}); err != nil || again.ID != "" && again.ID == job.ID {
		t.Errorf("accept while a recomputation may be under way: %+v, %v", again, err)
	}
	waitFor(t, "a version with both changes", func() bool { return len(s.learner.current().Snapshot.Accepted) == 2 })
	s.learner.runner.Wait()
	second := s.learner.current()
	if !second.EffectiveFrom.After(first.EffectiveFrom) || second.Snapshot.Accepted[0].At.IsZero() {
		t.Errorf("accepted %+v, in effect from %v, before it %v", second.Snapshot.Accepted, second.EffectiveFrom, first.EffectiveFrom)
	}
	d, err := live.Diff(ctx, first.Version, "", 5)
	if err != nil || d.To.Version != second.Version || d.From.Version != first.Version {
		t.Errorf("diff %+v, %v", d, err)
	}
	hold := time.Now().Add(time.Hour)
	m, err := live.RollBack(ctx, baseline.RollBack{To: first.Version, By: "ann", Reason: "test", Hold: hold})
	if err != nil || !m.EffectiveFrom.After(second.EffectiveFrom) || s.learner.current().Version != m.Version {
		t.Fatalf("roll back: %+v, %v", m, err)
	}
	if !s.learner.held(hold.Add(-time.Minute)) || s.learner.held(hold) {
		t.Error("the roll back does not hold as long as it was told to")
	}
	stored, err := s.store.ModelAt(ctx, liveGeneration, m.EffectiveFrom.Add(time.Hour))
	if err != nil || stored.Version != m.Version || len(stored.Snapshot.Accepted) != len(first.Snapshot.Accepted) {
		t.Errorf("a restart finds %+v, %v", stored, err)
	}
	if list, err := live.Accepted(ctx); err != nil || len(list) != 0 {
		t.Errorf("after the roll back is accepted %+v, %v", list, err)
	}
	if _, err := live.Cancel(ctx, job.ID); !errors.Is(err, api.ErrOver) {
		t.Errorf("cancel of what is over: %v", err)
	}
	if _, err := live.RollBack(ctx, baseline.RollBack{To: "nothing"}); !errors.Is(err, api.ErrNoVersion) {
		t.Errorf("roll back to nothing: %v", err)
	}
}

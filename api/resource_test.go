package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/api/client"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/ingest"
)

func someEventPlace() event.Place {
	e := someEvent(7)
	return e.Place()
}

func TestIncidentRoundTrip(t *testing.T) {
	b := newBench(t)
	path := "/v1/incidents/" + b.first
	res := b.ask(RoleViewer, "GET", path, "")
	var inc incident.Incident
	res.into(t, &inc)
	tag := res.Header.Get("ETag")
	if tag != `"1"` || len(inc.Evidence) != 2 || len(inc.Findings) != 1 {
		t.Fatalf("%s %s", tag, res.body)
	}
	for _, name := range []string{
		"id", "title", "detector", "kind", "severity", "score", "status", "entity", "service", "first_seen", "last_seen",
		"event_count", "observed", "expected", "explanation", "owasp", "mitre", "tags", "evidence", "findings",
	} {
		if !strings.Contains(res.body, `"`+name+`":`) {
			t.Errorf("the JSON has no %s", name)
		}
	}
	if res := b.ask(RoleViewer, "GET", path, "", "If-None-Match", tag); res.StatusCode != 304 || res.body != "" {
		t.Errorf("with its ETag: %d", res.StatusCode)
	}
	res = b.ask(RoleAnalyst, "PATCH", path, `{"status":"acknowledged","assignee":"bea","reason":"looking"}`, "If-Match", tag)
	res.into(t, &inc)
	if res.StatusCode != 200 || inc.Status != incident.StatusAcknowledged || inc.Assignee != "bea" || res.Header.Get("ETag") != `"2"` {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	if got := inc.History[len(inc.History)-1]; got.Actor != "the analyst" || got.Reason != "looking" {
		t.Errorf("history %+v", got)
	}
	if res := b.ask(RoleAnalyst, "PATCH", path, `{"status":"resolved"}`, "If-Match", tag); res.StatusCode != 412 || res.Header.Get("ETag") != `"2"` {
		t.Errorf("with the old ETag: %d %s", res.StatusCode, res.Header.Get("ETag"))
	}
	if res := b.ask(RoleAnalyst, "POST", path+"/notes", `{"text":"asked the customer"}`); res.StatusCode != 201 || !strings.Contains(res.body, `"author":"the analyst"`) {
		t.Errorf("note: %d %s", res.StatusCode, res.body)
	}
	var story struct {
		Timeline []step `json:"timeline"`
	}
	b.ask(RoleViewer, "GET", path+"/timeline", "").into(t, &story)
	var types []string
	for _, s := range story.Timeline {
		types = append(types, s.Type)
	}
	if !slices.Equal(types, []string{"change", "change", "change", "note", "finding"}) {
		t.Errorf("timeline %v", types)
	}
	want := []string{
		"the viewer incident.read " + b.first, "the viewer incident.read " + b.first, "the analyst incident.change " + b.first,
		"the analyst incident.note " + b.first,
	}
	if got := b.store.actions(); !slices.Equal(got, want) {
		t.Errorf("audit %q", got)
	}
}

func TestListPages(t *testing.T) {
	b := newBench(t)
	next := "/v1/incidents?limit=2&sort=first_seen&severity=high"
	var ids []string
	for next != "" {
		res := b.ask(RoleViewer, "GET", next, "")
		var page client.Page
		res.into(t, &page)
		for _, inc := range page.Incidents {
			ids = append(ids, inc.ID)
			if inc.Evidence != nil || inc.Findings != nil {
				t.Error("a list carries evidence")
			}
		}
		if page.Total != 3 {
			t.Errorf("total %d", page.Total)
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(res.Header.Get("Link"), "<"), ">")
	}
	if len(ids) != 3 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 3 {
		t.Errorf("ids %v", ids)
	}
}

func TestReproduce(t *testing.T) {
	path := func(b *bench) string { return "/v1/incidents/" + b.first + "/reproduce" }
	for name, c := range map[string]struct {
		value  float64
		events uint64
		same   bool
		source string
	}{
		"the same number":  {40, 44, true, "events"},
		"another number":   {39, 43, false, "events"},
		"the events gone":  {0, 0, true, "evidence"},
		"in the last bits": {40 * (1 + 1e-12), 44, true, "events"},
	} {
		b := newBench(t)
		b.store.value, b.store.events = c.value, c.events
		var r reproduction
		res := b.ask(RoleViewer, "GET", path(b), "")
		res.into(t, &r)
		if r.Same != c.same || r.Source != c.source || r.EventsAvailable != (c.events > 0) || r.Observed != 40 ||
			!strings.HasPrefix(r.SQL, "SELECT") || r.Parameters["p0"] == "" || r.Detail == "" {
			t.Errorf("%s: %s", name, res.body)
		}
	}
	b := newBench(t)
	b.store.down = errDown
	if res := b.ask(RoleViewer, "GET", path(b), ""); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("store down: %d", res.StatusCode)
	}
}

func TestEventsAreConditions(t *testing.T) {
	b := newBench(t)
	res := b.ask(RoleViewer, "GET", "/v1/events?client_ip=::ffff:203.0.113.9&user=alice&status_gte=400&signature=sqli&limit=1", "")
	if res.StatusCode != 200 {
		t.Fatal(res.body)
	}
	want := []detect.Condition{
		{Field: "user", Op: detect.OpEqual, Value: "alice"},
		{Field: "client_ip", Op: detect.OpEqual, Value: "203.0.113.9"},
		{Field: "signatures", Op: detect.OpHas, Value: "sqli"},
		{Field: "status", Op: detect.OpGTE, Value: "400"},
	}
	if !slices.Equal(b.store.where, want) {
		t.Errorf("conditions %+v", b.store.where)
	}
	var page struct {
		NextCursor string `json:"next_cursor"`
	}
	res.into(t, &page)
	if at, err := parsePlace(page.NextCursor); err != nil || at.Position != 7 {
		t.Errorf("cursor %q: %v", page.NextCursor, err)
	}
	if res := b.ask(RoleViewer, "GET", "/v1/events?cursor="+page.NextCursor, ""); res.StatusCode != 200 || strings.Contains(res.body, "next_cursor") {
		t.Errorf("next page: %s", res.body)
	}
}

func TestEvidenceIsNotReadUnseen(t *testing.T) {
	b := newBench(t)
	b.store.down = errDown
	for _, path := range []string{"/v1/incidents/" + b.first, "/v1/incidents/" + b.first + "/evidence", "/v1/events"} {
		if res := b.ask(RoleViewer, "GET", path, ""); res.StatusCode != 503 || strings.Contains(res.body, "orders") {
			t.Errorf("%s without an audit: %d %s", path, res.StatusCode, res.body)
		}
	}
}

func TestAuditPages(t *testing.T) {
	b := newBench(t)
	for range 5 {
		b.ask(RoleViewer, "GET", "/v1/events", "")
	}
	seen := map[string]bool{}
	cursor := ""
	for range 10 {
		var page struct {
			Audit      []auditEntry `json:"audit"`
			NextCursor string       `json:"next_cursor"`
		}
		b.ask(RoleAdmin, "GET", "/v1/audit?limit=2&cursor="+cursor, "").into(t, &page)
		for _, e := range page.Audit {
			seen[e.ID] = true
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if cursor != "" || len(seen) != 5 {
		t.Errorf("%d rows, cursor %q", len(seen), cursor)
	}
}

func compress(t *testing.T, encoding, text string) string {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch encoding {
	case "gzip":
		w := gzip.NewWriter(&b)
		_, err = w.Write([]byte(text))
		err = errors.Join(err, w.Close())
	case "zstd":
		var w *zstd.Encoder
		if w, err = zstd.NewWriter(&b); err == nil {
			_, err = w.Write([]byte(text))
			err = errors.Join(err, w.Close())
		}
	default:
		b.WriteString(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestIngest(t *testing.T) {
	raw := strings.Repeat(`203.0.113.9 - - [01/Mar/2026:12:00:00 +0000] "GET /orders/1 HTTP/1.1" 200 12 "-" "curl/8.5.0"`+"\n", 3) + "junk\n"
	wire := `{"time":"2026-03-01T12:00:00Z","method":"GET","path":"/a","status":200,"position":"0"}` + "\n"
	for _, encoding := range []string{"identity", "gzip", "zstd"} {
		b := newBench(t)
		res := b.ask(RoleAgent, "POST", "/v1/ingest/raw?source=edge&service=shop", compress(t, encoding, raw), "Content-Encoding", encoding)
		var out pushed
		res.into(t, &out)
		if res.StatusCode != 200 || out.Lines != 4 || out.Events != 3 || out.Failed != 1 || out.Source != "edge" || out.Format == "" {
			t.Errorf("%s: %d %s", encoding, res.StatusCode, res.body)
		}
		if e := b.sink.batches[0].Events[0]; e.Service != "shop" || e.UAFamily != "normalised" || e.Path != "/orders/1" {
			t.Errorf("%s: event %+v", encoding, e)
		}
		if res := b.ask(RoleAgent, "POST", "/v1/ingest/events", compress(t, encoding, wire), "Content-Encoding", encoding); res.StatusCode != 200 {
			t.Errorf("%s: %d %s", encoding, res.StatusCode, res.body)
		}
		if got := b.sink.batches[1]; got.Source != "push/the agent" || len(got.Events) != 1 {
			t.Errorf("%s: %+v", encoding, got)
		}
	}
}

func TestOnlyAgentsAreBelievedToNormalise(t *testing.T) {
	wire := `{"time":"2026-03-01T12:00:00Z","method":"GET","path":"/a","status":200,"position":"0"}` + "\n"
	for _, c := range []struct {
		role  Role
		claim string
		want  string
	}{{RoleAgent, "1", ""}, {RoleAgent, "", "normalised"}, {RoleAdmin, "1", "normalised"}} {
		b := newBench(t)
		b.ask(c.role, "POST", "/v1/ingest/events", wire, ingest.HeaderNormalized, c.claim)
		if got := b.sink.batches[0].Events[0].UAFamily; got != c.want {
			t.Errorf("%s claiming %q: %q", c.role, c.claim, got)
		}
	}
}

func TestIngestIsAcknowledgedByTheStoreAlone(t *testing.T) {
	wire := `{"time":"2026-03-01T12:00:00Z","method":"GET","path":"/a","status":200,"position":"0"}` + "\n"
	for name, c := range map[string]struct {
		err    error
		status int
		retry  bool
	}{
		"down":     {errDown, 503, true},
		"stopping": {ingest.ErrClosed, 503, true},
		"refused":  {ingest.ErrRejected, 422, false},
	} {
		b := newBench(t)
		b.sink.fail = c.err
		res := b.ask(RoleAgent, "POST", "/v1/ingest/events", wire)
		if res.StatusCode != c.status || (res.Header.Get("Retry-After") != "") != c.retry {
			t.Errorf("%s: %d, Retry-After %q", name, res.StatusCode, res.Header.Get("Retry-After"))
		}
	}
	b := newBench(t, func(d *Deps) { d.Limits.MaxBytes = 1000 })
	bomb := compress(t, "gzip", strings.Repeat("\n", 1<<20))
	if res := b.ask(RoleAgent, "POST", "/v1/ingest/events", bomb, "Content-Encoding", "gzip"); res.StatusCode != 413 || !res.problem(t).names("body") {
		t.Errorf("a body that swells: %d %s", res.StatusCode, res.body)
	}
}

func TestBaselinesAndJobs(t *testing.T) {
	b := newBench(t)
	res := b.ask(RoleAnalyst, "POST", "/v1/baselines/recompute", "")
	if res.StatusCode != 202 || res.Header.Get("Location") != "/v1/jobs/job_1" || !strings.Contains(res.body, `"requested_by":"the analyst"`) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	b = newBench(t, func(d *Deps) { d.Baselines = fakeBaselines{busy: true} })
	if res := b.ask(RoleAnalyst, "POST", "/v1/baselines/recompute", ""); res.StatusCode != 409 {
		t.Errorf("while one is under way: %d", res.StatusCode)
	}
	b = newBench(t, func(d *Deps) { d.Baselines, d.Sink, d.Sources, d.Rules = nil, nil, nil, nil })
	for _, op := range [][2]string{
		{"POST", "/v1/baselines/recompute"}, {"GET", "/v1/jobs"}, {"GET", "/v1/sources"}, {"GET", "/v1/rules"}, {"POST", "/v1/ingest/raw"},
	} {
		if res := b.ask(RoleAdmin, op[0], op[1], ""); res.StatusCode != 501 {
			t.Errorf("%v without its part: %d", op, res.StatusCode)
		}
	}
}

func TestHealth(t *testing.T) {
	b := newBench(t)
	if res := b.ask("", "GET", "/readyz", ""); res.StatusCode != 200 {
		t.Errorf("ready: %d", res.StatusCode)
	}
	b.store.down = errDown
	if res := b.ask("", "GET", "/readyz", ""); res.StatusCode != 503 {
		t.Errorf("not ready: %d", res.StatusCode)
	}
	if res := b.ask("", "GET", "/healthz", ""); res.StatusCode != 200 {
		t.Errorf("alive: %d", res.StatusCode)
	}
	if res := b.ask(RoleViewer, "GET", "/metrics", ""); !strings.Contains(res.body, `gatewatch_http_requests_total{method="GET",route="/readyz",status="503"} 1`) {
		t.Errorf("metrics: %s", res.body)
	}
	open := newBench(t, func(d *Deps) { d.Config.PublicMetrics = true })
	if res := open.ask("", "GET", "/metrics", ""); res.StatusCode != 200 {
		t.Errorf("public metrics: %d", res.StatusCode)
	}
}

func TestPanicsAreTheServersOwn(t *testing.T) {
	b := newBench(t)
	b.public.GET("/panic", func(echo.Context) error { panic("secret detail") })
	res := b.ask("", "GET", "/panic", "")
	if p := res.problem(t); p.Status != 500 || strings.Contains(res.body, "secret") {
		t.Errorf("%s", res.body)
	}
}

func TestHeaders(t *testing.T) {
	b := newBench(t, func(d *Deps) {
		d.Console = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("console")) })
	})
	res := b.ask("", "GET", "/", "", "X-Request-Id", "req-1.a_B")
	if res.body != "console" || res.Header.Get("X-Request-Id") != "req-1.a_B" {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for _, bad := range []string{"a b", strings.Repeat("x", 65), "a\"b"} {
		if res := b.ask("", "GET", "/healthz", "", "X-Request-Id", bad); res.Header.Get("X-Request-Id") == bad {
			t.Errorf("request id %q was taken over", bad)
		}
	}
	if res := b.ask("", "GET", "/nothing", ""); res.body != "console" && res.StatusCode != 404 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

func TestAdminSocket(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	path := filepath.Join(dir, AdminSocket)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.RunAdmin(ctx, path) }()
	c := client.NewSocket(path)
	var key client.Key
	var err error
	for range 1000 { // until it listens
		if key, err = c.CreateKey(ctx, client.NewKey{Name: "ci", Role: "agent", Services: []string{"shop"}, ExpiresAt: noon.AddDate(10, 0, 0)}); !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
	}
	if err != nil || !strings.HasPrefix(key.Secret, "gw_") || key.CreatedBy != "admin socket" {
		t.Fatalf("%+v %v", key, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket %v %v", info.Mode(), err)
	}
	if err := b.RunAdmin(ctx, path); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server: %v", err)
	}
	if _, err := c.RevokeKey(ctx, key.ID); err != nil {
		t.Error(err)
	}
	var refused *client.Error
	if _, err := c.RevokeKey(ctx, "key_0"); !errors.As(err, &refused) || refused.Status != 404 {
		t.Errorf("%v", err)
	}
	if _, err := c.Incidents(ctx, nil); !errors.As(err, &refused) || refused.Status != 404 {
		t.Errorf("the socket serves more than keys: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.RunAdmin(t.Context(), filepath.Join(dir, "file")); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("over a file: %v", err)
	}
	if err := b.RunAdmin(t.Context(), filepath.Join(dir, strings.Repeat("x", 120))); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("a long path: %v", err)
	}
}

func TestClient(t *testing.T) {
	b := newBench(t)
	base := b.live(t)
	c, err := client.New(base, b.secrets[RoleAnalyst])
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.Incidents(t.Context(), map[string][]string{"sort": {"last_seen"}, "limit": {"1"}})
	if err != nil || len(page.Incidents) != 1 || page.NextCursor == "" {
		t.Fatalf("%+v %v", page, err)
	}
	full, err := c.Incident(t.Context(), page.Incidents[0].ID)
	if err != nil || len(full.Evidence) != 2 {
		t.Fatalf("%+v %v", full, err)
	}
	status := incident.StatusResolved
	var refused *client.Error
	if _, err := c.PatchIncident(t.Context(), full.ID, 9, incident.Patch{Status: &status}); !errors.As(err, &refused) || refused.Status != 412 {
		t.Errorf("%v", err)
	}
	if got, err := c.PatchIncident(t.Context(), full.ID, full.Version, incident.Patch{Status: &status}); err != nil || got.Status != status {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := client.New("localhost:1", ""); err == nil {
		t.Error("an address without a scheme is taken")
	}
	if _, err := json.Marshal(page); err != nil {
		t.Error(err)
	}
}

package api

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/incident"
)

// What is wrong is told with a 4xx that names the field; nothing changes.
func TestBadInput(t *testing.T) {
	b := newBench(t)
	inc := "/v1/incidents/" + b.first
	huge := strings.Repeat("x", 70_000)
	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		field                      string
	}{
		{"severity", "GET", "/v1/incidents?severity=loud", "", nil, 400, "severity"},
		{"one of two severities", "GET", "/v1/incidents?severity=high,loud", "", nil, 400, "severity"},
		{"empty word", "GET", "/v1/incidents?kind=abuse,,", "", nil, 400, "kind"},
		{"status", "GET", "/v1/incidents?status=closed", "", nil, 400, "status"},
		{"since", "GET", "/v1/incidents?since=yesterday", "", nil, 400, "since"},
		{"negative since", "GET", "/v1/incidents?since=-24h", "", nil, 400, "since"},
		{"endless since", "GET", "/v1/incidents?since=99999999999999d", "", nil, 400, "since"},
		{"until in year 9999", "GET", "/v1/incidents?until=9999-01-01T00:00:00Z", "", nil, 400, "until"},
		{"huge page", "GET", "/v1/incidents?limit=100000000000000000000", "", nil, 400, "limit"},
		{"zero page", "GET", "/v1/incidents?limit=0", "", nil, 400, "limit"},
		{"page in words", "GET", "/v1/incidents?limit=ten", "", nil, 400, "limit"},
		{"cursor", "GET", "/v1/incidents?cursor=%00", "", nil, 400, "cursor"},
		{"cursor of another kind", "GET", "/v1/incidents?cursor=" + placeCursor(someEventPlace()), "", nil, 400, "cursor"},
		{"sort", "GET", "/v1/incidents?sort=-name", "", nil, 400, "sort"},
		{"twice", "GET", "/v1/incidents?limit=1&limit=2", "", nil, 400, "limit"},
		{"broken escape", "GET", "/v1/incidents?q=%zz", "", nil, 400, "query"},
		{"long text", "GET", "/v1/incidents?q=" + huge, "", nil, 400, "q"},
		{"score", "GET", "/v1/incidents?min_score=101", "", nil, 400, "min_score"},
		{"id", "GET", "/v1/incidents/42", "", nil, 400, "id"},
		{"id with a quote", "GET", "/v1/incidents/inc_'", "", nil, 400, "id"},
		{"unknown id", "GET", "/v1/incidents/inc_00", "", nil, 404, ""},
		{"empty body", "PATCH", inc, "", nil, 400, "body"},
		{"no object", "PATCH", inc, `[]`, nil, 400, "body"},
		{"cut JSON", "PATCH", inc, `{"status":`, nil, 400, "body"},
		{"two values", "PATCH", inc, `{"status":"open"} {}`, nil, 400, "body"},
		{"unknown member", "PATCH", inc, `{"score":1}`, nil, 400, "score"},
		{"wrong type", "PATCH", inc, `{"status":1}`, nil, 400, "status"},
		{"unknown status", "PATCH", inc, `{"status":"gone"}`, nil, 400, "status"},
		{"nothing to change", "PATCH", inc, `{}`, nil, 400, "status"},
		{"not UTF-8", "PATCH", inc, "{\"assignee\":\"\xff\"}", nil, 400, "body"},
		{"control", "PATCH", inc, `{"assignee":"\u0000"}`, nil, 400, "assignee"},
		{"huge body", "PATCH", inc, `{"assignee":"` + huge + `"}`, nil, 413, "body"},
		{"deep", "PATCH", inc, strings.Repeat("[", 30_000), nil, 400, "body"},
		{"version", "PATCH", inc, `{"status":"open"}`, []string{"If-Match", "abc"}, 400, "If-Match"},
		{"version zero", "PATCH", inc, `{"status":"open"}`, []string{"If-Match", `"0"`}, 400, "If-Match"},
		{"stale version", "PATCH", inc, `{"status":"resolved"}`, []string{"If-Match", `"77"`}, 412, "If-Match"},
		{"note without text", "POST", inc + "/notes", `{"text":"  "}`, nil, 400, "text"},
		{"long note", "POST", inc + "/notes", `{"text":"` + strings.Repeat("x", 4001) + `"}`, nil, 400, "text"},
		{"unknown finding", "GET", inc + "/reproduce?finding=fnd_x", "", nil, 400, "finding"},
		{"address", "GET", "/v1/events?client_ip=300.1.1.1", "", nil, 400, "client_ip"},
		{"address with a zone", "GET", "/v1/events?client_ip=fe80::1%25eth0", "", nil, 400, "client_ip"},
		{"status of an event", "GET", "/v1/events?status=2xx", "", nil, 400, "status"},
		{"events' cursor", "GET", "/v1/events?cursor=e30", "", nil, 400, "cursor"},
		{"events' page", "GET", "/v1/events?limit=1001", "", nil, 400, "limit"},
		{"resume", "GET", "/v1/incidents/stream", "", []string{"Last-Event-ID", "x1"}, 400, "Last-Event-ID"},
		{"resume by parameter", "GET", "/v1/incidents/stream?last_event_id=-1", "", nil, 400, "last_event_id"},
		{"job", "GET", "/v1/jobs/job_2", "", nil, 404, ""},
		{"job id", "GET", "/v1/jobs/a'b", "", nil, 400, "id"},
		{"key without a name", "POST", "/v1/keys", `{"role":"admin"}`, nil, 400, "name"},
		{"key without a role", "POST", "/v1/keys", `{"name":"x"}`, nil, 400, "role"},
		{"key with a wrong role", "POST", "/v1/keys", `{"name":"x","role":"root"}`, nil, 400, "role"},
		{"key that is over", "POST", "/v1/keys", `{"name":"x","role":"admin","expires_at":"2020-01-01T00:00:00Z"}`, nil, 400, "expires_at"},
		{"key with a wrong time", "POST", "/v1/keys", `{"name":"x","role":"admin","expires_at":"soon"}`, nil, 400, "expires_at"},
		{"member twice", "PATCH", inc, `{"status":"open","status":"resolved"}`, nil, 400, "status"},
		{"member twice in another case", "PATCH", inc, `{"status":"open","Status":"resolved"}`, nil, 400, "Status"},
		{"member twice within", "POST", "/v1/baselines/accept", `{"entity":{"type":"user","value":"x","value":"y"},"reason":"x"}`, nil, 400, "value"},
		{"severity of a policy", "PUT", "/v1/policies/x", `{"auth":true,"severity":"loud"}`, nil, 400, "severity"},
		{"huge number", "POST", "/v1/baselines/rollback", `{"version":"v1","reason":"x","hold_hours":1e99}`, nil, 400, "hold_hours"},
		{"negative duration", "POST", "/v1/decisions", `{"value":"203.0.113.9","duration":"-4h"}`, nil, 400, "duration"},
		{"deep members", "PATCH", inc, strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), nil, 400, "a"},
		{"unknown key", "DELETE", "/v1/keys/key_0", "", nil, 404, ""},
		{"raw in no format", "POST", "/v1/ingest/raw?format=csvish", "x", nil, 400, "format"},
		{"raw in no zone", "POST", "/v1/ingest/raw?time_zone=Mars/Olympus", "x", nil, 400, "time_zone"},
		{"raw with a broken log_format", "POST", "/v1/ingest/raw?format=" + url.QueryEscape("$nothing here"), "x", nil, 400, "format"},
		{"junk", "POST", "/v1/ingest/raw", "this is no log\n", nil, 422, "body"},
		{"encoding", "POST", "/v1/ingest/raw", "x", []string{"Content-Encoding", "br"}, 415, "Content-Encoding"},
		{"not gzip", "POST", "/v1/ingest/events", "x", []string{"Content-Encoding", "gzip"}, 400, "body"},
		{"not zstd", "POST", "/v1/ingest/events", "xxxxxxxxxxxx", []string{"Content-Encoding", "zstd"}, 400, "body"},
		{"header", "POST", "/v1/ingest/events", "", []string{"X-Gatewatch-From", "x"}, 400, "X-Gatewatch-From"},
		{"source", "POST", "/v1/ingest/events", "", []string{"X-Gatewatch-Source", strings.Repeat("s", 600)}, 400, "X-Gatewatch-Source"},
		{"nowhere", "GET", "/v1/nothing", "", nil, 404, ""},
		{"up and over", "GET", "/v1/incidents/../keys", "", nil, 404, ""},
		{"up and over, escaped", "GET", "/v1/incidents/%2e%2e/keys", "", nil, 404, ""},
		{"method", "DELETE", "/v1/incidents", "", nil, 405, ""},
	} {
		res := b.ask(RoleAdmin, c.method, c.target, c.body, c.headers...)
		if res.StatusCode != c.status {
			t.Errorf("%s: %d %.200s, want %d", c.name, res.StatusCode, res.body, c.status)
			continue
		}
		if p := res.problem(t); c.field != "" && !p.names(c.field) {
			t.Errorf("%s: %s does not name %s", c.name, res.body, c.field)
		}
	}
	now, err := b.manager.Get(t.Context(), b.first)
	if err != nil || now.Version != 1 || now.Status != incident.StatusOpen {
		t.Errorf("bad input changed the incident: %+v %v", now, err)
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-03-01T12:00:00Z":      "2026-03-01T12:00:00Z",
		"2026-03-01T12:00:00+02:00": "2026-03-01T10:00:00Z",
		"24h":                       "2026-03-09T00:00:00Z",
		"7d":                        "2026-03-03T00:00:00Z",
		"90m":                       "2026-03-09T22:30:00Z",
		"0s":                        "2026-03-10T00:00:00Z",
	} {
		if got, err := parseTime(text, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: %v %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "h", "d", "1w", "-1d", "1.5d", "2026-03-01", "now", "1969-12-31T23:59:59Z", "65536d"} {
		if got, err := parseTime(text, now); err == nil {
			t.Errorf("%q is accepted as %v", text, got)
		}
	}
}

// Whatever comes in a query, the answer is a page or a problem of the 4xx kind.
func FuzzListQuery(f *testing.F) {
	for _, q := range []string{
		"severity=high&since=24h", "cursor=eyJzIjoic2NvcmUiLCJ2Ijo0MCwiaSI6ImluY18xIn0&sort=score", "limit=-1", "q=%", "a=b&&&=;",
		"entity=client_ip:203.0.113.1&until=2026-03-01T00:00:00Z", "kind=abuse,abuse&min_score=00",
	} {
		f.Add(q)
	}
	b := newBench(f)
	f.Fuzz(func(t *testing.T, q string) {
		for _, path := range []string{"/v1/incidents", "/v1/events", "/v1/audit"} {
			res := b.ask(RoleAdmin, "GET", path+"?"+q, "")
			if res.StatusCode >= 500 || res.StatusCode != 200 && len(res.problem(t).Errors) == 0 {
				t.Fatalf("%s?%s: %d %s", path, q, res.StatusCode, res.body)
			}
		}
	})
}

// Whatever comes as a JSON body, the answer is 2xx or a problem of the 4xx kind that names a field.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		`{"status":"open"}`, `{"text":"x"}`, `{"name":"x","role":"viewer"}`, `{"status":null}`, `{"assignee":{}}`, `nul`, `"`, `{"":0}`,
		`{"name":"x","role":"viewer","expires_at":"2030-01-01T00:00:00Z"}`, "\ufeff{}",
		`{"value":"203.0.113.9","duration":"1h"}`, `{"value":"::/0"}`, `{"cidr":"203.0.113.0/24","reason":"x"}`, `{"user":"x","reason":"x"}`, `{"ids":["inc_0"],"status":"open"}`,
	} {
		f.Add([]byte(body))
	}
	b := newBench(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, op := range [][2]string{
			{"PATCH", "/v1/incidents/" + b.first},
			{"POST", "/v1/incidents/" + b.first + "/notes"},
			{"POST", "/v1/keys"},
			{"POST", "/v1/decisions"},
			{"POST", "/v1/suppressions"},
			{"POST", "/v1/allowlists?dry_run=true"},
			{"POST", "/v1/incidents/bulk"},
		} {
			res := b.ask(RoleAdmin, op[0], op[1], string(body))
			if res.StatusCode >= 500 || res.StatusCode >= 400 && len(res.problem(t).Errors) == 0 {
				t.Fatalf("%v: %d %s", op, res.StatusCode, res.body)
			}
		}
	})
}

// Whatever comes as a push, the answer is 2xx or a problem of the 4xx kind.
func FuzzPush(f *testing.F) {
	f.Add([]byte("203.0.113.9 - - [01/Mar/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 12\n"), "")
	f.Add([]byte(`{"time":"2026-03-01T12:00:00Z","path":"/"}`), "identity")
	f.Add([]byte("\x1f\x8b\x08\x00"), "gzip")
	f.Add([]byte("\x28\xb5\x2f\xfd"), "zstd")
	b := newBench(f)
	f.Fuzz(func(t *testing.T, body []byte, encoding string) {
		for _, path := range []string{"/v1/ingest/raw", "/v1/ingest/events"} {
			res := b.ask(RoleAdmin, "POST", path, string(body), "Content-Encoding", encoding)
			if res.StatusCode >= 500 || res.StatusCode >= 400 && len(res.problem(t).Errors) == 0 {
				t.Fatalf("%s: %d %s", path, res.StatusCode, res.body)
			}
		}
		b.sink.batches = nil
	})
}

// Whatever stands in the path's id or the conditional headers, it is no fault of ours.
func FuzzIDsAndHeaders(f *testing.F) {
	f.Add("inc_1", `"1"`, "0")
	f.Add("../..", "*", "x")
	b := newBench(f)
	f.Fuzz(func(t *testing.T, id, match, last string) {
		for _, op := range [][2]string{
			{"GET", "/v1/incidents/" + id},
			{"PATCH", "/v1/incidents/" + id},
			{"GET", "/v1/jobs/" + id},
			{"DELETE", "/v1/keys/" + id},
			{"DELETE", "/v1/decisions/" + id},
			{"DELETE", "/v1/suppressions/" + id},
			{"GET", "/v1/incidents/" + id + "/decisions"},
			{"GET", "/v1/incidents/" + id + "/reproduce"},
		} {
			if strings.HasSuffix(op[1], "/stream") {
				continue // it does not end
			}
			res := b.ask(RoleAdmin, op[0], op[1], `{"status":"acknowledged"}`, "If-Match", match, "If-None-Match", match)
			if res.StatusCode >= 500 && res.StatusCode != 501 {
				t.Fatalf("%v: %d %s", op, res.StatusCode, res.body)
			}
		}
		if _, err := parsePlace(last); err == nil && last == "" {
			t.Fatal("an empty cursor is a place")
		}
	})
}

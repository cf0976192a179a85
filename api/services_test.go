package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/decision"
	"github.com/gatewatch/gatewatch/incident/exception"
	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/inventory/policy"
)

// hidden stands in everything that is about the other service, and in nothing else.
const hidden = "payroll"

// hiddenRequests is how often the other service's endpoint was asked.
const hiddenRequests = 97_700_000_077

// twoServices is a bench with a second service, of which nothing may be seen with a key for the shop.
type twoServices struct {
	*bench
	secret     string // incident, endpoint, policy, suppression, decision of the hidden service
	endpoint   string
	suppressed string
	decided    uint64
	mixed      string // an incident over both
	both       uint64 // a decision out of it
}

func newTwoServices(t *testing.T) *twoServices {
	t.Helper()
	two := &twoServices{bench: newBench(t)}
	b, ctx := two.bench, t.Context()
	about := func(service string, e detect.Entity, detector string) detect.Finding {
		f := finding(50, 5)
		f.Service, f.Entity, f.Detector, f.Route = service, e, detector, "/"+service+"/{id}"
		f.Title, f.Explanation = "About "+service, "GET /"+service+"/1 answered too often."
		f.MITRE, f.Tags = []string{"T-" + service}, []string{service}
		f.Outcome = &detect.Outcome{Verdict: detect.LikelySucceeded, Reason: "GET /" + service + "/1 answered 200.", At: f.LastSeen, Answers: 1}
		for i := range f.Sample {
			f.Sample[i].Service, f.Sample[i].Path, f.Sample[i].Position = service, "/"+service+"/1", uint64(100+i+len(service))
		}
		f.ID = detect.FindingID(f.Detector, f.Entity, f.Service, nil, f.FiredAt)
		return f
	}
	user := detect.Entity{Type: detect.EntityUser, Value: hidden + "-ann"}
	client := detect.Entity{Type: detect.EntityClient, Value: "198.51.100.1"}
	list := []detect.Finding{about(hidden, user, hidden+"-detector"), about(hidden, client, hidden+"-detector"), about("shop", client, "shop_detector")}
	if err := b.manager.Apply(ctx, list); err != nil {
		t.Fatal(err)
	}
	page, err := b.manager.List(incident.Filter{Service: hidden}, "event_count", "", 10)
	if err != nil || len(page.Incidents) != 2 {
		t.Fatalf("%+v %v", page, err)
	}
	for _, inc := range page.Incidents {
		if inc.Entity == user {
			two.secret = inc.ID
		} else {
			two.mixed = inc.ID
		}
	}
	key := inventory.Key{Service: hidden, Method: "GET", Route: "/" + hidden + "/{id}"}
	b.store.used = []inventory.Use{{Key: key, Status: 200, Identity: "jwt", Requests: hiddenRequests, First: noon, Last: noon}}
	two.endpoint = key.ID()
	for i, service := range []string{hidden, "shop", hidden, "", "shop"} {
		ev := someEvent(uint64(i + 1))
		if ev.Service = service; service != "shop" {
			ev.Path, ev.Route = "/"+hidden+"/1", key.Route
		}
		b.store.stored = append(b.store.stored, ev)
	}
	if _, err := b.inventory.PutDocument(ctx, hidden, []byte(strings.ReplaceAll(shopDocument, "/reports", "/"+hidden)), hidden+"-ann"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.policies.Put(ctx, "of-"+hidden, 0, policy.New{Service: hidden, Auth: true, Reason: hidden}, "ann"); err != nil {
		t.Fatal(err)
	}
	x, err := b.exceptions.Add(ctx, exception.Suppress, exception.New{Service: hidden, Route: "/none", Reason: hidden}, "ann")
	if err != nil {
		t.Fatal(err)
	}
	two.suppressed = x.ID
	if _, err := b.exceptions.Add(ctx, exception.Suppress, exception.New{Service: "shop", Route: "/none", Reason: "ours"}, "ann"); err != nil {
		t.Fatal(err)
	}
	two.decided = two.ban(t, "192.0.2.66", two.secret, hidden)
	two.both = two.ban(t, "192.0.2.67", two.mixed, hidden, "shop")
	return two
}

func (two *twoServices) ban(t *testing.T, value, inc string, services ...string) uint64 {
	t.Helper()
	d, err := two.book.Add(t.Context(), decision.New{Value: value, Incident: inc, Services: services, Reason: hidden + " was attacked"}, "ann")
	if err != nil {
		t.Fatal(err)
	}
	return d.ID
}

// limit makes every role's key one for the services.
func (two *twoServices) limit(t *testing.T, services ...string) {
	t.Helper()
	for _, r := range Roles() {
		_, secret, err := two.keys.Create(context.Background(), NewKey{Name: "some " + string(r), Role: r, Services: services}, "test")
		if err != nil {
			t.Fatal(err)
		}
		two.secrets[r] = secret
	}
}

// leaks reports whether an answer has a word of the hidden service, in a cursor as well.
func leaks(res answerTo) bool {
	text := res.body
	for _, header := range res.Header {
		text += strings.Join(header, "\n")
	}
	var page struct {
		NextCursor string `json:"next_cursor"`
	}
	if json.Unmarshal([]byte(res.body), &page) == nil {
		b, _ := base64.RawURLEncoding.DecodeString(page.NextCursor)
		text += string(b)
	}
	return strings.Contains(text, hidden) || strings.Contains(text, fmt.Sprint(hiddenRequests))
}

// Every operation under a key for the shop either refuses it or tells nothing of the other service; under a key for all the
// other service is there, so that the test would see it.
func TestNothingOfAnotherServiceLeaks(t *testing.T) {
	refused, shown, seen := 0, 0, map[string]bool{}
	for name, op := range operations(t) {
		if op.OperationID == "streamIncidents" || len(op.Roles) == 0 {
			continue // see TestStreamOfAService; the others are public
		}
		method, _, _ := strings.Cut(name, " ")
		all := newTwoServices(t)
		target, body, headers := all.example(name)
		seen[op.OperationID] = leaks(all.ask(RoleAdmin, method, target, body, headers...))

		two := newTwoServices(t)
		two.limit(t, "shop")
		target, body, headers = two.example(name)
		if name == "POST /v1/suppressions" {
			body = `{"service":"shop","route":"/x","reason":"ours"}`
		}
		if name == "PUT /v1/policies/{id}" {
			target, body = "/v1/policies/ours", `{"service":"shop","auth":true}`
		}
		res := two.ask(RoleAdmin, method, target, body, headers...)
		switch {
		case leaks(res):
			t.Errorf("%s tells of %s: %d %s", name, hidden, res.StatusCode, res.body)
		case !op.ForServices && res.StatusCode != http.StatusForbidden:
			t.Errorf("%s: %d, want it refused", name, res.StatusCode)
		case !op.ForServices:
			refused++
		case res.StatusCode/100 == 2:
			shown++
		case slices.Contains([]string{"deletePolicy", "endDecision", "endSuppression", "reproduceIncident"}, op.OperationID):
			// the examples' hold for all services; see TestOwnServiceIsWithinReach
		default:
			t.Errorf("%s: %d %s, want it to pass", name, res.StatusCode, res.body)
		}
	}
	for _, id := range []string{
		"listIncidents", "exportIncidents", "searchEvents", "exportEvents", "listEndpoints", "exportEndpoints", "listDocuments", "listPolicies",
		"reportAccess", "listSuppressions", "listDecisions", "streamDecisions", "securityMetrics",
	} {
		if leaking, called := seen[id]; !called || !leaking {
			t.Errorf("%s tells nothing of %s to a key for all (called: %v): the test proves nothing there", id, hidden, called)
		}
	}
	if refused < 25 || shown < 40 {
		t.Errorf("%d operations refused, %d shown", refused, shown)
	}
}

// What belongs to the other service cannot be asked for, found by what a filter selects, or changed.
func TestAnotherServiceIsOutOfReach(t *testing.T) {
	two := newTwoServices(t)
	all := two.secrets[RoleAdmin]
	two.limit(t, "shop")
	inc, endpoint := "/v1/incidents/"+two.secret, "/v1/endpoints/"+two.endpoint
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"GET", inc, "", 404},
		{"PATCH", inc, `{"status":"resolved"}`, 404},
		{"POST", inc + "/notes", `{"text":"x"}`, 404},
		{"GET", inc + "/evidence", "", 404},
		{"GET", inc + "/timeline", "", 404},
		{"GET", inc + "/reproduce", "", 404},
		{"GET", inc + "/decisions", "", 404},
		{"PATCH", "/v1/incidents/" + two.mixed, `{"status":"resolved"}`, 403},
		{"POST", "/v1/incidents/" + two.mixed + "/notes", `{"text":"x"}`, 403},
		{"GET", "/v1/incidents/" + two.mixed + "/reproduce", "", 403},
		{"GET", "/v1/incidents?service=" + hidden, "", 403},
		{"GET", "/v1/incidents/stream?service=" + hidden, "", 403},
		{"GET", "/v1/incidents/export?service=" + hidden, "", 403},
		{"GET", "/v1/events?service=" + hidden, "", 403},
		{"GET", "/v1/events/export?service=" + hidden, "", 403},
		{"GET", "/v1/endpoints?service=" + hidden, "", 403},
		{"GET", "/v1/reports/access?service=" + hidden, "", 403},
		{"GET", endpoint, "", 404},
		{"PATCH", endpoint, `{"owner":"me"}`, 404},
		{"GET", "/v1/openapi/" + hidden, "", 403},
		{"PUT", "/v1/openapi/" + hidden, shopDocument, 403},
		{"DELETE", "/v1/openapi/" + hidden, "", 403},
		{"GET", "/v1/entities/service/" + hidden, "", 403},
		{"GET", "/v1/entities/endpoint/GET%20%2Fx?service=" + hidden, "", 403},
		{"GET", "/v1/policies/of-" + hidden, "", 404},
		{"PUT", "/v1/policies/of-" + hidden, `{"service":"shop","auth":true}`, 403},
		{"PUT", "/v1/policies/new", `{"service":"` + hidden + `","auth":true}`, 403},
		{"PUT", "/v1/policies/new", `{"route":"/*","auth":true}`, 403},
		{"PUT", "/v1/policies/guarded", `{"service":"shop","auth":true}`, 403},
		{"DELETE", "/v1/policies/of-" + hidden, "", 403},
		{"DELETE", "/v1/policies/guarded", "", 403},
		{"POST", "/v1/suppressions", `{"service":"` + hidden + `","reason":"x"}`, 403},
		{"POST", "/v1/suppressions?dry_run=true", `{"cidr":"0.0.0.0/0","reason":"x"}`, 403},
		{"DELETE", "/v1/suppressions/" + two.suppressed, "", 404},
		{"POST", "/v1/allowlists", `{"cidr":"192.0.2.66","reason":"x"}`, 403},
		{"POST", "/v1/decisions", `{"value":"198.51.100.9"}`, 403},
		{"DELETE", "/v1/decisions/" + decisionID(two.decided), "", 404},
		{"DELETE", "/v1/decisions/" + decisionID(two.both), "", 403},
		{"DELETE", "/v1/decisions/1", "", 403},
		{"POST", "/v1/keys", `{"name":"x","role":"admin"}`, 403},
	} {
		res := two.ask(RoleAdmin, c.method, c.target, c.body)
		if res.StatusCode != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.target, res.StatusCode, res.body, c.status)
		}
		if leaks(res) {
			t.Errorf("%s %s: %s", c.method, c.target, res.body)
		}
	}
	for _, query := range []string{
		"q=" + hidden, "detector=" + hidden + "-detector", "route=/" + hidden + "/{id}", "entity=" + hidden + "-ann", "entity=user:" + hidden + "-ann",
	} {
		var page incidentList
		two.ask(RoleAdmin, "GET", "/v1/incidents?"+query, "").into(t, &page)
		if page.Total != 0 {
			t.Errorf("%s selects %d incidents", query, page.Total)
		}
	}
	two.secrets[RoleAdmin] = all
	for _, target := range []string{inc, endpoint, "/v1/policies/of-" + hidden, "/v1/policies/guarded", "/v1/openapi/" + hidden} {
		if res := two.ask(RoleAdmin, "GET", target, ""); res.StatusCode != 200 || strings.Contains(res.body, `"resolved"`) || strings.Contains(res.body, `"me"`) {
			t.Errorf("%s after the attempts: %d %s", target, res.StatusCode, res.body)
		}
	}
}

// What belongs to the key's service alone can be changed and taken again.
func TestOwnServiceIsWithinReach(t *testing.T) {
	two := newTwoServices(t)
	f := finding(60, 6)
	f.Measure.Where = []detect.Condition{{Field: "service", Op: detect.OpEqual, Value: "shop"}}
	if err := two.manager.Apply(t.Context(), []detect.Finding{f}); err != nil {
		t.Fatal(err)
	}
	inc := strings.Replace(f.ID, "fnd_", "inc_", 1)
	decided := two.ban(t, "192.0.2.68", inc, "shop")
	list := two.exceptions.List(exception.Suppress)
	own := list[slices.IndexFunc(list, func(x exception.Exception) bool { return x.Service == "shop" })]
	two.limit(t, "shop")
	for _, c := range [][3]string{
		{"GET", "/v1/incidents/" + inc + "/reproduce"},
		{"PATCH", "/v1/incidents/" + inc, `{"status":"acknowledged"}`},
		{"DELETE", "/v1/decisions/" + decisionID(decided)},
		{"DELETE", "/v1/suppressions/" + own.ID},
		{"PUT", "/v1/policies/ours", `{"service":"shop","auth":true}`},
		{"DELETE", "/v1/policies/ours"},
	} {
		if res := two.ask(RoleAnalyst, c[0], c[1], c[2]); res.StatusCode/100 != 2 {
			t.Errorf("%v: %d %s", c, res.StatusCode, res.body)
		}
	}
	var whole incident.Incident
	two.ask(RoleAnalyst, "GET", "/v1/incidents/"+inc, "").into(t, &whole)
	if whole.Explanation != f.Explanation || len(whole.Findings) != 1 {
		t.Errorf("%+v", whole)
	}
}

// Counts are of what is seen, and a bulk change tells what it left alone.
func TestCountsOfAService(t *testing.T) {
	two := newTwoServices(t)
	two.limit(t, "shop")
	var page struct {
		Incidents []incident.Incident `json:"incidents"`
		Total     int                 `json:"total"`
	}
	two.ask(RoleViewer, "GET", "/v1/incidents?sort=-event_count", "").into(t, &page)
	if page.Total != 4 || len(page.Incidents) != 4 { // the bench's three and the one over both
		t.Errorf("%d of %d", len(page.Incidents), page.Total)
	}
	for _, inc := range page.Incidents {
		if inc.ID == two.mixed && (inc.EventCount != 12 || inc.FindingCount != 1 || !slices.Equal(inc.Services, []string{"shop"}) || inc.Detector != "shop_detector") {
			t.Errorf("the incident over both: %+v", inc)
		}
	}
	var m securityMetrics
	two.ask(RoleViewer, "GET", "/v1/metrics/security?since=2020-01-01T00:00:00Z", "").into(t, &m)
	if m.Incidents != 4 || len(m.BlindSpots) != 0 {
		t.Errorf("%+v", m)
	}
	var endpoints endpointList
	two.ask(RoleViewer, "GET", "/v1/endpoints", "").into(t, &endpoints)
	if res := two.ask(RoleViewer, "GET", "/v1/events?limit=1", ""); !strings.Contains(res.body, `"next_cursor"`) || leaks(res) {
		t.Errorf("events: %s", res.body)
	}
	for _, e := range endpoints.Endpoints {
		if e.Service != "shop" || endpoints.Total != len(endpoints.Endpoints) {
			t.Errorf("%+v", e)
		}
	}
	var bulk struct {
		Results []bulkResult `json:"results"`
	}
	body := fmt.Sprintf(`{"ids":[%q,%q,%q],"status":"resolved"}`, two.secret, two.mixed, two.first)
	two.ask(RoleAnalyst, "POST", "/v1/incidents/bulk", body).into(t, &bulk)
	if r := bulk.Results; len(r) != 3 || r[0].Error != "no such incident" || !strings.Contains(r[1].Error, "services") || r[2].Error != "" || r[2].Version != 2 {
		t.Errorf("%+v", bulk)
	}
}

// A stream tells of the shop alone, from the first change on.
func TestStreamOfAService(t *testing.T) {
	two := newTwoServices(t)
	two.limit(t, "shop")
	base := two.live(t)
	incidents := 0
	err := two.listen(t.Context(), base, "", "0", func(e sse) bool {
		if strings.Contains(e.data, hidden) {
			t.Errorf("%+v", e)
		}
		if e.name == "incident" {
			incidents++
		}
		return incidents < 4
	})
	if err != nil || incidents != 4 {
		t.Errorf("%d incidents, %v", incidents, err)
	}
}

// A gateway in front of the shop refuses what was decided about it, and what counts everywhere.
func TestCheckOfAService(t *testing.T) {
	two := newTwoServices(t)
	two.limit(t, "shop")
	for client, want := range map[string]int{"192.0.2.66": 200, "192.0.2.67": 403, "192.0.2.1": 403, "192.0.2.2": 200} {
		res := two.ask(RoleBouncer, "GET", "/v1/check", "", "X-Forwarded-For", client)
		if res.StatusCode != want || leaks(res) {
			t.Errorf("%s: %d %s", client, res.StatusCode, res.body)
		}
	}
	if res := two.ask(RoleBouncer, "GET", "/v1/decisions?scenarios_containing="+hidden, ""); res.body != "null" {
		t.Errorf("found by what is not shown: %s", res.body)
	}
}

// An agent of the shop pushes the shop's events alone.
func TestIngestOfAService(t *testing.T) {
	line := func(service string) string {
		return `{"time":"2026-03-01T12:00:00Z","method":"GET","path":"/1","status":200` + service + `}` + "\n"
	}
	raw := `203.0.113.9 - - [01/Mar/2026:12:00:00 +0000] "GET /orders/1 HTTP/1.1" 200 12 "-" "curl/8.5.0"` + "\n"
	for _, c := range []struct {
		name, target, body string
		services           []string
		status             int
		stored             string
	}{
		{"its own", "/v1/ingest/events", line(`,"service":"shop"`), []string{"shop"}, 200, "shop"},
		{"none named", "/v1/ingest/events", line(""), []string{"shop"}, 200, "shop"},
		{"none named of two", "/v1/ingest/events", line(""), []string{"shop", "blog"}, 403, ""},
		{"another", "/v1/ingest/events", line(`,"service":"payroll"`), []string{"shop"}, 403, ""},
		{"one of many is another", "/v1/ingest/events", line(`,"service":"shop"`) + line(`,"service":"payroll"`), []string{"shop"}, 403, ""},
		{"raw", "/v1/ingest/raw", raw, []string{"shop"}, 200, "shop"},
		{"raw of another", "/v1/ingest/raw?service=payroll", raw, []string{"shop"}, 403, ""},
		{"raw of one of two", "/v1/ingest/raw?service=blog", raw, []string{"shop", "blog"}, 200, "blog"},
		{"OTLP", "/v1/logs", `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"payroll"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1772366400000000000","attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/1"}},{"key":"http.response.status_code","value":{"intValue":"200"}}]}]}]}]}`, []string{"shop"}, 403, ""},
	} {
		two := newTwoServices(t)
		two.limit(t, c.services...)
		res := two.ask(RoleAgent, "POST", c.target, c.body, "Content-Type", "application/json")
		if res.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, res.StatusCode, res.body, c.status)
		}
		if c.stored == "" {
			if len(two.sink.batches) > 0 {
				t.Errorf("%s: something was stored", c.name)
			}
			continue
		}
		if len(two.sink.batches) != 1 || two.sink.batches[0].Events[0].Service != c.stored {
			t.Errorf("%s: %+v", c.name, two.sink.batches)
		}
	}
}

// A key may have a limit of its own, which is neither the configuration's nor another key's.
func TestRateOfAKey(t *testing.T) {
	b := newBench(t)
	for _, rate := range []string{"-1", "0.01", "1e9", `"fast"`} {
		res := b.ask(RoleAdmin, "POST", "/v1/keys", `{"name":"x","role":"viewer","rate_per_second":`+rate+`}`)
		if res.StatusCode != 400 || !res.problem(t).names("rate_per_second") {
			t.Errorf("%s: %d %s", rate, res.StatusCode, res.body)
		}
	}
	var made madeKey
	b.ask(RoleAdmin, "POST", "/v1/keys", `{"name":"x","role":"viewer","rate_per_second":2}`).into(t, &made)
	b.secrets[RoleViewer] = made.Secret
	for i := range 5 {
		res := b.ask(RoleViewer, "GET", "/v1/incidents", "")
		if want := map[bool]int{true: 200, false: 429}[i < 4]; res.StatusCode != want { // the clock stands still
			t.Errorf("request %d: %d, want %d", i+1, res.StatusCode, want)
		}
	}
	if res := b.ask(RoleAnalyst, "GET", "/v1/incidents", ""); res.StatusCode != 200 {
		t.Errorf("another key: %d", res.StatusCode)
	}
}

// The whole audit comes out, over pages, with an entry about who took it.
func TestAuditExport(t *testing.T) {
	b := newBench(t)
	for i := range 2500 { // several a moment, so that a page ends within one
		b.store.audit = append(b.store.audit, auditEntry{ID: fmt.Sprintf("aud_%05d", i), Time: noon.Add(time.Duration(i/7) * time.Second), Actor: "=cmd()", Role: "admin", Action: "test"})
	}
	res := b.ask(RoleAdmin, "GET", "/v1/audit/export", "")
	ids := map[string]bool{}
	for line := range strings.Lines(res.body) {
		var e auditEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil || ids[e.ID] {
			t.Fatalf("%s: %v", line, err)
		}
		ids[e.ID] = true
	}
	if len(ids) != 2501 || !strings.Contains(res.body, `"action":"audit.export"`) {
		t.Errorf("%d entries, want 2501", len(ids))
	}
	if res := b.ask(RoleAdmin, "GET", "/v1/audit/export?format=csv", ""); !strings.HasPrefix(res.body, "id,time,actor") || !strings.Contains(res.body, "'=cmd()") {
		t.Errorf("%.200s", res.body)
	}
}

func TestServicesOfKeys(t *testing.T) {
	b := newBench(t)
	res := b.ask(RoleAdmin, "POST", "/v1/keys", `{"name":"x","role":"viewer","services":["web","shop","web"]}`)
	var made Key
	if res.into(t, &made); res.StatusCode != 201 || !slices.Equal(made.Services, []string{"shop", "web"}) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if last := b.store.audit[len(b.store.audit)-1]; !strings.Contains(last.Detail, "for shop, web") {
		t.Errorf("audit: %+v", last)
	}
	for _, services := range []string{`[]`, `[""]`, `["a\u0000"]`, `["` + strings.Repeat("x", 201) + `"]`, `["x"` + strings.Repeat(`,"x"`, 100) + `]`, `"shop"`} {
		if res := b.ask(RoleAdmin, "POST", "/v1/keys", `{"name":"x","role":"viewer","services":`+services+`}`); res.StatusCode != 400 || !res.problem(t).names("services") {
			t.Errorf("%.40s: %d %s", services, res.StatusCode, res.body)
		}
	}
	again, err := NewKeys(t.Context(), b.store, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(again.List(), func(k Key) bool { return k.ID == made.ID }); i < 0 || !slices.Equal(again.List()[i].Services, made.Services) {
		t.Error("a restart forgot the services")
	}
	// Who may do everything for one service is no way into all of them.
	st := &fakeStore{keys: map[string][]byte{}}
	keys, err := NewKeys(t.Context(), st, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := keys.Create(t.Context(), NewKey{Name: "x", Role: RoleAdmin, Services: []string{"shop"}}, "ann"); err != nil {
		t.Fatal(err)
	}
	if _, created, err := keys.EnsureAdmin(t.Context()); err != nil || !created {
		t.Errorf("no key for everything was made: %v", err)
	}
	if got := event.Services(nil); !got.Covers("") || (event.Services{"shop"}).Covers("") {
		t.Error("what belongs to no service is seen without a limit alone")
	}
}

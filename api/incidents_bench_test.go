package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// crowd fills the manager with incidents of all severities, kinds, services and outcomes, one in ten over two services.
func crowd(b *testing.B, m *incident.Manager, n int) {
	b.Helper()
	kinds, outcomes := detect.Kinds(), []detect.Verdict{detect.Refused, detect.Failed, detect.Unclear, detect.LikelySucceeded}
	list := make([]detect.Finding, 0, 2000)
	flush := func() {
		if err := m.Apply(b.Context(), list); err != nil {
			b.Fatal(err)
		}
		list = list[:0]
	}
	for i := range n {
		f := finding(0, i%10_000)
		f.Entity = detect.Entity{Type: detect.EntityClient, Value: fmt.Sprintf("203.%d.%d.%d", i>>16&255, i>>8&255, i&255)}
		if i%3 == 0 {
			f.Entity = detect.Entity{Type: detect.EntityUser, Value: fmt.Sprintf("user-%d", i)}
		}
		f.Detector, f.Kind, f.Severity = fmt.Sprintf("detector_%d", i%40), kinds[i%len(kinds)], detect.Severity(1+i%4)
		f.Service, f.Route = fmt.Sprintf("service-%d", i%12), fmt.Sprintf("/v1/things-%d/{id}", i%500)
		f.EventCount, f.Observed = uint64(i*31%5000+1), float64(i%900+20)
		f.Outcome = &detect.Outcome{Verdict: outcomes[i/7%4], Reason: "120 of 120 answers were 403.", At: f.LastSeen, Answers: 1}
		f.Explanation = fmt.Sprintf("It asked for %d paths that do not exist within ten minutes, for example /v1/things-%d/%d.", i%900+20, i%500, i)
		f.Sample = nil
		f.ID = detect.FindingID(f.Detector, f.Entity, f.Service, nil, f.FiredAt)
		list = append(list, f)
		if i%10 == 0 {
			f.Service = fmt.Sprintf("service-%d", (i+5)%12)
			f.ID = detect.FindingID(f.Detector, f.Entity, f.Service, nil, f.FiredAt)
			list = append(list, f)
		}
		if len(list) >= 1990 {
			flush()
		}
	}
	flush()
}

// BenchmarkIncidentList asks for lists over 100,000 incidents through the whole server but its socket: key, role, filter,
// page, JSON. Wall time holds what else the machine does; CPU time is of the answering thread.
func BenchmarkIncidentList(b *testing.B) {
	s := newBench(b)
	crowd(b, s.manager, 100_000)
	_, limited, err := s.keys.Create(b.Context(), NewKey{Name: "some", Role: RoleViewer, Services: []string{"service-3", "service-4"}}, "test")
	if err != nil {
		b.Fatal(err)
	}
	var page struct {
		NextCursor string `json:"next_cursor"`
	}
	s.ask(RoleViewer, "GET", "/v1/incidents?limit=500&sort=-score", "").into(b, &page)
	for _, c := range []struct{ name, query, key string }{
		{"default", "", ""},
		{"open_and_bad", "severity=high,critical&status=open&since=20h&sort=-score", ""},
		{"entity", "entity=client_ip:203.1.2.3", ""},
		{"detector_and_route", "detector=detector_7&route=/v1/things-47/{id}&sort=-event_count", ""},
		{"service", "service=service-5&outcome=likely_succeeded&sort=-updated_at", ""},
		{"text", "q=things-77%2F9", ""},
		{"text_of_nothing", "q=not+to+be+found&sort=severity", ""},
		{"second_page_of_500", "limit=500&sort=-score&cursor=" + page.NextCursor, ""},
		{"some_members", "fields=id,title,score&limit=500", ""},
		{"key_for_two_services", "sort=-score", limited},
		{"key_for_two_services_text", "q=things-77%2F9", limited},
	} {
		b.Run(c.name, func(b *testing.B) {
			key := c.key
			if key == "" {
				key = s.secrets[RoleViewer]
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var wall, cpu []time.Duration
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "/v1/incidents?"+c.query, strings.NewReader(""))
				r.Header.Set("X-Api-Key", key)
				w := httptest.NewRecorder()
				at, used := time.Now(), threadTime(b)
				s.Handler().ServeHTTP(w, r)
				wall, cpu = append(wall, time.Since(at)), append(cpu, threadTime(b)-used)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body.String())
				}
			}
			report(b, "", wall)
			report(b, "cpu-", cpu)
		})
	}
}

// threadTime is the CPU time that this thread has used.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	const thread = 1 // RUSAGE_THREAD, of getrusage(2)
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report adds the median and the 99th percentile in milliseconds.
func report(b *testing.B, of string, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	for _, percent := range []int{50, 99} {
		d := took[min(len(took)*percent/100, len(took)-1)]
		b.ReportMetric(float64(d.Microseconds())/1000, fmt.Sprintf("%sp%d-ms", of, percent))
	}
}

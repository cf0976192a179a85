package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/incident"
)

// startServer runs a server until the test ends or stop is called.
func startServer(t testing.TB, cfg Config, o ServeOptions) (s *Server, stop func()) {
	t.Helper()
	requireEngine(t)
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	cfg.Pipeline.Off = true // the disk of whoever runs the tests is no matter of theirs
	o.engineCommand = testEngine()
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan *Server, 1), make(chan error, 1)
	o.started = func(s *Server) { started <- s }
	go func() { ended <- Serve(ctx, cfg, o) }()
	select {
	case s = <-started:
	case err := <-ended:
		cancel()
		t.Fatalf("the server did not start: %v", err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	t.Cleanup(stop)
	return s, stop
}

// get decodes a REST answer.
func get(t testing.TB, s *Server, key, path string, into any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.URL+strings.TrimPrefix(path, "/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s: %s", path, resp.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("GET %s: %v: %s", path, err, body)
	}
}

// bruteForce are the lines of a client that tries passwords, one a second, ending at end.
func bruteForce(client string, tries int, end time.Time) string {
	var b strings.Builder
	for i := range tries {
		at := end.Add(-time.Duration(tries-1-i) * time.Second)
		fmt.Fprintf(&b, "%s - - [%s] \"POST /login HTTP/1.1\" 401 64 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n",
			client, at.UTC().Format("02/Jan/2006:15:04:05 -0700"))
	}
	return b.String()
}

// waitFor polls until ok says so.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after 2 minutes", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

type incidentList struct {
	Incidents []*incident.Incident `json:"incidents"`
}

// TestServeTurnsALogLineIntoAnIncident follows a log, finds the brute force in it over REST with its explanation and
// evidence, takes the number again, and finds the same incident after a restart.
func TestServeTurnsALogLineIntoAnIncident(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	if err := os.WriteFile(log, []byte(bruteForce("203.0.113.9", 40, time.Now())), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Config{DataDir: filepath.Join(dir, "data"), Sources: []Source{{Files: []string{log}}}}
	s, stop := startServer(t, cfg, ServeOptions{})
	if s.AdminKey == "" {
		t.Fatal("the first start made no admin key")
	}
	key := s.AdminKey
	var list incidentList
	find := func() bool {
		get(t, s, key, "/v1/incidents?entity=203.0.113.9", &list)
		return len(list.Incidents) > 0
	}
	waitFor(t, "an incident about the client", find)
	first := list.Incidents[0]
	if !strings.Contains(first.Explanation, "203.0.113.9") {
		t.Errorf("the explanation does not name the client: %s", first.Explanation)
	}
	var again struct {
		Observed   float64 `json:"observed"`
		Reproduced float64 `json:"reproduced"`
		Same       bool    `json:"same"`
		SQL        string  `json:"sql"`
	}
	get(t, s, key, "/v1/incidents/"+first.ID+"/reproduce", &again)
	if !again.Same || again.Observed != again.Reproduced || again.Observed == 0 || again.SQL == "" {
		t.Errorf("reproduced %v, observed %v with %q", again.Reproduced, again.Observed, again.SQL)
	}
	stop()

	s, _ = startServer(t, cfg, ServeOptions{})
	if s.AdminKey != "" {
		t.Error("the second start made another admin key")
	}
	waitFor(t, "the incident after a restart", find)
	if len(list.Incidents) != 1 || list.Incidents[0].ID != first.ID {
		t.Errorf("after the restart %d incidents, the first %s; want the one from before, %s", len(list.Incidents), list.Incidents[0].ID, first.ID)
	}
	holdToPolicies(t, s, key)
}

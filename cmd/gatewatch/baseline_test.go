package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBaselineScore(t *testing.T) {
	var out, errs bytes.Buffer
	in := strings.NewReader("timestamp,value\n2026-03-02 00:00:00,1\n2026-03-02 00:05:00,\n")
	if code := run(t.Context(), []string{"baseline", "score", "-"}, streams{in, &out, &errs}); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	want := "timestamp,value,anomaly_score\n2026-03-02 00:00:00,1,0.000000\n2026-03-02 00:05:00,,0.000000\n"
	if out.String() != want {
		t.Errorf("stdout %q, want %q", out.String(), want)
	}
	if !strings.Contains(errs.String(), "2 rows, 0 alarms (score 0.5 or more), 1 missing values") {
		t.Errorf("stderr %q", errs.String())
	}
	if code := run(t.Context(), []string{"baseline", "score", "no-such-file.csv"}, streams{in, &out, &errs}); code != 1 {
		t.Errorf("a missing file exits with %d", code)
	}
}

func TestBaselineRecomputeAndShow(t *testing.T) {
	polls := 0
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/baselines/recompute", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprint(w, `{"id":"job_1","status":"running"}`)
	})
	mux.HandleFunc("GET /v1/jobs/job_1", func(w http.ResponseWriter, r *http.Request) {
		polls++
		_, _ = fmt.Fprint(w, `{"id":"job_1","status":"succeeded","version":"20260302T000000Z-0123456789ab"}`)
	})
	mux.HandleFunc("GET /v1/baselines", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, `{"baselines":[{"version":"v1","events":42,"endpoints":3,"actors":5,"effective_from":"2026-03-02T00:00:00Z",
			"snapshot":{"until":"2026-03-02T00:00:00Z","window_days":28}}]}`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"recompute"}, "job_1 succeeded 20260302T000000Z-0123456789ab\n"},
		{[]string{"show"}, "v1       2026-03-02T00:00:00Z  2026-02-02T00:00:00Z  42"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"baseline"}, append(c.args, "--server", server.URL, "--key", "k")...)
		if code := run(t.Context(), args, streams{nil, &out, &errs}); code != 0 {
			t.Fatalf("%v: exit %d: %s", c.args, code, errs.String())
		}
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("%v printed %q, want %q", c.args, out.String(), c.want)
		}
	}
	if polls != 1 {
		t.Errorf("the job was asked for %d times", polls)
	}
}

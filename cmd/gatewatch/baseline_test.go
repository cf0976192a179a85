package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
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

func TestBaselineScoreReadsArchivesAndTellsWhatIsOdd(t *testing.T) {
	var packed, out, errs bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("timestamp,value\n2026-03-02 00:00:00,1\nsoon,x\n"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), []string{"baseline", "score", "-"}, streams{bytes.NewReader(packed.Bytes()), &out, &errs}); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	if want := "timestamp,value,anomaly_score\n2026-03-02 00:00:00,1,0.000000\nsoon,x,0.000000\n"; out.String() != want {
		t.Errorf("stdout %q, want %q", out.String(), want)
	}
	for _, want := range []string{"2 rows", "1 values are no numbers", "1 timestamps are not understood", `line 3: value "x"`, `line 3: timestamp "soon"`} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("stderr %q, want %q in it", errs.String(), want)
		}
	}
	errs.Reset()
	cut := bytes.NewReader(packed.Bytes()[:packed.Len()-8])
	if code := run(t.Context(), []string{"baseline", "score", "-"}, streams{cut, &out, &errs}); code != 1 || !strings.Contains(errs.String(), "unexpected EOF") {
		t.Errorf("a truncated archive: exit %d, %q", code, errs.String())
	}
}

func TestBaselineRecomputeAndShow(t *testing.T) {
	polls := 0
	mux := http.NewServeMux()
	asked := 0
	mux.HandleFunc("POST /v1/baselines/recompute", func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked > 1 {
			w.WriteHeader(http.StatusConflict)
			_, _ = fmt.Fprint(w, `{"status":409,"title":"Conflict","detail":"a recomputation is under way"}`)
			return
		}
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
	mux.HandleFunc("GET /v1/jobs", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"jobs":[{"id":"job_0","status":"failed"},{"id":"job_1","status":"running","progress":0.5}]}`)
	})
	mux.HandleFunc("POST /v1/jobs/job_1/cancel", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"id":"job_1","status":"cancelled"}`)
	})
	mux.HandleFunc("POST /v1/baselines/accept", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // the comparison tells
		if want := `{"entity":{"type":"endpoint","value":"GET /orders"},"service":"shop","measure":"requests","since":"2026-03-01T10:00:00Z","reason":"a customer"}`; string(body) != want {
			t.Errorf("sent %s, want %s", body, want)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprint(w, `{"accepted":{"since":"2026-03-01T10:00:00Z"},"job":{"id":"job_1","status":"running"}}`)
	})
	mux.HandleFunc("POST /v1/baselines/rollback", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprint(w, `{"version":"v2","effective_from":"2026-03-03T00:00:00Z"}`)
	})
	mux.HandleFunc("GET /v1/baselines/diff", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"from":{"version":%q},"to":{"version":%q},"total":2,"differences":[
			{"entity":{"type":"endpoint","value":"GET /orders"},"service":"shop","measure":"requests_per_day","before":100,"after":300}]}`,
			r.URL.Query().Get("from"), r.URL.Query().Get("to"))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"show", "--diff", "a", "b"}, "shop     GET /orders  requests_per_day  100     300    +200%\nand 1 smaller ones"},
		{[]string{"show", "--diff", "a", "b", "--json"}, `"to":{"version":"b"`},
		{[]string{"accept", "endpoint", "GET /orders", "--service", "shop", "--since", "2026-03-01T10:00:00Z", "--reason", "a customer", "--no-wait"}, "job_1 running \n"},
		{[]string{"rollback", "v1", "--reason", "wrong"}, "v2 judges from 2026-03-03T00:00:00Z on as v1 did\n"},
		{[]string{"jobs"}, "job_1  running"},
		{[]string{"cancel"}, "job_1 cancelled \n"},
		{[]string{"recompute"}, "job_1 succeeded 20260302T000000Z-0123456789ab\n"},
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
	if polls != 2 {
		t.Errorf("the job was asked for %d times", polls)
	}
}

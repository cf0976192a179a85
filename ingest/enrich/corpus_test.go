package enrich

import (
	"bufio"
	"compress/gzip"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest/route"
)

// corpusEvents reads up to max events of an evaluation log; the test is skipped where the corpus is absent.
func corpusEvents(t testing.TB, log string, max int) []event.Event {
	t.Helper()
	dir := os.Getenv("GATEWATCH_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	f, err := os.Open(filepath.Join(dir, "logs", log+".log.gz"))
	if err != nil {
		t.Skipf("the evaluation corpus is not there (GATEWATCH_CORPUS): %v", err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var events []event.Event
	for sc := bufio.NewScanner(z); sc.Scan() && len(events) < max; {
		part := strings.Split(sc.Text(), `"`) // address and time, request, answer, referer, nothing, agent
		if len(part) < 6 {
			continue
		}
		head, request, reply := strings.Fields(part[0]), strings.Fields(part[1]), strings.Fields(part[2])
		if len(head) < 4 || len(request) != 3 || len(reply) < 1 {
			continue
		}
		var ev event.Event
		ev.Reset()
		if ev.Time, err = time.Parse("[02/Jan/2006:15:04:05", head[3]); err != nil {
			continue
		}
		ev.ClientIP, _ = netip.ParseAddr(head[0])
		ev.Service, ev.Method, ev.Protocol = "site", request[0], request[2]
		ev.Path, ev.Query, _ = strings.Cut(request[1], "?")
		ev.Status, _ = strconv.Atoi(reply[0])
		ev.Referer, ev.UserAgent = part[3], part[5]
		events = append(events, ev)
	}
	return events
}

var logs = []string{"access3", "srhegdegadikai", "elastic"}

// TestRoutesOfRealLogs holds that the templates of real sites stay few, and describe most of what is answered.
func TestRoutesOfRealLogs(t *testing.T) {
	for _, log := range logs {
		t.Run(log, func(t *testing.T) {
			events := corpusEvents(t, log, 60_000)
			tp, err := route.New(route.Config{})
			if err != nil {
				t.Fatal(err)
			}
			e := NewEnricher(Options{Routes: tp})
			paths, answered, described := map[string]bool{}, 0, 0
			for i := range events {
				ev := &events[i]
				e.Enrich(ev)
				paths[ev.Path] = true
				if ev.Status == 200 {
					answered++
					if ev.Route != route.Other {
						described++
					}
				}
			}
			live := 0
			for _, r := range tp.Rows() {
				if r.AliasOf == "" {
					live++
				}
				if os.Getenv("ROUTES") != "" {
					t.Logf("%-60s %s", r.Route, r.AliasOf)
				}
			}
			t.Logf("%d events, %d paths, %d templates in use; %d of %d answered with 200 described", len(events), len(paths), live, described, answered)
			if live > 1000 || float64(described) < 0.99*float64(answered) {
				t.Errorf("%d templates, %d of %d described: want at most 1000 and 99 %%", live, described, answered)
			}
		})
	}
}

func BenchmarkEnrich(b *testing.B) {
	for _, log := range logs {
		b.Run(log, func(b *testing.B) {
			events := corpusEvents(b, log, 60_000)
			tp, err := route.New(route.Config{})
			if err != nil {
				b.Fatal(err)
			}
			opts := Options{Routes: tp}
			if file := os.Getenv("GATEWATCH_GEOIP"); file != "" {
				g, err := OpenGeo([]string{file}, nil)
				if err != nil {
					b.Fatal(err)
				}
				opts.Geo = g
			}
			e := NewEnricher(opts)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				ev := events[i%len(events)]
				e.Enrich(&ev)
				i++
			}
		})
	}
}

func BenchmarkNormalize(b *testing.B) {
	for _, log := range logs {
		b.Run(log, func(b *testing.B) {
			events := corpusEvents(b, log, 60_000)
			n := normalizer(b, Config{})
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				ev := events[i%len(events)]
				n.Normalize(&ev)
				i++
			}
		})
	}
}

package app

import (
	"bufio"
	"compress/gzip"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest/enrich"
	"github.com/gatewatch/gatewatch/ingest/route"
	"github.com/gatewatch/gatewatch/rules"
	"github.com/gatewatch/gatewatch/store"
	"github.com/gatewatch/gatewatch/store/engine"
)

// TestBacktestAgreesOnTheCorpus: over a real log that was stored, a backtest of each built-in rule finds what the rule found
// live among all others: the same findings, counts, times, measures and explanations.
func TestBacktestAgreesOnTheCorpus(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: real logs take a minute with the race detector")
	}
	dir := corpus(t, "logs")
	requireEngine(t)
	for _, log := range []struct {
		name  string
		skip  int
		lines int
		least int  // findings
		all   bool // also the rules that raise nothing
	}{{"elastic", 0, 10_000, 1, true}, {"access3", 0, 20_000, 20, false}, {"srhegdegadikai", 80_000, 20_000, 20, false}} {
		t.Run(log.name, func(t *testing.T) {
			eng, err := engine.Start(t.Context(), engine.SupervisorOptions{Path: t.TempDir(), Command: testEngine()})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = eng.Stop() }() // only read from by now
			st, err := openStore(t.Context(), store.Config{Options: eng.Options(), Retention: store.Retention{EventsDays: store.KeepForever}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = st.Close() }() // only read from by now
			set, err := rules.Builtin()
			if err != nil {
				t.Fatal(err)
			}
			events := readEvents(t, linesFrom(t, filepath.Join(dir, log.name+".log.gz"), log.skip, log.lines), set)
			if len(events) < log.lines*9/10 {
				t.Fatalf("%d events of %d lines", len(events), log.lines)
			}
			live := storeAndJudge(t, st, set, events)
			reports := backtests(t, st, set, events, func(rule string) bool { return log.all || len(live[rule]) > 0 })
			found := 0
			for rule, report := range reports {
				found += len(live[rule])
				checkBacktest(t, report, events, live[rule])
			}
			t.Logf("%d rules raised %d findings in %d events; %d backtests", len(live), found, len(events), len(reports))
			if found < log.least {
				t.Errorf("%d findings only: the test shows little", found)
			}
		})
	}
}

// linesFrom copies some lines of a compressed log.
func linesFrom(t *testing.T, path string, skip, lines int) string {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }() // only read
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "part.log")
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(unzipped)
	scanner.Buffer(nil, 1<<20)
	for n := 0; n < skip+lines && scanner.Scan(); n++ {
		if n < skip {
			continue
		}
		if _, err := out.Write(append(scanner.Bytes(), '\n')); err != nil {
			t.Fatal(err)
		}
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return to
}

// readEvents reads a log as analyze does: enriched, matched, in judging order.
func readEvents(t *testing.T, path string, set *rules.Set) []*event.Event {
	t.Helper()
	norm, err := enrich.NewNormalizer(enrich.Config{}, enrich.NormalizerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	routes, err := route.New(route.Config{})
	if err != nil {
		t.Fatal(err)
	}
	group, ctx := errgroup.WithContext(t.Context())
	logs, err := openLogs(ctx, group, logMergeOptions{Paths: []string{path}, Normalizer: norm, Service: DefaultService})
	if err != nil {
		t.Fatal(err)
	}
	enricher, matcher := enrich.NewEnricher(enrich.Options{Routes: routes}), set.NewMatcher()
	var events []*event.Event
	for {
		ev, err := logs.next()
		if err != nil {
			t.Fatal(err)
		}
		if ev == nil {
			break
		}
		enricher.Enrich(ev)
		matcher.Match(ev)
		events = append(events, ev)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(events, func(a, b *event.Event) int { return a.Place().Compare(b.Place()) })
	return events
}

// storeAndJudge stores the events and judges them live; it returns the last state of each finding by rule, in the order in
// which they fired.
func storeAndJudge(t *testing.T, st *store.Store, set *rules.Set, events []*event.Event) map[string][]detect.Finding {
	t.Helper()
	live := map[string][]detect.Finding{}
	at := map[string]int{}
	judge := detect.NewJudge(func(f detect.Finding) {
		f.Sample = nil
		if i, ok := at[f.ID]; ok {
			live[f.Detector][i] = f
			return
		}
		at[f.ID] = len(live[f.Detector])
		live[f.Detector] = append(live[f.Detector], f)
	}, set.NewWindows(rules.WindowOptions{}))
	stamp := events[0].Time.Truncate(time.Millisecond)
	for i, block := range slices.Collect(slices.Chunk(events, 5000)) {
		stamp = stamp.Add(time.Second)
		for _, ev := range block {
			ev.IngestedAt = stamp
		}
		if err := st.InsertEvents(t.Context(), "block-"+strconv.Itoa(i), block); err != nil {
			t.Fatal(err)
		}
		for _, ev := range block {
			judge.Observe(ev)
		}
	}
	judge.Advance(events[len(events)-1].Time.AddDate(1, 0, 0))
	return live
}

// backtests plays each of the rules that are wanted over the store, all in one reading.
func backtests(t *testing.T, st *store.Store, set *rules.Set, events []*event.Event, wanted func(string) bool) map[string]*rules.BacktestReport {
	t.Helper()
	from, to := events[0].Time, events[len(events)-1].Time.Add(time.Second)
	var running []*rules.Backtest
	for _, info := range set.Infos() {
		if !wanted(info.ID) {
			continue
		}
		b, err := set.NewBacktest(info.ID, from, to)
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, b)
	}
	err := st.EachEvent(t.Context(), from, to, func(ev *event.Event) error {
		for _, b := range running {
			b.Observe(ev)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	reports := map[string]*rules.BacktestReport{}
	for _, b := range running {
		r := b.Report()
		reports[r.Rule] = r
	}
	return reports
}

// checkBacktest holds a backtest's report against what its rule found live.
func checkBacktest(t *testing.T, report *rules.BacktestReport, events []*event.Event, want []detect.Finding) {
	t.Helper()
	rule := report.Rule
	if report.Events != uint64(len(events)) || report.FindingsTotal != uint64(len(want)) {
		t.Errorf("%s: %d findings in %d events, live %d in %d", rule, report.FindingsTotal, report.Events, len(want), len(events))
	}
	addresses := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if d := cmp.Diff(want[:min(len(want), len(report.Findings))], report.Findings, addresses); d != "" && len(want) > 0 {
		t.Errorf("%s: live -, backtest +\n%s", rule, d)
	}
	days, entities := map[string]uint64{}, map[detect.Entity]uint64{}
	for _, f := range want {
		days[f.FiredAt.Format(time.DateOnly)]++
		entities[f.Entity]++
	}
	for _, d := range report.Days {
		if d.Findings != days[d.Day] {
			t.Errorf("%s: %d findings on %s, live %d", rule, d.Findings, d.Day, days[d.Day])
		}
	}
	for _, e := range report.Entities {
		if e.Findings != entities[e.Entity] {
			t.Errorf("%s: %d findings about %s, live %d", rule, e.Findings, e.Entity.Value, entities[e.Entity])
		}
	}
	if most := min(len(entities), 20); len(report.Entities) != most {
		t.Errorf("%s: %d entities, want %d", rule, len(report.Entities), most)
	}
}

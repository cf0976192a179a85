package rules

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mileusna/useragent"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/parsers"
)

// corpus returns the path of a file of the evaluation corpus, or skips the test.
func corpus(t testing.TB, name string) string {
	t.Helper()
	if raceEnabled {
		t.Skip("the evaluation is skipped under the race detector: it runs on one goroutine")
	}
	root := os.Getenv("GATEWATCH_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "corpus")
	}
	p := filepath.Join(root, filepath.FromSlash(name))
	if _, err := os.Stat(p); err != nil {
		t.Skipf("no evaluation corpus: %v (set GATEWATCH_CORPUS)", err)
	}
	return p
}

func eachLine(t testing.TB, file string, f func(line string)) {
	t.Helper()
	fh, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fh.Close() }()
	var r io.Reader = fh
	if strings.HasSuffix(file, ".gz") {
		if r, err = gzip.NewReader(fh); err != nil {
			t.Fatal(err)
		}
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 1<<20), 8<<20)
	for sc.Scan() {
		f(sc.Text())
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
}

// readLog parses a whole log into events in order of time.
func readLog(t testing.TB, file string) []event.Event {
	t.Helper()
	p := parsers.NewAuto(parsers.Options{Year: 2024})
	var lines []string
	eachLine(t, file, func(line string) { lines = append(lines, line) })
	events := make([]event.Event, 0, len(lines))
	bots := map[string]bool{}
	for i, line := range lines {
		var ev event.Event
		ev.Reset()
		if err := p.Parse(line, &ev); err != nil {
			if !errors.Is(err, parsers.ErrNoRequest) {
				t.Logf("line %d: %v", i+1, err)
			}
			continue
		}
		ev.Wire = event.Wire{}
		ev.Source, ev.Position = filepath.Base(file), uint64(i)
		bot, ok := bots[ev.UserAgent]
		if !ok {
			bot = useragent.Parse(ev.UserAgent).Bot
			bots[ev.UserAgent] = bot
		}
		ev.IsBot = bot
		events = append(events, ev)
	}
	sortEvents(events)
	return events
}

type weakLabel struct {
	kind, label, client string
	requests            int
	first, last         string
}

func readLabels(t testing.TB, log string) []weakLabel {
	var out []weakLabel
	eachLine(t, corpus(t, "logs/weak_labels.tsv"), func(line string) {
		f := strings.Split(line, "\t")
		if len(f) >= 7 && f[0] == log {
			var n int
			_, _ = fmt.Sscan(f[4], &n)
			out = append(out, weakLabel{f[1], f[2], f[3], n, f[5], f[6]})
		}
	})
	return out
}

// judge runs matcher and windows over events in order and returns the last revision of each finding.
func judge(set *Set, events []event.Event) []detect.Finding {
	m, w := set.NewMatcher(), set.NewWindows(WindowOptions{})
	last := map[string]detect.Finding{}
	var order []string
	j := detect.NewJudge(func(f detect.Finding) {
		if _, ok := last[f.ID]; !ok {
			order = append(order, f.ID)
		}
		last[f.ID] = f
	}, w)
	for i := range events {
		m.Match(&events[i])
		j.Observe(&events[i])
	}
	out := make([]detect.Finding, len(order))
	for i, id := range order {
		out[i] = last[id]
	}
	return out
}

// incidents groups findings by entity and kind with a gap of an hour, as a measure of noise.
func incidents(findings []detect.Finding) map[string]int {
	type key struct {
		entity string
		kind   detect.Kind
	}
	until := map[key]time.Time{}
	n := map[string]int{}
	for _, f := range findings {
		k := key{f.Entity.Value, f.Kind}
		if u, ok := until[k]; !ok || f.FirstSeen.After(u) {
			n[f.Entity.Value]++
		}
		if end := f.LastSeen.Add(time.Hour); end.After(until[k]) {
			until[k] = end
		}
	}
	return n
}

// TestRealLogs holds the built-in pack against real logs: named attackers are found, others raise few incidents.
func TestRealLogs(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range []string{"access3", "srhegdegadikai", "elastic"} {
		t.Run(log, func(t *testing.T) {
			labels := readLabels(t, log)
			events := readLog(t, corpus(t, "logs/"+log+".log.gz"))
			findings := judge(set, events)
			suspects, dumped, byRule := 0, map[string]bool{}, map[string]int{}
			named := map[string]bool{}
			for _, l := range labels {
				named[l.client] = named[l.client] || l.label == "attack"
			}
			for i := range events {
				ev := &events[i]
				if ev.AttackScore < 0.5 || named[ev.ClientIP.String()] {
					continue
				}
				suspects++
				byRule[heaviest(set, ev.Signatures)]++
				if k := fmt.Sprint(ev.Signatures); testing.Verbose() && len(dumped) < 5000 && !dumped[k+ev.UserAgent+ev.Referer+ev.Path+ev.Query] {
					dumped[k+ev.UserAgent+ev.Referer+ev.Path+ev.Query] = true
					t.Logf("suspect: %s %v ua=%q ref=%q", request(ev), ev.Signatures, ev.UserAgent, ev.Referer)
				}
			}
			t.Logf("%d requests (%.2f per 10,000) of unnamed clients are called attacks; by the rule that weighs most: %v; -v lists them",
				suspects, float64(suspects)*1e4/float64(len(events)), byRule)
			byClient := map[string][]detect.Finding{}
			for _, f := range findings {
				byClient[f.Entity.Value] = append(byClient[f.Entity.Value], f)
			}
			attackers, good := map[string]bool{}, map[string]bool{}
			hit, total := map[string]int{}, map[string]int{}
			for _, l := range labels {
				if l.label != "attack" {
					good[l.client] = true
					continue
				}
				attackers[l.client] = true
				total[l.kind]++
				if len(byClient[l.client]) > 0 {
					hit[l.kind]++
				} else if testing.Verbose() {
					t.Logf("missed %s %s: %d requests %s to %s", l.kind, l.client, l.requests, l.first, l.last)
				}
			}
			outside, onGood := 0, 0
			perRule := map[string]int{}
			for client, n := range incidents(findings) {
				if attackers[client] {
					continue
				}
				outside += n
				if good[client] {
					onGood += n
				}
				for _, f := range byClient[client] {
					perRule[f.Detector]++
					if testing.Verbose() {
						t.Logf("outside: good=%v %s %s %d events: %s", good[client], f.Detector, f.FiredAt.Format(time.DateTime), f.EventCount, f.Explanation)
					}
				}
			}
			for _, kind := range sortedKeys(total) {
				t.Logf("%-22s %d of %d", kind, hit[kind], total[kind])
			}
			per100k := float64(outside) * 100_000 / float64(len(events))
			t.Logf("%d events, %d findings; outside the labels %d incidents (%.1f per 100,000), %d on labelled good clients; %v",
				len(events), len(findings), outside, per100k, onGood, perRule)
			if per100k > 20 {
				t.Errorf("%.1f incidents per 100,000 lines about unnamed clients, want at most 20", per100k)
			}
			if onGood > 0 {
				t.Errorf("%d incidents on clients labelled good", onGood)
			}
		})
	}
}

// heaviest is the rule among signatures that adds most to the attack score.
func heaviest(set *Set, signatures []string) string {
	best := ""
	for _, id := range signatures {
		if r := set.Rule(id); r != nil && (best == "" || r.Score > set.Rule(best).Score) {
			best = id
		}
	}
	return best
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

type corpusRequest struct {
	Source    string `json:"source"`
	ID        string `json:"id"`
	Class     string `json:"class"`
	Label     string `json:"label"`
	Method    string `json:"method"`
	Target    string `json:"target"`
	UserAgent string `json:"user_agent"`
	Referer   string `json:"referer"`
}

// TestAttackRequests judges single requests: attack_score of 0.5 and more is called an attack.
func TestAttackRequests(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	type tally struct{ hit, n int }
	byClass, bySource := map[string]*tally{}, map[string]*tally{}
	count := func(m map[string]*tally, k string, hit bool) {
		if m[k] == nil {
			m[k] = &tally{}
		}
		m[k].n++
		if hit {
			m[k].hit++
		}
	}
	m := set.NewMatcher()
	var attacks, benign tally
	dump := os.Getenv("GATEWATCH_DUMP")
	eachLine(t, corpus(t, "attacks/requests.jsonl.gz"), func(line string) {
		var r corpusRequest
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		ev := requestEvent(r)
		m.Match(&ev)
		hit := ev.AttackScore >= 0.5
		if dump != "" && hit != (r.Label == "attack") && strings.Contains(dump, r.Class) {
			t.Logf("%s %s %s %s %s ua=%q ref=%q %v", r.Class, r.Source, r.ID, r.Method, r.Target, r.UserAgent, r.Referer, ev.Signatures)
		}
		if r.Label == "attack" {
			attacks.n++
			if hit {
				attacks.hit++
			}
			count(byClass, r.Class, hit)
			count(bySource, r.Source, hit)
			return
		}
		benign.n++
		if hit {
			benign.hit++
		}
		count(bySource, r.Source+" benign", hit)
	})
	for _, m := range []map[string]*tally{byClass, bySource} {
		for _, k := range sortedKeys(m) {
			share := float64(m[k].hit) / float64(m[k].n)
			t.Logf("%-28s %5d of %5d  %.3f", k, m[k].hit, m[k].n, share)
			if byClass[k] != nil && m[k].n >= 30 && share < 0.9 {
				t.Errorf("recall of class %s is %.3f, want 0.90", k, share)
			}
		}
	}
	if recall := float64(attacks.hit) / float64(attacks.n); recall < 0.95 {
		t.Errorf("recall is %.4f, want 0.95", recall)
	}
	if fp := float64(benign.hit) / float64(benign.n); fp > 0.005 {
		t.Errorf("false positives are %.4f, want at most 0.005", fp)
	}
	t.Logf("recall %.4f of %d attacks, false positives %.4f of %d benign", float64(attacks.hit)/float64(attacks.n), attacks.n,
		float64(benign.hit)/float64(benign.n), benign.n)
}

func requestEvent(r corpusRequest) event.Event {
	var ev event.Event
	ev.Reset()
	ev.Time = scenarioStart
	ev.Method, ev.UserAgent, ev.Referer, ev.Status = r.Method, r.UserAgent, r.Referer, 200
	ev.Path, ev.Query, _ = strings.Cut(r.Target, "?")
	return ev
}

// BenchmarkRealLog matches and judges a real log with the built-in pack.
func BenchmarkRealLog(b *testing.B) {
	set, err := Builtin()
	if err != nil {
		b.Fatal(err)
	}
	events := readLog(b, corpus(b, "logs/access3.log.gz"))
	for _, part := range []string{"match", "match+windows"} {
		b.Run(part, func(b *testing.B) {
			m, w := set.NewMatcher(), set.NewWindows(WindowOptions{})
			j := detect.NewJudge(func(detect.Finding) {}, w)
			b.ReportAllocs()
			n := 0
			start := cpuTime()
			for b.Loop() {
				ev := &events[n%len(events)]
				m.Match(ev)
				if part != "match" {
					if n > 0 && n%len(events) == 0 {
						b.StopTimer()
						w = set.NewWindows(WindowOptions{})
						j = detect.NewJudge(func(detect.Finding) {}, w)
						b.StartTimer()
					}
					j.Observe(ev)
				}
				n++
			}
			cpu := cpuTime() - start
			b.ReportMetric(float64(b.N)/cpu.Seconds(), "events/cpu-s")
		})
	}
}

// cpuTime is the CPU time of this process so far: the machine may be busy with other things.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package rules

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// crowdEvent is the n-th client's request: of a known user, with all that rules group by and count.
func crowdEvent(n int, signatures []string) event.Event {
	var ev event.Event
	ev.Reset()
	ev.Time = scenarioStart.Add(time.Duration(n) * time.Microsecond)
	ev.Source, ev.Position, ev.Service = "crowd", uint64(n), "shop"
	ev.ClientIP = netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
	ev.User, ev.Session = fmt.Sprintf("user%07d", n), fmt.Sprintf("session%07d", n)
	ev.Method, ev.Path, ev.Query, ev.Host = "GET", "/orders/17", "page=2", "shop.example.com"
	ev.Route, ev.ObjectIDs, ev.Status, ev.UserAgent = "/orders/{id}", []string{"17"}, 200, "Mozilla/5.0"
	ev.Country, ev.ASN = "DE", 64500
	ev.Signatures = signatures
	return ev
}

// counted are the signatures of the correlations that need more than one event.
func counted(set *Set) []string {
	var all []string
	for _, r := range set.Rules() {
		if r.Correlation != nil && r.Correlation.Threshold > 1 {
			all = append(all, set.signatures[r.Correlation.signature])
			for _, i := range r.Correlation.base[:1] {
				all = append(all, set.signatures[i])
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// BenchmarkManyClients has so many clients active in every correlation of the built-in pack at once, with so many requests
// each, in a process that is asked to stay below 600 MiB (GOMEMLIMIT). It reports what is alive at the end, by the garbage
// collector and by the windows' own estimate, and the largest resident size of the process meanwhile.
func BenchmarkManyClients(b *testing.B) {
	set, err := Builtin()
	if err != nil {
		b.Fatal(err)
	}
	signatures := counted(set)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(600 << 20))
	for _, crowd := range []struct{ clients, requests int }{{100_000, 1}, {100_000, 3}, {300_000, 1}, {2_000_000, 1}} {
		b.Run(fmt.Sprintf("%dx%d", crowd.clients, crowd.requests), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				forgetPeak()
				w := set.NewWindows(WindowOptions{})
				findings := 0
				start := cpuTime()
				j := detect.NewJudge(func(detect.Finding) { findings++ }, w)
				for n := range crowd.clients * crowd.requests {
					ev := crowdEvent(n%crowd.clients, signatures)
					ev.Time = scenarioStart.Add(time.Duration(n) * time.Microsecond)
					ev.Position, ev.Path = uint64(n), fmt.Sprintf("/orders/%d", n/crowd.clients)
					j.Observe(&ev)
				}
				cpu := cpuTime() - start
				stats := w.Stats()
				b.ReportMetric(peak(), "peak-MiB")
				b.ReportMetric(float64(heap()-before)/(1<<20), "MiB")
				b.ReportMetric(float64(stats.Bytes)/(1<<20), "estimated-MiB")
				b.ReportMetric(float64(crowd.clients*crowd.requests)/cpu.Seconds(), "events/cpu-s")
				b.ReportMetric(float64(stats.Groups), "groups")
				b.ReportMetric(float64(stats.Evicted), "evicted")
				b.ReportMetric(float64(findings), "findings")
				runtime.KeepAlive(w)
			}
		})
	}
}

// forgetPeak lets peak begin anew, where the system can.
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // not everywhere: peak is then the process's
}

// peak is the largest resident size in MiB, or 0 where the system does not say.
func peak() float64 {
	status, _ := os.ReadFile("/proc/self/status") // not everywhere
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			return float64(kib) / (1 << 10)
		}
	}
	return 0
}

// doubled is the built-in pack and a copy of it under other names.
func doubled(tb testing.TB) *Set {
	tb.Helper()
	set, err := Builtin()
	if err != nil {
		tb.Fatal(err)
	}
	copies := fstest.MapFS{}
	names := regexp.MustCompile(`(?m)^name: (\S+)$|^\s+rules: \[(.*)\]$|^\s+rule: (\S+)$`)
	files, err := fs.Glob(BuiltinFiles(), "builtin/*.yml")
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		data, err := fs.ReadFile(BuiltinFiles(), file)
		if err != nil {
			tb.Fatal(err)
		}
		text := names.ReplaceAllStringFunc(string(data), func(line string) string {
			key, value, _ := strings.Cut(line, ": ")
			value = strings.TrimSuffix(strings.ReplaceAll(value, ",", "-copy,"), "]")
			if strings.Contains(line, "[") {
				return key + ": " + value + "-copy]"
			}
			return key + ": " + value + "-copy"
		})
		copies[file] = &fstest.MapFile{Data: []byte(text)}
	}
	twice, err := LoadAll(Options{}, BuiltinFiles(), copies)
	if err != nil {
		tb.Fatal(err)
	}
	if len(twice.Rules()) != 2*len(set.Rules()) {
		tb.Fatalf("%d rules, want twice %d", len(twice.Rules()), len(set.Rules()))
	}
	return twice
}

// BenchmarkTwiceTheRules matches and judges a real log with the pack, and with twice as many rules.
func BenchmarkTwiceTheRules(b *testing.B) {
	once, err := Builtin()
	if err != nil {
		b.Fatal(err)
	}
	events := readLog(b, corpus(b, "logs/access3.log.gz"))
	for _, pack := range []struct {
		name string
		set  *Set
	}{{"once", once}, {"twice", doubled(b)}} {
		b.Run(pack.name, func(b *testing.B) {
			for b.Loop() {
				m, w := pack.set.NewMatcher(), pack.set.NewWindows(WindowOptions{})
				j := detect.NewJudge(func(detect.Finding) {}, w)
				start := cpuTime()
				for i := range events {
					m.Match(&events[i])
					j.Observe(&events[i])
				}
				b.ReportMetric(float64(len(events))/(cpuTime()-start).Seconds(), "events/cpu-s")
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

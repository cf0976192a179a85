package rules

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
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

// BenchmarkManyClients has so many clients active in every correlation of the built-in pack at once.
func BenchmarkManyClients(b *testing.B) {
	set, err := Builtin()
	if err != nil {
		b.Fatal(err)
	}
	signatures := counted(set)
	for _, clients := range []int{100_000, 2_000_000} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				w := set.NewWindows(WindowOptions{})
				findings := 0
				start := cpuTime()
				j := detect.NewJudge(func(detect.Finding) { findings++ }, w)
				for n := range clients {
					ev := crowdEvent(n, signatures)
					j.Observe(&ev)
				}
				cpu := cpuTime() - start
				b.ReportMetric(float64(heap()-before)/(1<<20), "MiB")
				b.ReportMetric(float64(clients)/cpu.Seconds(), "events/cpu-s")
				b.ReportMetric(float64(w.Stats().Groups), "groups")
				b.ReportMetric(float64(w.Stats().Evicted), "evicted")
				b.ReportMetric(float64(findings), "findings")
				runtime.KeepAlive(w)
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

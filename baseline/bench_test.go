package baseline

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// BenchmarkObserve is the cost of one event in all learned detectors, with a model that judges every endpoint.
func BenchmarkObserve(b *testing.B) {
	l := newLab(2)
	l.minutes(judgedDay, judgedDay.AddDate(0, 0, 1), nil)
	events := l.sorted()
	d := NewDetectors(Config{})
	d.UseModel(labModel())
	list, none := d.List(), func(detect.Finding) {}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e := events[i%len(events)]
		if i > 0 && i%len(events) == 0 { // the next day
			for _, e := range events {
				e.Time = e.Time.AddDate(0, 0, 1)
			}
		}
		i++
		for _, x := range list {
			x.Observe(e, none)
		}
	}
}

// crowded is the history of a large installation: so many endpoints, busy all day, and so many users.
type crowded struct {
	memory
	endpoints, users int
}

func crowdedEndpoint(i int) EndpointKey {
	return EndpointKey{Service: fmt.Sprint("service-", i%20), Method: "GET", Route: fmt.Sprintf("/v1/resource-%d/{id}", i)}
}

func (c crowded) Endpoints(_ context.Context, s Snapshot, fn func(EndpointHours) error) error {
	r := EndpointHours{}
	for h := hourOf(s.From()); h < hourOf(s.Until); h++ {
		r.Hours = append(r.Hours, uint32(h))
		r.Requests, r.Peak, r.Trough = append(r.Requests, 1200+uint32(h*7%50)), append(r.Peak, 110), append(r.Trough, 90)
		r.ClientErrors, r.ServerErrors = append(r.ClientErrors, 3), append(r.ServerErrors, uint32(h%2))
	}
	for i := range c.endpoints {
		r.Key = crowdedEndpoint(i)
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (c crowded) Actors(_ context.Context, s Snapshot, fn func(ActorHours) error) error {
	r := ActorHours{}
	for h := hourOf(s.From()); h < hourOf(s.Until); h += 9 {
		r.Hours, r.Requests, r.KiB = append(r.Hours, uint32(h)), append(r.Requests, 20), append(r.KiB, 100)
	}
	for i := range c.users {
		r.Key = ActorKey{User: true, Value: fmt.Sprint("user-", i)}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkMinute is the cost of one minute in all learned detectors: four requests of each of 50,000 users over 10,000
// endpoints that are all judged, and the end of the minute. Beside the minute's CPU time it reports that of an event.
func BenchmarkMinute(b *testing.B) {
	const endpoints, users, each = 10_000, 50_000, 4
	m, err := Recompute(context.Background(), Config{}, crowded{endpoints: endpoints, users: users}, labSnapshot())
	if err != nil {
		b.Fatal(err)
	}
	d := NewDetectors(Config{})
	d.UseModel(m)
	names, keys := make([]string, users), make([]EndpointKey, endpoints)
	for i := range names {
		names[i] = fmt.Sprint("user-", i)
	}
	for i := range keys {
		keys[i] = crowdedEndpoint(i)
	}
	minute := make([]*event.Event, users*each)
	for i := range minute {
		e := new(event.Event)
		e.Reset()
		k := keys[i*7919%endpoints]
		e.Service, e.Method, e.Route, e.User, e.Status = k.Service, k.Method, k.Route, names[i*31%users], 200
		e.ClientIP, e.ObjectIDs = netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), []string{names[i%users]}
		e.BytesOut, e.DurationMS, e.UserAgent = 2000, 20, "okhttp/4.12.0"
		minute[i] = e
	}
	j := detect.NewJudge(func(detect.Finding) {}, d.List()...)
	at, before := m.EffectiveFrom, usedCPU(b)
	for b.Loop() {
		for i, e := range minute {
			e.Time = at.Add(time.Duration(i) * time.Minute / time.Duration(len(minute)))
			j.Observe(e)
		}
		at = at.Add(time.Minute)
		j.Advance(at)
	}
	used := (usedCPU(b) - before).Seconds() / float64(b.N)
	b.ReportMetric(used, "cpu-s/minute")
	b.ReportMetric(used*1e9/float64(len(minute)), "cpu-ns/event")
}

// usedCPU is the CPU time of this process: wall time depends on what else the machine does.
func usedCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package policy

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/inventory"
)

func is(field, value string) detect.Condition {
	return detect.Condition{Field: field, Op: detect.OpEqual, Value: value}
}

// finding is what an episode begins with. It owns its strings.
func (d *Detector) finding(v *violation) detect.Finding {
	ev, r, info := v.ev, v.rule, infoOf(v.detector)
	k := inventory.Key{Service: strings.Clone(ev.Service), Method: strings.Clone(ev.Method), Route: strings.Clone(ev.Route)}
	group := v.group()
	for i, g := range group {
		group[i] = strings.Clone(g)
	}
	until := ev.Place()
	until.Source = strings.Clone(until.Source)
	f := detect.Finding{
		Revision: 1, Open: true, Detector: v.detector, Title: info.Title, Kind: info.Kind, Severity: cmp.Or(r.Severity, info.Severity),
		Entity: detect.Entity{Type: detect.EntityEndpoint, Value: k.String()}, Service: k.Service, Route: k.Route, Group: group,
		FiredAt: ev.Time, FirstSeen: ev.Time, LastSeen: ev.Time, EventCount: v.n, Observed: float64(v.n),
		OWASP: info.OWASP, MITRE: info.MITRE, Tags: []string{"policy." + r.ID},
		Measure: detect.Measure{
			Aggregate: detect.AggregateCount, Where: []detect.Condition{is("service", k.Service), is("method", k.Method), is("route", k.Route)},
			From: ev.Time, To: ev.Time.Add(time.Nanosecond), Until: &until, Cut: d.cut,
		},
	}
	ok := []detect.Condition{{Field: "status", Op: detect.OpGTE, Value: "200"}, {Field: "status", Op: detect.OpLT, Value: "300"}}
	endpoint := fmt.Sprintf("%s of service %s", k, k.Service)
	switch v.detector {
	case TLS:
		f.Unit = "answers over " + v.used
		f.Measure.Where = append(append(f.Measure.Where, ok...), is("tls_version", strings.Clone(ev.TLSVersion)))
		if ev.TLSVersion == "" {
			f.Measure.Where = append(f.Measure.Where, is("scheme", "http"))
		}
		f.Explanation = fmt.Sprintf("Policy %s wants TLS %s or newer: %s answered %s with success over %s", r.ID, r.MinTLS, endpoint, whoOf(ev), spoken(v.used))
	case Auth:
		f.Unit = "successful requests without credentials"
		f.Measure.Where = append(append(f.Measure.Where, ok...), is("user", ""), is("session", ""), is("auth_scheme", ""))
		f.Explanation = fmt.Sprintf("Policy %s wants credentials: %s answered %s with success without any", r.ID, endpoint, whoOf(ev))
	case Rates:
		d.rate(v, &f, endpoint)
	}
	f.ID = detect.FindingID(f.Detector, f.Entity, f.Service, f.Group, f.FiredAt)
	return f
}

// rate fills in what is special about a finding on a rate.
func (d *Detector) rate(v *violation, f *detect.Finding, endpoint string) {
	ev, r := v.ev, v.rule
	start := ev.Time.Truncate(r.per)
	f.FirstSeen, f.Expected, f.Unit = v.first, float64(r.Rate.Requests), "requests in "+r.Rate.Per
	f.Measure.From, f.Measure.To = start, start.Add(r.per)
	if r.From.After(start) {
		f.Measure.From = r.From
	}
	by := "all callers together"
	switch r.Rate.By {
	case ByClient:
		by = ev.ClientIP.Unmap().String()
		f.Entity = detect.Entity{Type: detect.EntityClient, Value: by}
		f.Measure.Where = append(f.Measure.Where, is("client_ip", by))
	case ByUser:
		by = strings.Clone(ev.User)
		f.Entity = detect.Entity{Type: detect.EntityUser, Value: by}
		f.Measure.Where = append(f.Measure.Where, is("user", by))
	}
	f.Explanation = fmt.Sprintf("Policy %s allows %s requests in %s: %s had more from %s", r.ID, strconv.FormatUint(r.Rate.Requests, 10),
		r.Rate.Per, endpoint, by)
}

// spoken is a TLS version in a sentence.
func spoken(used string) string {
	if used == "http" {
		return "HTTP without encryption"
	}
	return used
}

// whoOf names who made a request.
func whoOf(ev *event.Event) string {
	switch {
	case ev.User != "":
		return ev.User
	case ev.ClientIP.IsValid():
		return ev.ClientIP.String()
	}
	return "a request"
}

package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/inventory"
)

// Detector holds events to the policies. Use may be called by anybody at any time; all else belongs to one goroutine.
//
// policy-tls and policy-auth judge successful answers (2xx), HEAD and OPTIONS left out; policy-rate counts every request.
// An episode is one policy, one endpoint and, for a rate by client or user, one caller; it is over after a day without a
// violation, an hour for rates. policy-auth is silent about a service until its log has shown credentials once: a log
// without a field for them tells nothing.
type Detector struct {
	set atomic.Pointer[set]

	now        *set // the one that the caches below are for
	about      map[inventory.Key][]*rule
	versions   map[string]int
	identified map[string]time.Time // services by the first event with credentials
	episodes   map[string]*episode
	windows    map[*rule]*window
	hour       time.Time
	cut        time.Time
	overflow   uint64
}

// set is one state of all policies.
type set struct{ rules []*rule }

// rule is a policy made ready.
type rule struct {
	Policy
	least int           // TLS version
	per   time.Duration // of the rate
}

// window counts a rule's requests in the present interval.
type window struct {
	start  time.Time
	counts map[caller]*spell
}

// caller is who a rate is counted for.
type caller struct {
	key    inventory.Key
	client netip.Addr
	user   string
}

type spell struct {
	n     uint64
	first time.Time
}

const (
	maxCallers  = 200_000 // of a window
	maxServices = 10_000
	maxVersions = 100
	maxKnown    = 100_000 // endpoints whose policies are remembered
	quiet       = 24 * time.Hour
	quietRate   = time.Hour
)

// NewDetector returns a Detector without policies.
func NewDetector() *Detector {
	d := &Detector{versions: map[string]int{}, identified: map[string]time.Time{}, episodes: map[string]*episode{}}
	d.Use(nil)
	return d
}

var _ detect.Detector = (*Detector)(nil)

// Use makes these all policies that count, ended ones included: they judge what happened before their end.
func (d *Detector) Use(list []Policy) {
	s := &set{}
	for _, p := range list {
		r := &rule{Policy: p, least: version(p.MinTLS)}
		if p.Rate != nil {
			r.per, _ = time.ParseDuration(p.Rate.Per) // checked when it was made
		}
		s.rules = append(s.rules, r)
	}
	slices.SortFunc(s.rules, func(a, b *rule) int { return strings.Compare(a.ID, b.ID) })
	d.set.Store(s)
}

// Know tells since when, in event time, services' logs have shown credentials. Call it before the first event.
func (d *Detector) Know(identified map[string]time.Time) { maps.Copy(d.identified, identified) }

// Overflow is the number of requests that no rate counted because too many callers were counted already.
func (d *Detector) Overflow() uint64 { return d.overflow }

// Observe implements detect.Detector.
func (d *Detector) Observe(ev *event.Event, emit detect.Emit) {
	d.Advance(ev.Time, emit)
	if ev.IngestedAt.After(d.cut) {
		d.cut = ev.IngestedAt
	}
	known := ev.User != "" || ev.Session != "" || ev.AuthScheme != ""
	if since, seen := d.identified[ev.Service]; known && (!seen || ev.Time.Before(since)) && len(d.identified) < maxServices {
		d.identified[strings.Clone(ev.Service)] = ev.Time
	}
	s := d.set.Load()
	if len(s.rules) == 0 || ev.Method == "" || ev.Route == "" {
		return
	}
	for _, r := range d.of(s, ev) {
		if r.judges(ev.Time) {
			d.judge(r, ev, known, emit)
		}
	}
}

// of returns the rules about an event's endpoint.
func (d *Detector) of(s *set, ev *event.Event) []*rule {
	if d.now != s || len(d.about) > maxKnown {
		d.now, d.about = s, map[inventory.Key][]*rule{}
		windows := map[*rule]*window{}
		for _, r := range s.rules { // an unchanged policy goes on counting
			for old, w := range d.windows {
				if old.ID == r.ID && old.Version == r.Version {
					windows[r] = w
				}
			}
		}
		d.windows = windows
	}
	k := inventory.Key{Service: ev.Service, Method: ev.Method, Route: ev.Route}
	list, ok := d.about[k]
	if !ok {
		k = inventory.Key{Service: strings.Clone(k.Service), Method: strings.Clone(k.Method), Route: strings.Clone(k.Route)}
		for _, r := range s.rules {
			if r.selects(k) {
				list = append(list, r)
			}
		}
		d.about[k] = list
	}
	return list
}

func (d *Detector) judge(r *rule, ev *event.Event, known bool, emit detect.Emit) {
	if r.per > 0 {
		d.count(r, ev, emit)
	}
	if ev.Status < 200 || ev.Status > 299 || ev.Method == "HEAD" || ev.Method == "OPTIONS" {
		return
	}
	if r.MinTLS != "" {
		used, clear := ev.TLSVersion, ev.TLSVersion == "" && ev.Scheme == "http"
		if clear {
			used = "http"
		}
		if used != "" && d.version(used) < r.least {
			d.violated(violation{rule: r, detector: TLS, ev: ev, n: 1, used: used}, emit)
		}
	}
	if since, seen := d.identified[ev.Service]; r.Auth && !known && seen && !ev.Time.Before(since) {
		d.violated(violation{rule: r, detector: Auth, ev: ev, n: 1}, emit)
	}
}

// version is what the name of a TLS version ranks, remembered.
func (d *Detector) version(name string) int {
	v, ok := d.versions[name]
	if !ok {
		v = version(name)
		if len(d.versions) < maxVersions {
			d.versions[strings.Clone(name)] = v
		}
	}
	return v
}

// count counts a request for a rate.
func (d *Detector) count(r *rule, ev *event.Event, emit detect.Emit) {
	who := caller{key: inventory.Key{Service: ev.Service, Method: ev.Method, Route: ev.Route}}
	switch r.Rate.By {
	case ByClient:
		if who.client = ev.ClientIP.Unmap(); !who.client.IsValid() {
			return
		}
	case ByUser:
		if who.user = ev.User; who.user == "" {
			return
		}
	}
	w := d.windows[r]
	if start := ev.Time.Truncate(r.per); w == nil || start.After(w.start) {
		w = &window{start: start, counts: map[caller]*spell{}}
		d.windows[r] = w
	} else if start.Before(w.start) { // late: its interval is over
		return
	}
	s := w.counts[who]
	if s == nil {
		if len(w.counts) >= maxCallers {
			d.overflow++
			return
		}
		s = &spell{first: ev.Time}
		who.key = inventory.Key{Service: strings.Clone(ev.Service), Method: strings.Clone(ev.Method), Route: strings.Clone(ev.Route)}
		who.user = strings.Clone(who.user)
		w.counts[who] = s
	}
	s.n++
	switch {
	case s.n == r.Rate.Requests+1:
		d.violated(violation{rule: r, detector: Rates, ev: ev, n: s.n, first: s.first}, emit)
	case s.n > r.Rate.Requests:
		d.violated(violation{rule: r, detector: Rates, ev: ev, n: 1, first: s.first}, emit)
	}
}

// violation is one event against a policy.
type violation struct {
	rule     *rule
	detector string
	ev       *event.Event
	n        uint64    // events that it adds to the episode
	used     string    // TLS version
	first    time.Time // of the interval's events
}

// group is the key of a violation's episode.
func (v *violation) group() []string {
	g := []string{v.rule.ID, v.ev.Service, v.ev.Method, v.ev.Route}
	if v.detector == Rates {
		switch v.rule.Rate.By {
		case ByClient:
			g = append(g, v.ev.ClientIP.Unmap().String())
		case ByUser:
			g = append(g, v.ev.User)
		}
	}
	return g
}

// violated begins an episode or prolongs the one that goes on.
func (d *Detector) violated(v violation, emit detect.Emit) {
	name := v.detector + "\x00" + strings.Join(v.group(), "\x00")
	e := d.episodes[name]
	if e != nil && v.ev.Time.Sub(e.finding.LastSeen) < e.quiet {
		e.prolong(v.ev.Time, v.n)
		return
	}
	if e != nil {
		e.close(emit)
	}
	e = &episode{finding: d.finding(&v), quiet: quiet}
	if v.detector == Rates {
		e.quiet = quietRate
	}
	emit(e.finding)
	d.episodes[strings.Clone(name)] = e
}

// Advance implements detect.Detector: every hour the open episodes are told as they stand.
func (d *Detector) Advance(to time.Time, emit detect.Emit) {
	hour := to.Truncate(time.Hour)
	if !hour.After(d.hour) {
		return
	}
	d.hour = hour
	for _, name := range slices.Sorted(maps.Keys(d.episodes)) {
		e := d.episodes[name]
		if hour.Sub(e.finding.LastSeen) >= e.quiet {
			e.close(emit)
			delete(d.episodes, name)
			continue
		}
		e.tell(emit)
	}
}

// Restore implements detect.Detector.
func (d *Detector) Restore(open []detect.Finding) {
	for _, f := range open {
		e := &episode{finding: f, quiet: quiet, restored: f.LastSeen}
		switch f.Detector {
		case Rates:
			e.quiet = quietRate
		case TLS, Auth:
		default:
			continue
		}
		d.episodes[f.Detector+"\x00"+strings.Join(f.Group, "\x00")] = e
	}
}

// Lookback implements detect.Detector: the longest interval of a rate, and what was not yet told.
func (d *Detector) Lookback() time.Duration { return time.Hour }

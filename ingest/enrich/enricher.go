package enrich

import (
	"time"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/ingest/route"
)

// Routes tells the route template of a request and the values of its parameters.
type Routes interface {
	Template(service, method, path string, status int, at time.Time) (string, []string)
}

var (
	_ Routes = (*route.Templates)(nil)
	_ Routes = route.Alone{}
)

// Options are what an Enricher draws from; what is nil is left out.
type Options struct {
	Geo    Geo
	Routes Routes
}

// Enricher completes normalised events: geography, user agent, route. It is safe for concurrent use; routes depend on
// the order of the calls.
type Enricher struct {
	opts   Options
	agents *agents
}

// NewEnricher returns an Enricher. It owns nothing: who opened the databases closes them.
func NewEnricher(opts Options) *Enricher {
	return &Enricher{opts: opts, agents: newAgents()}
}

// Enrich fills the fields of ev that the log did not give. Strings that it sets alias nothing of the event.
func (e *Enricher) Enrich(ev *event.Event) {
	if e.opts.Geo != nil && ev.Country == "" {
		if p, ok := e.opts.Geo.Lookup(ev.ClientIP); ok {
			setPlace(ev, p)
		}
	}
	a := e.agents.of(ev.UserAgent)
	if ev.UAFamily == "" {
		ev.UAFamily = a.family
	}
	ev.IsBot = ev.IsBot || a.bot
	switch {
	case ev.Route != "":
		if ev.ObjectIDs == nil {
			ev.ObjectIDs = route.Values(ev.Route, ev.Path)
		}
	case e.opts.Routes != nil && (ev.Path != "" || ev.RequestLine != ""):
		ev.Route, ev.ObjectIDs = e.opts.Routes.Template(ev.Service, ev.Method, ev.Path, ev.Status, ev.Time)
	}
}

func setPlace(ev *event.Event, p Place) {
	ev.Country, ev.City = p.Country, p.City
	ev.Lat, ev.Lon = p.Lat, p.Lon
	if ev.ASN == 0 {
		ev.ASN, ev.ASOrg = p.ASN, p.ASOrg
	}
}

// Available says which of the fields that an Enricher can fill are filled with these options, by their names in the
// schema: detectors that need one of the others are off unless the log has it.
func (e *Enricher) Available() map[string]bool {
	out := map[string]bool{
		"ua_family": true, "is_bot": true,
		"route": e.opts.Routes != nil, "object_ids": e.opts.Routes != nil,
	}
	var has map[string]bool
	if g, ok := e.opts.Geo.(interface{ Fields() map[string]bool }); ok {
		has = g.Fields()
	}
	for _, name := range [...]string{"country", "city", "lat", "lon", "asn", "as_org"} {
		out[name] = has[name]
	}
	return out
}

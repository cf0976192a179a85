package outcome

import (
	"math"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// normals remembers what ordinary successful answers look like, by route, and which sizes several routes share: a
// site that answers every path with the same page gives itself away by them.
type normals struct {
	routes   map[routeKey]*answers
	services map[string]*shared
}

type routeKey struct{ service, method, route string }

// answers are a route's ordinary successful answers.
type answers struct {
	count    uint64
	low      int64 // bytes; over those that had a size
	high     int64
	slowest  float64 // milliseconds
	noted    int     // sizes told to the service
	ofWhole  *shared
	routeKey routeKey
}

// shared are the sizes that answers of a service have, each with the route that had it first, or several.
type shared struct{ bySize map[int64]string }

const (
	maxRoutes   = 20_000
	maxServices = 1000
	maxSizes    = 20_000
	notedSizes  = 3 // of a route's first answers
	// several stands for more than one route; no route has this name.
	several = "\x00"
)

func newNormals() normals {
	return normals{routes: map[routeKey]*answers{}, services: map[string]*shared{}}
}

// learn counts an ordinary successful answer. Beyond the bounds further routes are not learned.
func (n *normals) learn(ev *event.Event) {
	k := routeKey{ev.Service, ev.Method, ev.Route}
	a := n.routes[k]
	if a == nil {
		if a = n.add(k); a == nil {
			return
		}
	}
	a.count++
	a.slowest = max(a.slowest, ev.DurationMS)
	if ev.BytesOut < 0 || ev.Method == "HEAD" {
		return
	}
	a.low, a.high = min(a.low, ev.BytesOut), max(a.high, ev.BytesOut)
	if a.noted < notedSizes {
		a.noted++
		a.ofWhole.note(ev.BytesOut, a.routeKey.route)
	}
}

func (n *normals) add(k routeKey) *answers {
	if len(n.routes) >= maxRoutes {
		return nil
	}
	k = routeKey{strings.Clone(k.service), strings.Clone(k.method), strings.Clone(k.route)}
	whole := n.services[k.service]
	if whole == nil {
		if len(n.services) >= maxServices {
			return nil
		}
		whole = &shared{bySize: map[int64]string{}}
		n.services[k.service] = whole
	}
	a := &answers{low: math.MaxInt64, ofWhole: whole, routeKey: k}
	n.routes[k] = a
	return a
}

func (s *shared) note(size int64, route string) {
	first, known := s.bySize[size]
	switch {
	case !known && len(s.bySize) < maxSizes:
		s.bySize[size] = route
	case known && first != route:
		s.bySize[size] = several
	}
}

// sized reports whether answers of the service have sizes in the log.
func (n *normals) sized(service string) bool {
	s := n.services[service]
	return s != nil && len(s.bySize) > 0
}

// everywhere reports whether a service answers with this size at several routes, or at its entrance.
func (n *normals) everywhere(ev *event.Event) bool {
	s := n.services[ev.Service]
	if s == nil {
		return false
	}
	route, known := s.bySize[ev.BytesOut]
	return known && (route == several || route == "/" && ev.Route != "/")
}

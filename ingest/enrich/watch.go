package enrich

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Warning says that a source's client addresses are not those of clients, and what to do about it.
type Warning struct {
	Source   string
	Address  netip.Addr // the address that makes nearly all requests
	Share    float64    // its share of them, 0..1
	Requests int        // of how many
	Message  string     // what is wrong and how to fix it
}

const (
	watchRequests = 1000
	watchShare    = 0.95
	watchSources  = 1024 // sources watched at once
	watchAddrs    = 16   // private addresses counted per source
)

// LoadBalancerWatch notices a log whose client address is the load balancer's own: one private address that makes nearly
// all requests. Per-client detection is blind then. It is safe for concurrent use; nil watches nothing.
type LoadBalancerWatch struct {
	mu      sync.Mutex
	sources map[string]*watched
	pending []Warning
}

type watched struct {
	requests int
	addrs    [watchAddrs]watchedAddr
	done     bool // warned, or plainly fine
}

type watchedAddr struct {
	addr  netip.Addr
	count int
}

// NewLoadBalancerWatch returns a watch that saw nothing.
func NewLoadBalancerWatch() *LoadBalancerWatch {
	return &LoadBalancerWatch{sources: make(map[string]*watched)}
}

func (w *LoadBalancerWatch) observe(source string, client netip.Addr) {
	if w == nil || !client.IsValid() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sources[source]
	if s == nil {
		if len(w.sources) >= watchSources {
			return
		}
		s = &watched{}
		w.sources[strings.Clone(source)] = s
	}
	if s.done {
		return
	}
	s.requests++
	if isPrivate(client) {
		s.count(client)
	}
	if s.requests >= watchRequests {
		w.judge(source, s)
	}
}

// count counts a private address; the first ones seen have the places, which is enough to find one with 95 %.
func (s *watched) count(a netip.Addr) {
	for i := range s.addrs {
		switch c := &s.addrs[i]; {
		case c.count == 0:
			*c = watchedAddr{a, 1}
			return
		case c.addr == a:
			c.count++
			return
		}
	}
}

// judge looks at a full window, warns once per source, and otherwise starts the next window.
func (w *LoadBalancerWatch) judge(source string, s *watched) {
	for _, c := range s.addrs {
		share := float64(c.count) / float64(s.requests)
		if share < watchShare {
			continue
		}
		s.done = true
		w.pending = append(w.pending, Warning{
			Source: source, Address: c.addr, Share: share, Requests: s.requests,
			Message: fmt.Sprintf("%s: the private address %s made %.0f %% of %d requests; it is probably your load balancer's, "+
				"so that clients cannot be told apart. Log the X-Forwarded-For header, or let the gateway resolve the client "+
				"(nginx: set_real_ip_from and real_ip_header; Apache: mod_remoteip), and list public proxies in identity.trusted_proxies",
				source, c.addr, share*100, s.requests),
		})
		return
	}
	*s = watched{}
}

// TakeWarnings returns the warnings since the last call.
func (w *LoadBalancerWatch) TakeWarnings() []Warning {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	out := slices.Clone(w.pending)
	w.pending = nil
	return out
}

package route

import "github.com/cespare/xxhash/v2"

// An answer says how far a path can be believed to exist. Anybody can ask for anything, so that only what the service
// answers with success teaches at once; refusals, redirections and failures come for paths that do not exist, too
// (a gateway that asks for credentials first, an outage), and teach only when the same path comes back.
type proof uint8

const (
	proofNone proof = iota
	proofWeak
	proofFull
)

func proven(method string, status int) proof {
	p, known := methods[method]
	switch {
	case !known:
		return proofNone
	case status == 0, status >= 200 && status < 300, status == 304, status == 101:
		return p
	case status == 404, status == 410, status == 501, status < 200:
		return proofNone
	}
	return min(p, proofWeak)
}

// methods that belong to an API's own vocabulary. Gateways answer OPTIONS for any path.
var methods = map[string]proof{
	"GET": proofFull, "HEAD": proofFull, "POST": proofFull, "PUT": proofFull, "PATCH": proofFull, "DELETE": proofFull,
	"OPTIONS": proofNone, "QUERY": proofFull, "PROPFIND": proofFull, "PROPPATCH": proofFull, "MKCOL": proofFull,
	"COPY": proofFull, "MOVE": proofFull, "LOCK": proofFull, "UNLOCK": proofFull, "REPORT": proofFull, "SEARCH": proofFull,
}

const (
	sketchSize = 4096
	admission  = 8 // how often a weakly proven path comes before it is learned
)

// sketch counts paths that were answered weakly, in memory that does not grow: a count-min sketch of two rows whose
// counters are halved after every sketchSize requests, so that a spray of paths that come once or twice never fills it.
type sketch struct {
	rows [2][sketchSize]uint8
	seen int
}

// admit counts the path, ids left out, and reports whether it came often enough.
func (s *sketch) admit(p *parts, n int) bool {
	var d xxhash.Digest
	d.Reset()
	for _, seg := range p.seg[:n] {
		_, _ = d.WriteString("/") // xxhash never fails
		if c := classify(seg); c.isValue() {
			_, _ = d.WriteString("{}")
		} else {
			_, _ = d.WriteString(seg)
		}
	}
	_, _ = d.WriteString(p.static)
	h := d.Sum64()
	least := uint8(255)
	for i := range s.rows {
		c := &s.rows[i][h%sketchSize]
		h >>= 24
		if *c < 255 {
			*c++
		}
		least = min(least, *c)
	}
	if s.seen++; s.seen == sketchSize {
		s.seen = 0
		for i := range s.rows {
			for k := range s.rows[i] {
				s.rows[i][k] /= 2
			}
		}
	}
	return least >= admission
}

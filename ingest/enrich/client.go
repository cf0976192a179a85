package enrich

import (
	"net/netip"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// maxHops bounds how much of an X-Forwarded-For header is read; the client can make it as long as it likes.
const maxHops = 32

// proxies tells which addresses are proxies of one's own.
type proxies struct {
	prefixes []netip.Prefix
	private  bool
}

// trusts reports whether a hop's word about who came before it is believed.
func (p *proxies) trusts(a netip.Addr) bool {
	if p.private && isPrivate(a) {
		return true
	}
	for _, prefix := range p.prefixes {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

var carrierNAT = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// isPrivate reports whether a is an address that is not routed on the internet.
func isPrivate(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || carrierNAT.Contains(a)
}

// client derives the real client: the rightmost hop that is not a proxy of one's own. The chain is X-Forwarded-For from
// left to right and then the connection's peer. When every hop is trusted it is the leftmost, or the leftmost public
// one, so that a private hop never hides a public client.
func (p *proxies) client(ev *event.Event) netip.Addr {
	peer := ev.Wire.PeerIP
	if !peer.IsValid() {
		peer = ev.ClientIP
	}
	peer = plain(peer)
	chain := ev.Wire.ForwardedFor
	if chain == "" {
		if ev.ClientIP.IsValid() { // the gateway resolved it itself
			return plain(ev.ClientIP)
		}
		return peer
	}
	if peer.IsValid() && !p.trusts(peer) {
		return peer
	}
	best := peer
	for range maxHops {
		cut := strings.LastIndexByte(chain, ',')
		// What is no address ("unknown", "_hidden", an empty element) is a hop of which nothing is known.
		if hop, ok := parseHop(chain[cut+1:]); ok {
			if !p.trusts(hop) {
				return hop
			}
			if !best.IsValid() || !isPrivate(hop) || isPrivate(best) {
				best = hop
			}
		}
		if cut < 0 {
			break
		}
		chain = chain[:cut]
	}
	return best
}

// plain drops what an address of a log has no use for: the zone, the mapping of IPv4 into IPv6.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// parseHop reads one element of X-Forwarded-For, or of Forwarded (RFC 7239): an address, perhaps with a port, brackets
// or quotes.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t\"")
	if i := strings.IndexByte(s, ';'); i >= 0 || strings.IndexByte(s, '=') >= 0 {
		s = forwardedFor(s)
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return plain(a), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return plain(a), err == nil
}

// forwardedFor returns the for= part of one element of a Forwarded header.
func forwardedFor(s string) string {
	for part := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if ok && strings.EqualFold(name, "for") {
			return strings.Trim(value, "\"")
		}
	}
	return ""
}

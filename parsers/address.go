package parsers

import (
	"net/netip"
	"strings"
)

// parseIP reads an address with or without brackets, port and zone id: 203.0.113.9, 203.0.113.9:4711, [2001:db8::1]:80,
// fe80::1%eth0. Zone ids are dropped and IPv4-mapped addresses unmapped.
func parseIP(v string) (netip.Addr, bool) {
	if a, ok := parseIPv4(v); ok {
		return a, true
	}
	if len(v) < 2 || len(v) > 80 {
		return netip.Addr{}, false
	}
	if v[0] == '[' {
		end := strings.IndexByte(v, ']')
		if end < 0 || (end+1 < len(v) && v[end+1] != ':') {
			return netip.Addr{}, false
		}
		v = v[1:end]
	} else if i := strings.IndexByte(v, ':'); i >= 0 && strings.IndexByte(v[i+1:], ':') < 0 {
		return parseIPv4(v[:i])
	}
	if strings.IndexByte(v, ':') < 0 {
		return netip.Addr{}, false
	}
	if i := strings.IndexByte(v, '%'); i > 0 {
		v = v[:i]
	}
	a, err := netip.ParseAddr(v)
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// parseIPv4 reads exactly four decimal bytes.
func parseIPv4(v string) (netip.Addr, bool) {
	if len(v) < 7 || len(v) > 15 {
		return netip.Addr{}, false
	}
	var b [4]byte
	part, n, digits := 0, 0, 0
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c == '.' {
			if digits == 0 || part == 3 {
				return netip.Addr{}, false
			}
			b[part] = byte(n)
			part, n, digits = part+1, 0, 0
			continue
		}
		if c -= '0'; c > 9 {
			return netip.Addr{}, false
		}
		n = n*10 + int(c)
		if digits++; n > 255 || digits > 3 {
			return netip.Addr{}, false
		}
	}
	if part != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	b[3] = byte(n)
	return netip.AddrFrom4(b), true
}

// clientOf picks the client from a chain of addresses when the log has nothing better: the rightmost public one, else
// the rightmost one that is an address. What lies to its left the client may have invented.
func clientOf(chain string) (netip.Addr, bool) {
	var private netip.Addr
	for range 64 {
		i := strings.LastIndexByte(chain, ',')
		part := strings.TrimSpace(chain[i+1:])
		if a, ok := parseIP(part); ok {
			if !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
				return a, true
			}
			if !private.IsValid() {
				private = a
			}
		}
		if i < 0 {
			break
		}
		chain = chain[:i]
	}
	return private, private.IsValid()
}

// hostOnly cuts the port off a host and lowers its case; it allocates only when there are capitals.
func hostOnly(h string) string {
	if h == "" {
		return ""
	}
	if h[0] == '[' {
		if end := strings.IndexByte(h, ']'); end > 0 {
			h = h[1:end]
		}
	} else if i := strings.IndexByte(h, ':'); i >= 0 && strings.IndexByte(h[i+1:], ':') < 0 {
		h = h[:i]
	}
	return strings.ToLower(h)
}

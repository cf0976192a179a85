package rules

import "hash/maphash"

// scanCache remembers which literals stand in values that recur (user agents, referers). It is a direct-mapped table:
// bounded, and a value that falls on another's place is scanned again. It changes speed alone, never a result.
type scanCache struct {
	seed    maphash.Seed
	entries []scanEntry
}

type scanEntry struct {
	text    string
	hits    []int32
	special bool
}

// cacheEntries is a power of two.
const cacheEntries = 1 << 12

func (c *scanCache) entry(text string) *scanEntry {
	if c.entries == nil {
		c.seed, c.entries = maphash.MakeSeed(), make([]scanEntry, cacheEntries)
	}
	return &c.entries[maphash.String(c.seed, text)&(cacheEntries-1)]
}

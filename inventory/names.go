package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// KindNames is the kind of rows that hold the names of query parameters.
const KindNames = "names"

// Name is a query parameter that several callers used successfully.
type Name struct {
	Key
	Name string
}

// learned is what queries told about one endpoint: only names that say something about it, so that strangers cannot fill it.
type learned struct {
	Key
	Version uint64   `json:"version"`
	Names   []string `json:"names"` // sorted
}

const (
	maxNames    = 32 // of an endpoint
	maxLearned  = 20_000
	learnBehind = time.Minute      // blocks with older stamps are stored by then
	learnFirst  = 15 * time.Minute // how far back the first look after a start goes
)

// LearnNames looks at the queries of the events that were ingested since the last time, and remembers the names of
// parameters that make an endpoint more telling: email, cardNumber. A name counts when three callers used it, so that a scan
// does not make a page look like a login. It is called by one goroutine.
func (c *Catalogue) LearnNames(ctx context.Context) error {
	until := c.opts.Now().UTC().Add(-learnBehind)
	since := c.looked
	if since.IsZero() {
		since = until.Add(-learnFirst)
	}
	list, err := c.repo.QueryNames(ctx, since, until)
	if err != nil {
		return err
	}
	fresh := map[Key]*learned{}
	c.mu.RLock()
	for _, n := range list {
		if in := Infer("", []string{n.Name}); len(in.Data) == 0 {
			continue
		}
		l := fresh[n.Key]
		if l == nil {
			l = &learned{Key: n.Key}
			if old := c.names[n.Key]; old != nil {
				l.Version, l.Names = old.Version, slices.Clone(old.Names)
			} else if len(c.names)+len(fresh) >= maxLearned {
				continue
			}
			fresh[n.Key] = l
		}
		if at, known := slices.BinarySearch(l.Names, n.Name); !known && len(l.Names) < maxNames {
			l.Names = slices.Insert(l.Names, at, n.Name)
		}
	}
	for k, l := range fresh {
		if old := c.names[k]; old != nil && slices.Equal(old.Names, l.Names) {
			delete(fresh, k)
		}
	}
	c.mu.RUnlock()
	for k, l := range fresh {
		l.Version++
		body, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("encode names of parameters: %w", err)
		}
		if err := c.repo.AppendInventory(ctx, KindNames, k.ID(), l.Version, body); err != nil {
			return err
		}
		c.mu.Lock()
		c.names[k] = l
		c.mu.Unlock()
	}
	c.looked = until
	return nil
}

// namesOf are the names of the endpoint's query parameters, under all names that the endpoint had. The caller holds mu.
func (c *Catalogue) namesOf(e *Endpoint) (names []string) {
	for _, k := range e.keys {
		if l := c.names[k]; l != nil {
			names = append(names, l.Names...)
		}
	}
	return names
}

func (c *Catalogue) loadNames(ctx context.Context) (map[Key]*learned, error) {
	names := map[Key]*learned{}
	err := c.repo.LoadInventory(ctx, KindNames, func(body []byte) error {
		l := &learned{}
		if err := json.Unmarshal(body, l); err != nil {
			return fmt.Errorf("decode names of parameters: %w", err)
		}
		names[l.Key] = l
		return nil
	})
	return names, err
}

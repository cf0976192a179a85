// Package route owns path templates: it finds out that /orders/17 and /orders/18 are one endpoint, /orders/{id}, from
// the paths that services answer, and keeps that knowledge within bounds whatever clients ask for.
//
// It reads no log and stores nothing: it is fed requests in order, and hands out rows that the caller stores and loads.
// The same sequence of requests gives the same templates, whatever the batching; no clock is read. docs/routes.md
// explains the rules and their limits.
package route

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatewatch/gatewatch/ingest/recent"
)

// Config says which templates are known beforehand and how much may be learned. The zero value learns everything,
// within the documented bounds.
type Config struct {
	// Known lists services whose templates are given; they win over what would be learned.
	Known []Known `yaml:"known"`
	// MaxServices bounds the services that learn templates of their own (default 200); the others share one tree.
	MaxServices int `yaml:"max_services"`
	// MaxNodes bounds the positions remembered per service (default 20000); what comes beyond is {other}.
	MaxNodes int `yaml:"max_nodes"`
	// CachePaths bounds the paths whose route is remembered, over all services (default 8192, twice that for a while).
	CachePaths int `yaml:"cache_paths"`
}

// Known gives the templates of a service, from an OpenAPI file, written out, or both.
type Known struct {
	Service   string   `yaml:"service"`   // empty: every service
	OpenAPI   string   `yaml:"openapi"`   // path of an OpenAPI 3.0 or 3.1 file, YAML or JSON
	Templates []string `yaml:"templates"` // "/orders/{id}", "/files/{name}.{ext}"
}

// Validate returns every fault of the configuration; it does not read the OpenAPI files, New does.
func (c Config) Validate() []error {
	var errs []error
	for i, k := range c.Known {
		if k.OpenAPI == "" && len(k.Templates) == 0 {
			errs = append(errs, fmt.Errorf("routes.known[%d] (service %q): want openapi, templates or both", i, k.Service))
		}
		for _, t := range k.Templates {
			if err := checkTemplate(t); err != nil {
				errs = append(errs, fmt.Errorf("routes.known[%d].templates: %w", i, err))
			}
		}
	}
	for _, b := range []struct {
		key   string
		value int
	}{{"max_services", c.MaxServices}, {"max_nodes", c.MaxNodes}, {"cache_paths", c.CachePaths}} {
		if b.value < 0 {
			errs = append(errs, fmt.Errorf("routes.%s: %d is negative; want a number from 1, or 0 for the default", b.key, b.value))
		}
	}
	return errs
}

// Templates learns and answers. It is safe for concurrent use; what it learns depends on the order of the calls.
type Templates struct {
	cfg Config

	mu        sync.Mutex
	services  map[string]*service
	shared    *service              // what the services beyond the bound share
	known     map[string]*catalogue // by service, from the configuration
	described map[string]*catalogue // by service, from OpenAPI documents; see Describe
	cache     *recent.Map[cacheKey, *cached]
	scratch   []string
}

type cacheKey struct {
	svc  *service
	path string
}

// cached is the answer for a path without values, good until the service's epoch changes.
type cached struct {
	epoch uint64
	route string
	tree  *tree
	loose []*node // the literals on the way that still count their requests
}

// New returns templates that know what the configuration gives, and nothing else.
func New(cfg Config) (*Templates, error) {
	if errs := cfg.Validate(); len(errs) > 0 {
		return nil, errs[0]
	}
	cfg.MaxServices = orDefault(cfg.MaxServices, 200)
	cfg.MaxNodes = orDefault(cfg.MaxNodes, 20_000)
	cfg.CachePaths = orDefault(cfg.CachePaths, 8192)
	t := &Templates{cfg: cfg, services: make(map[string]*service), known: make(map[string]*catalogue)}
	t.cache = recent.New[cacheKey, *cached](cfg.CachePaths)
	for _, k := range cfg.Known {
		cat := t.known[k.Service]
		if cat == nil {
			cat = &catalogue{}
			t.known[k.Service] = cat
		}
		if err := cat.load(k); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func orDefault(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// Template returns the route of a request, {other} when no template describes it, and the values of its parameters in
// order, which alias path. A request that the service answered (see docs/routes.md) may teach a new template; at is its
// time.
func (t *Templates) Template(name, method, path string, status int, at time.Time) (string, []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	svc := t.service(name)
	evidence := proven(method, status)
	if c, ok := t.cache.Get(cacheKey{svc, path}); ok && c.epoch == svc.epoch {
		if evidence == proofFull && len(c.loose) > 0 {
			c.count()
		}
		return c.route, nil
	}
	if path == "*" {
		return path, nil
	}
	var p parts
	if !split(path, &p) {
		return Other, nil
	}
	if route, ids, ok := t.given(name, &p); ok {
		if len(ids) == 0 {
			t.remember(svc, path, &cached{route: route})
		}
		return route, ids
	}
	return t.learned(svc, path, &p, evidence, at)
}

// given looks the path up in the templates that the configuration and OpenAPI documents give.
func (t *Templates) given(name string, p *parts) (string, []string, bool) {
	if len(t.known) == 0 && len(t.described) == 0 {
		return "", nil, false
	}
	for _, cat := range [...]*catalogue{t.known[name], t.described[name], t.known[""]} {
		if cat != nil {
			if route, ids, ok := cat.match(p); ok {
				return route, ids, true
			}
		}
	}
	return "", nil, false
}

func (t *Templates) learned(svc *service, path string, p *parts, evidence proof, at time.Time) (string, []string) {
	tr, n := &svc.pages, p.n
	if p.static != "" {
		tr, n = &svc.files, min(p.n-1, maxFolders)
		if svc.climbs(p) {
			return Other, nil
		}
	}
	if evidence != proofFull {
		route, ids := t.recall(tr, p, n)
		if route != Other || evidence == proofNone || !svc.weak.admit(p, n) {
			return route, ids
		}
	}
	t.scratch = t.scratch[:0]
	end := tr.learn(p, n, at, &t.scratch)
	if end == nil {
		svc.refused++
		return Other, nil
	}
	ids := t.scratch
	if p.static != "" {
		ids = nil // folders are no objects
		folder := end
		if end = tr.file(folder, p.static, at); end == nil {
			svc.refused++
			return Other, nil
		}
	}
	tr.end(end)
	if len(ids) > 0 { // walking again costs less than remembering a path that may never come back
		return end.route, slices.Clone(ids)
	}
	c := &cached{route: end.route, tree: tr}
	for n := end; n.parent != nil; n = n.parent {
		if n.hits < established && n.class != classFile {
			c.loose = append(c.loose, n)
		}
	}
	t.remember(svc, path, c)
	return c.route, nil
}

// recall answers from what is known already.
func (t *Templates) recall(tr *tree, p *parts, n int) (string, []string) {
	t.scratch = t.scratch[:0]
	end := tr.find(p, n, &t.scratch)
	if p.static != "" {
		t.scratch = t.scratch[:0] // folders are no objects
		if end != nil {
			end = end.kids["*"+p.static]
		}
	}
	if end == nil || end.route == "" {
		return Other, nil
	}
	return end.route, slices.Clone(t.scratch)
}

func (t *Templates) remember(svc *service, path string, c *cached) {
	c.epoch = svc.epoch
	t.cache.Put(cacheKey{svc, strings.Clone(path)}, c)
}

// count counts a repeated request for the literals on its way.
func (c *cached) count() {
	done := true
	for _, n := range c.loose {
		c.tree.hit(n)
		done = done && n.hits >= established
	}
	if done {
		c.loose = nil
	}
}

package route

import (
	"fmt"
	"strings"
)

// Describe gives the templates of a service's OpenAPI document; none take the former ones back. They win over what is
// learned, as the configuration's do, which win over these. What was learned before and is called otherwise in the document
// (/orders/{id}, /orders/{orderId}) becomes an alias as long as the document is there: Rows and Resolve tell, and nothing of
// it is stored.
func (t *Templates) Describe(service string, templates []string) error {
	cat := &catalogue{}
	for _, one := range templates {
		if err := checkTemplate(one); err != nil {
			return fmt.Errorf("routes of service %q: %w", service, err)
		}
		cat.add(one)
	}
	cat.sort()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.described == nil {
		t.described = map[string]*catalogue{}
	}
	if len(templates) == 0 {
		delete(t.described, service)
	} else {
		t.described[strings.Clone(service)] = cat
	}
	s := t.services[service]
	if s == nil {
		return nil
	}
	s.epoch++ // what is remembered of paths may be called otherwise now
	s.given = map[string]string{}
	for name, r := range s.rows {
		var p parts
		if r.AliasOf != "" || !split(name, &p) {
			continue
		}
		if now, _, ok := t.given(service, &p); ok && now != name {
			s.given[name] = now
		}
	}
	return nil
}

// nameOf is what a template of the service is called now.
func (s *service) nameOf(route string) string {
	if r := s.rows[route]; r != nil && r.AliasOf != "" {
		route = r.AliasOf
	}
	if now, ok := s.given[route]; ok {
		return now
	}
	return route
}

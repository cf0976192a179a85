package event

import "slices"

// Services are the services that somebody may see. Nil is no limit: all, and what belongs to none.
type Services []string

// Limited reports whether s is a limit at all.
func (s Services) Limited() bool { return s != nil }

// Covers reports whether what belongs to the service may be seen. What belongs to none is seen only without a limit.
func (s Services) Covers(service string) bool {
	return s == nil || service != "" && slices.Contains(s, service)
}

// CoversAll reports whether something that belongs to all these services may be seen whole.
func (s Services) CoversAll(services []string) bool {
	return s == nil || len(services) > 0 && !slices.ContainsFunc(services, func(name string) bool { return !s.Covers(name) })
}

// Of returns those of the services that are covered.
func (s Services) Of(services []string) []string {
	if s == nil {
		return services
	}
	return slices.DeleteFunc(slices.Clone(services), func(name string) bool { return !s.Covers(name) })
}

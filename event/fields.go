package event

// FieldSet is a set of event fields, one bit each in the order of fieldTable. Its zero value is empty.
type FieldSet uint64

// fieldTable lists the fields that a detector may need, with how to tell that an event carries one.
var fieldTable = []struct {
	name string
	has  func(*Event) bool
}{
	{"client_ip", func(e *Event) bool { return e.ClientIP.IsValid() }},
	{"user", func(e *Event) bool { return e.User != "" }},
	{"session", func(e *Event) bool { return e.Session != "" }},
	{"auth_scheme", func(e *Event) bool { return e.AuthScheme != "" }},
	{"method", func(e *Event) bool { return e.Method != "" }},
	{"scheme", func(e *Event) bool { return e.Scheme != "" }},
	{"host", func(e *Event) bool { return e.Host != "" }},
	{"path", func(e *Event) bool { return e.Path != "" }},
	{"query", func(e *Event) bool { return e.Query != "" }},
	{"protocol", func(e *Event) bool { return e.Protocol != "" }},
	{"request_line", func(e *Event) bool { return e.RequestLine != "" }},
	{"route", func(e *Event) bool { return e.Route != "" }},
	{"object_ids", func(e *Event) bool { return len(e.ObjectIDs) > 0 }},
	{"status", func(e *Event) bool { return e.Status != 0 }},
	{"bytes_in", func(e *Event) bool { return e.BytesIn >= 0 }},
	{"bytes_out", func(e *Event) bool { return e.BytesOut >= 0 }},
	{"duration_ms", func(e *Event) bool { return e.DurationMS >= 0 }},
	{"upstream_ms", func(e *Event) bool { return e.UpstreamMS >= 0 }},
	{"referer", func(e *Event) bool { return e.Referer != "" }},
	{"user_agent", func(e *Event) bool { return e.UserAgent != "" }},
	{"ua_family", func(e *Event) bool { return e.UAFamily != "" }},
	{"tls_version", func(e *Event) bool { return e.TLSVersion != "" }},
	{"request_id", func(e *Event) bool { return e.RequestID != "" }},
	{"gateway_action", func(e *Event) bool { return e.GatewayAction != "" }},
	{"upstream", func(e *Event) bool { return e.Upstream != "" }},
	{"service", func(e *Event) bool { return e.Service != "" }},
	{"country", func(e *Event) bool { return e.Country != "" }},
	{"city", func(e *Event) bool { return e.City != "" }},
	{"lat", func(e *Event) bool { return e.Lat != 0 || e.Lon != 0 }},
	{"lon", func(e *Event) bool { return e.Lat != 0 || e.Lon != 0 }},
	{"asn", func(e *Event) bool { return e.ASN != 0 }},
	{"as_org", func(e *Event) bool { return e.ASOrg != "" }},
	{"time", func(e *Event) bool { return !e.Time.IsZero() }},
	{"source", func(e *Event) bool { return e.Source != "" }},
	{"format", func(e *Event) bool { return e.Format != "" }},
}

// FieldNames returns the snake_case names of all fields that a FieldSet tells apart.
func FieldNames() []string {
	names := make([]string, len(fieldTable))
	for i, f := range fieldTable {
		names[i] = f.name
	}
	return names
}

// Add adds the fields that e carries.
func (f *FieldSet) Add(e *Event) {
	for i := range fieldTable {
		if *f&(1<<i) == 0 && fieldTable[i].has(e) {
			*f |= 1 << i
		}
	}
}

// Names returns the snake_case names of the fields in the set.
func (f FieldSet) Names() []string {
	names := []string{}
	for i := range fieldTable {
		if f&(1<<i) != 0 {
			names = append(names, fieldTable[i].name)
		}
	}
	return names
}

// Map returns the names as a set, for detect.Missing.
func (f FieldSet) Map() map[string]bool {
	m := map[string]bool{}
	for _, name := range f.Names() {
		m[name] = true
	}
	return m
}

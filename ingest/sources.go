package ingest

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// maxSources bounds the report: further sources are still ingested and counted under OtherSources.
const maxSources = 10_000

// OtherSources is the name under which sources beyond the bound of the report are counted together.
const OtherSources = "(other)"

// SourceReport says what was seen of a source since the process started.
type SourceReport struct {
	Source     string    `json:"source"`
	Format     string    `json:"format,omitempty"`     // the parser's name; "mixed" when several
	Confidence float64   `json:"confidence,omitempty"` // of the recognition; 0 when configured
	Fields     []string  `json:"fields"`               // event fields (snake_case) that some event carried
	Lines      uint64    `json:"lines"`                // received
	Parsed     uint64    `json:"parsed"`               // events in them
	Failed     uint64    `json:"failed"`               // lines that did not parse
	Skipped    uint64    `json:"skipped"`              // lines without a request
	Stored     uint64    `json:"stored"`               // events accepted as new
	Duplicate  uint64    `json:"duplicate"`            // events dropped because the store has them
	LagBytes   uint64    `json:"lag_bytes"`            // not yet read of the file, as its agent last said
	LastEvent  time.Time `json:"last_event,omitzero"`  // newest event time
	LastSeen   time.Time `json:"last_seen,omitzero"`   // when its last batch came
	Failures   []Failure `json:"failures,omitempty"`   // sample of the newest failed lines
}

// Sources counts by source. It is safe for concurrent use.
type Sources struct {
	mu sync.Mutex
	m  map[string]*sourceState
}

type sourceState struct {
	SourceReport
	fields fieldSet
}

// NewSources returns an empty report.
func NewSources() *Sources { return &Sources{m: map[string]*sourceState{}} }

// Report returns one row a source, by name.
func (s *Sources) Report() []SourceReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := make([]SourceReport, 0, len(s.m))
	for _, st := range s.m {
		row := st.SourceReport
		row.Fields = st.fields.names()
		row.Failures = slices.Clone(row.Failures)
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b SourceReport) int { return cmp.Compare(a.Source, b.Source) })
	return rows
}

// Fields returns the event fields that some event of any source carried, for detect.Missing.
func (s *Sources) Fields() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all fieldSet
	for _, st := range s.m {
		all |= st.fields
	}
	available := map[string]bool{}
	for _, name := range all.names() {
		available[name] = true
	}
	return available
}

// record adds one batch. b.Events still holds all of its events, new or not.
func (s *Sources) record(b *Batch, stored, duplicate int, now time.Time) {
	var fields fieldSet
	var newest time.Time
	format := b.Format
	for i := range b.Events {
		ev := &b.Events[i]
		fields |= fieldsOf(ev)
		if ev.Time.After(newest) {
			newest = ev.Time
		}
		if format == "" {
			format = ev.Format
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(b.Source)
	st.fields |= fields
	st.Lines += max(b.Lines, uint64(len(b.Events)))
	st.Parsed += uint64(len(b.Events))
	st.Failed += b.Failed
	st.Skipped += b.Skipped
	st.Stored += uint64(stored)
	st.Duplicate += uint64(duplicate)
	st.LagBytes, st.LastSeen = b.Lag, now
	if newest.After(st.LastEvent) {
		st.LastEvent = newest
	}
	switch {
	case format == "":
	case st.Format == "":
		st.Format, st.Confidence = format, b.Confidence
	case st.Format != format:
		st.Format, st.Confidence = "mixed", 0
	}
	if len(b.Failures) > 0 {
		st.Failures = append(st.Failures, b.Failures...)
		st.Failures = slices.Clone(st.Failures[max(0, len(st.Failures)-MaxFailures):])
	}
}

func (s *Sources) state(name string) *sourceState {
	st := s.m[name]
	if st == nil && len(s.m) >= maxSources {
		name = OtherSources
		st = s.m[name]
	}
	if st == nil {
		st = &sourceState{SourceReport: SourceReport{Source: name}}
		s.m[name] = st
	}
	return st
}

// fieldSet is a set of event fields, one bit each in the order of fieldTable.
type fieldSet uint64

// fieldTable lists the fields that a detector may need, with how to tell that an event carries one.
var fieldTable = []struct {
	name string
	has  func(*event.Event) bool
}{
	{"client_ip", func(e *event.Event) bool { return e.ClientIP.IsValid() }},
	{"user", func(e *event.Event) bool { return e.User != "" }},
	{"session", func(e *event.Event) bool { return e.Session != "" }},
	{"auth_scheme", func(e *event.Event) bool { return e.AuthScheme != "" }},
	{"method", func(e *event.Event) bool { return e.Method != "" }},
	{"scheme", func(e *event.Event) bool { return e.Scheme != "" }},
	{"host", func(e *event.Event) bool { return e.Host != "" }},
	{"path", func(e *event.Event) bool { return e.Path != "" }},
	{"query", func(e *event.Event) bool { return e.Query != "" }},
	{"protocol", func(e *event.Event) bool { return e.Protocol != "" }},
	{"request_line", func(e *event.Event) bool { return e.RequestLine != "" }},
	{"route", func(e *event.Event) bool { return e.Route != "" }},
	{"object_ids", func(e *event.Event) bool { return len(e.ObjectIDs) > 0 }},
	{"status", func(e *event.Event) bool { return e.Status != 0 }},
	{"bytes_in", func(e *event.Event) bool { return e.BytesIn >= 0 }},
	{"bytes_out", func(e *event.Event) bool { return e.BytesOut >= 0 }},
	{"duration_ms", func(e *event.Event) bool { return e.DurationMS >= 0 }},
	{"upstream_ms", func(e *event.Event) bool { return e.UpstreamMS >= 0 }},
	{"referer", func(e *event.Event) bool { return e.Referer != "" }},
	{"user_agent", func(e *event.Event) bool { return e.UserAgent != "" }},
	{"ua_family", func(e *event.Event) bool { return e.UAFamily != "" }},
	{"tls_version", func(e *event.Event) bool { return e.TLSVersion != "" }},
	{"request_id", func(e *event.Event) bool { return e.RequestID != "" }},
	{"upstream", func(e *event.Event) bool { return e.Upstream != "" }},
	{"service", func(e *event.Event) bool { return e.Service != "" }},
	{"country", func(e *event.Event) bool { return e.Country != "" }},
	{"city", func(e *event.Event) bool { return e.City != "" }},
	{"lat", func(e *event.Event) bool { return e.Lat != 0 || e.Lon != 0 }},
	{"lon", func(e *event.Event) bool { return e.Lat != 0 || e.Lon != 0 }},
	{"asn", func(e *event.Event) bool { return e.ASN != 0 }},
	{"as_org", func(e *event.Event) bool { return e.ASOrg != "" }},
	{"time", func(e *event.Event) bool { return !e.Time.IsZero() }},
	{"source", func(e *event.Event) bool { return e.Source != "" }},
	{"format", func(e *event.Event) bool { return e.Format != "" }},
}

func fieldsOf(ev *event.Event) fieldSet {
	var f fieldSet
	for i := range fieldTable {
		if fieldTable[i].has(ev) {
			f |= 1 << i
		}
	}
	return f
}

func (f fieldSet) names() []string {
	names := []string{}
	for i := range fieldTable {
		if f&(1<<i) != 0 {
			names = append(names, fieldTable[i].name)
		}
	}
	return names
}

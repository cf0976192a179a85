package event

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// decoded mirrors the JSON form; what may be absent although zero is a value is a pointer.
type decoded struct {
	Time        time.Time  `json:"time"`
	Source      string     `json:"source"`
	Generation  uint64     `json:"generation,string"`
	Position    uint64     `json:"position,string"`
	Service     string     `json:"service"`
	Format      string     `json:"format"`
	ClientIP    netip.Addr `json:"client_ip"`
	User        string     `json:"user"`
	Session     string     `json:"session"`
	AuthScheme  string     `json:"auth_scheme"`
	Method      string     `json:"method"`
	Scheme      string     `json:"scheme"`
	Host        string     `json:"host"`
	Path        string     `json:"path"`
	Query       string     `json:"query"`
	Protocol    string     `json:"protocol"`
	RequestLine string     `json:"request_line"`
	Route       string     `json:"route"`
	ObjectIDs   []string   `json:"object_ids"`
	Status      int        `json:"status"`
	BytesIn     *int64     `json:"bytes_in"`
	BytesOut    *int64     `json:"bytes_out"`
	DurationMS  *float64   `json:"duration_ms"`
	UpstreamMS  *float64   `json:"upstream_ms"`
	Referer     string     `json:"referer"`
	UserAgent   string     `json:"user_agent"`
	UAFamily    string     `json:"ua_family"`
	IsBot       bool       `json:"is_bot"`
	TLSVersion  string     `json:"tls_version"`
	RequestID   string     `json:"request_id"`
	Upstream    string     `json:"upstream"`
	Action      string     `json:"gateway_action"`
	Country     string     `json:"country"`
	City        string     `json:"city"`
	Lat         float64    `json:"lat"`
	Lon         float64    `json:"lon"`
	ASN         uint32     `json:"asn"`
	ASOrg       string     `json:"as_org"`
	Signatures  []string   `json:"signatures"`
	AttackScore float64    `json:"attack_score"`
}

// UnmarshalJSON implements json.Unmarshaler: the inverse of AppendJSON, for events that Gatewatch wrote. IngestedAt and
// Wire have no JSON form and are zero afterwards; event_id is derived again.
func (e *Event) UnmarshalJSON(b []byte) error {
	var d decoded
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("decode event: %w", err)
	}
	*e = Event{
		Time: d.Time.UTC(), Source: d.Source, Generation: d.Generation, Position: d.Position, Service: d.Service, Format: d.Format,
		ClientIP: d.ClientIP, User: d.User, Session: d.Session, AuthScheme: d.AuthScheme, Method: d.Method, Scheme: d.Scheme,
		Host: d.Host, Path: d.Path, Query: d.Query, Protocol: d.Protocol, RequestLine: d.RequestLine, Route: d.Route,
		ObjectIDs: d.ObjectIDs, Status: d.Status, BytesIn: orAbsent(d.BytesIn), BytesOut: orAbsent(d.BytesOut),
		DurationMS: orAbsent(d.DurationMS), UpstreamMS: orAbsent(d.UpstreamMS), Referer: d.Referer, UserAgent: d.UserAgent,
		UAFamily: d.UAFamily, IsBot: d.IsBot, TLSVersion: d.TLSVersion, RequestID: d.RequestID, Upstream: d.Upstream, GatewayAction: d.Action,
		Country: d.Country, City: d.City, Lat: d.Lat, Lon: d.Lon, ASN: d.ASN, ASOrg: d.ASOrg, Signatures: d.Signatures, AttackScore: d.AttackScore,
	}
	if d.Time.IsZero() {
		e.Time = time.Time{}
	}
	return nil
}

func orAbsent[T int64 | float64](v *T) T {
	if v == nil {
		return Absent
	}
	return *v
}

var _ json.Unmarshaler = (*Event)(nil)

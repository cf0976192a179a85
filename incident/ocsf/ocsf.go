// Package ocsf maps incidents and events to the Open Cybersecurity Schema Framework (https://schema.ocsf.io, version
// 1.4.0): an incident becomes a Detection Finding (class 2004), an event an HTTP Activity (class 4002). docs/schema.md
// has the mapping as a table.
//
// It maps values to values: it reads nothing, sends nothing and keeps no state, so that exports and notifications say
// the same.
package ocsf

import (
	"time"

	"github.com/gatewatch/gatewatch/detect"
)

// Version is the schema's version that the objects follow.
const Version = "1.4.0"

// Mapper maps for one version of the program and its detectors. It is immutable and safe for concurrent use.
type Mapper struct {
	metadata  Metadata
	detectors map[string]detect.Info
}

// NewMapper returns a Mapper that names the program's version and knows the detectors; both may be empty.
func NewMapper(version string, detectors []detect.Info) *Mapper {
	m := &Mapper{
		metadata:  Metadata{Version: Version, Product: Product{Name: "Gatewatch", VendorName: "Gatewatch", Version: version}},
		detectors: make(map[string]detect.Info, len(detectors)),
	}
	for _, d := range detectors {
		m.detectors[d.ID] = d
	}
	return m
}

// Metadata is OCSF's metadata object.
type Metadata struct {
	Version    string   `json:"version"`
	Product    Product  `json:"product"`
	Profiles   []string `json:"profiles,omitempty"`
	UID        string   `json:"uid,omitempty"` // of this record: stays the same when it is sent again
	LogName    string   `json:"log_name,omitempty"`
	LoggedTime int64    `json:"logged_time,omitempty"`
	Sequence   uint64   `json:"sequence,omitempty"`
}

// Product is OCSF's product object.
type Product struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

// Endpoint is OCSF's network_endpoint object.
type Endpoint struct {
	IP       string            `json:"ip,omitempty"`
	Hostname string            `json:"hostname,omitempty"`
	Name     string            `json:"name,omitempty"`
	SvcName  string            `json:"svc_name,omitempty"`
	Location *Location         `json:"location,omitempty"`
	AS       *AutonomousSystem `json:"autonomous_system,omitempty"`
}

// Location is OCSF's location object.
type Location struct {
	Country string  `json:"country,omitempty"`
	City    string  `json:"city,omitempty"`
	Lat     float64 `json:"lat,omitempty"`
	Long    float64 `json:"long,omitempty"`
}

// AutonomousSystem is OCSF's autonomous_system object.
type AutonomousSystem struct {
	Number uint32 `json:"number,omitempty"`
	Name   string `json:"name,omitempty"`
}

// Actor is OCSF's actor object.
type Actor struct {
	User    *User    `json:"user,omitempty"`
	Session *Session `json:"session,omitempty"`
}

// User is OCSF's user object.
type User struct {
	Name string `json:"name"`
}

// Session is OCSF's session object.
type Session struct {
	UID string `json:"uid"`
}

// URL is OCSF's url object.
type URL struct {
	Scheme      string `json:"scheme,omitempty"`
	Hostname    string `json:"hostname,omitempty"`
	Path        string `json:"path,omitempty"`
	QueryString string `json:"query_string,omitempty"`
}

// millis is how OCSF writes time: milliseconds since 1970.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

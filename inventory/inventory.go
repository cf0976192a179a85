// Package inventory owns what an API consists of: its endpoints with their kind, owner, data and sensitivity, their OpenAPI
// documents, and what the logs say about both. inventory/apidoc reads documents, inventory/policy holds endpoints to
// policies.
//
// It stores nothing itself and knows no SQL: a Repository does, and holds the rollups that the facts come from.
package inventory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/incident"
)

// Key names an endpoint.
type Key struct {
	Service string `json:"service"`
	Method  string `json:"method"`
	Route   string `json:"route"` // the path template
}

// ID is the endpoint's id in REST. It comes from the key alone.
func (k Key) ID() string {
	h := sha256.New()
	for _, p := range []string{k.Service, k.Method, k.Route} {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	return "ep_" + hex.EncodeToString(h.Sum(nil)[:10])
}

// String is "METHOD route", as findings name an endpoint.
func (k Key) String() string { return k.Method + " " + k.Route }

func (k Key) compare(o Key) int {
	if c := strings.Compare(k.Service, o.Service); c != 0 {
		return c
	}
	if c := strings.Compare(k.Route, o.Route); c != 0 {
		return c
	}
	return strings.Compare(k.Method, o.Method)
}

// Type says for whom an endpoint is.
type Type string

// The types.
const (
	Public   Type = "public"
	Partner  Type = "partner"
	Internal Type = "internal"
)

// Types lists all types.
func Types() []Type { return []Type{Public, Partner, Internal} }

// Sensitivity ranks endpoints by the harm that a leak or misuse does.
type Sensitivity string

// The sensitivities.
const (
	Low    Sensitivity = "low"
	Medium Sensitivity = "medium"
	High   Sensitivity = "high"
)

// Sensitivities lists all, the lowest first.
func Sensitivities() []Sensitivity { return []Sensitivity{Low, Medium, High} }

func (s Sensitivity) rank() int64 {
	for i, v := range Sensitivities() {
		if v == s {
			return int64(i)
		}
	}
	return -1
}

// Use is a part of an endpoint's requests: those that were made and answered alike. See endpoint_days.
type Use struct {
	Key
	Status     int
	Identity   string // an auth_scheme, or user, session, anonymous
	TLSVersion string
	Scheme     string
	Requests   uint64
	First      time.Time
	Last       time.Time
}

// Anonymous is the identity of requests without a user, session or authentication scheme.
const Anonymous = "anonymous"

// Callers counts the distinct callers of an endpoint.
type Callers struct {
	Users   uint64 `json:"users"`   // distinct
	Clients uint64 `json:"clients"` // distinct addresses of requests without a user
}

// Period is an interval of whole days (UTC), To excluded. A zero bound is none.
type Period struct{ From, To time.Time }

// Repository keeps the inventory's rows and reads the rollups; the store does.
type Repository interface {
	// EndpointUses returns the uses of all endpoints in the period, grouped over its days.
	EndpointUses(ctx context.Context, p Period) ([]Use, error)
	// EndpointCallers counts the distinct callers in the period: one count for each group of keys, which name one endpoint
	// now and formerly.
	EndpointCallers(ctx context.Context, groups [][]Key, p Period) ([]Callers, error)
	// EndpointAccesses calls each for every caller of the groups of keys in the period, the most requests first; limit at
	// most, 0: all. The Access names the group by its number, and no key.
	EndpointAccesses(ctx context.Context, groups [][]Key, p Period, limit int, each func(group int, a Access) error) error
	// QueryNames returns the names of query parameters in successful requests that were ingested in (since, until], those
	// that three or more callers used, a bounded number an endpoint.
	QueryNames(ctx context.Context, since, until time.Time) ([]Name, error)
	// CountedSince is the first day that the rollups hold, zero when they are empty.
	CountedSince(ctx context.Context) (time.Time, error)
	// AppendInventory stores a version of a row; the highest version of (kind, key) wins.
	AppendInventory(ctx context.Context, kind, key string, version uint64, body []byte) error
	// LoadInventory calls each with the latest version of every row of a kind, by key.
	LoadInventory(ctx context.Context, kind string, each func(body []byte) error) error
}

// The kinds of rows.
const (
	KindEndpoint = "endpoint"
	KindOpenAPI  = "openapi"
	KindPolicy   = "policy"
)

// Errors.
var (
	ErrNoEndpoint = errors.New("no such endpoint")
	ErrNoDocument = errors.New("this service has no OpenAPI document")
)

func invalid(field, format string, args ...any) error {
	return &incident.InvalidError{Field: field, Detail: fmt.Sprintf(format, args...)}
}

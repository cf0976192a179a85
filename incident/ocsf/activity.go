package ocsf

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// Activity is an HTTP Activity (class 4002).
type Activity struct {
	ActivityID   int    `json:"activity_id"`
	ActivityName string `json:"activity_name"`
	CategoryUID  int    `json:"category_uid"`
	CategoryName string `json:"category_name"`
	ClassUID     int    `json:"class_uid"`
	ClassName    string `json:"class_name"`
	TypeUID      int    `json:"type_uid"`
	Time         int64  `json:"time"`
	SeverityID   int    `json:"severity_id"`
	Severity     string `json:"severity"`
	StatusID     int    `json:"status_id"`
	StatusCode   string `json:"status_code,omitempty"`
	// The profile security_control: what the gateway did beside answering.
	ActionID      int           `json:"action_id,omitempty"`
	Action        string        `json:"action,omitempty"`
	DispositionID int           `json:"disposition_id,omitempty"`
	Disposition   string        `json:"disposition,omitempty"`
	Duration      int64         `json:"duration,omitempty"` // milliseconds
	Metadata      Metadata      `json:"metadata"`
	Actor         *Actor        `json:"actor,omitempty"`
	SrcEndpoint   *Endpoint     `json:"src_endpoint,omitempty"`
	DstEndpoint   *Endpoint     `json:"dst_endpoint,omitempty"`
	HTTPRequest   *HTTPRequest  `json:"http_request,omitempty"`
	HTTPResponse  *HTTPResponse `json:"http_response,omitempty"`
	TLS           *TLS          `json:"tls,omitempty"`
	RawData       string        `json:"raw_data,omitempty"`
	Unmapped      *Unmapped     `json:"unmapped,omitempty"`
}

// HTTPRequest is OCSF's http_request object.
type HTTPRequest struct {
	UID       string `json:"uid,omitempty"`
	Method    string `json:"http_method,omitempty"`
	Version   string `json:"version,omitempty"`
	Length    int64  `json:"length,omitempty"` // bytes
	Referrer  string `json:"referrer,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	URL       *URL   `json:"url,omitempty"`
}

// HTTPResponse is OCSF's http_response object.
type HTTPResponse struct {
	Code    int   `json:"code"`
	Length  int64 `json:"length,omitempty"`  // bytes
	Latency int64 `json:"latency,omitempty"` // milliseconds
}

// TLS is OCSF's tls object.
type TLS struct {
	Version string `json:"version"`
}

// Unmapped holds what OCSF has no place for, under the event's own names.
type Unmapped struct {
	Route       string   `json:"route,omitempty"`
	ObjectIDs   []string `json:"object_ids,omitempty"`
	AuthScheme  string   `json:"auth_scheme,omitempty"`
	Signatures  []string `json:"signatures,omitempty"`
	AttackScore float64  `json:"attack_score,omitempty"`
}

// The activities of class 4002, by method.
var activities = map[string]int{
	"CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8, "PATCH": 9,
}

const (
	networkCategory = 4
	activityClass   = 4002
	otherActivity   = 99
	informational   = 1
	// status_id of an activity.
	activityUnknown   = 0
	activitySucceeded = 1
	activityFailed    = 2
)

// Activity maps an event.
func (m *Mapper) Activity(ev *event.Event) Activity {
	id, known := activities[ev.Method]
	name := ev.Method
	switch {
	case known:
		name = name[:1] + strings.ToLower(name[1:])
	case name == "":
		id, name = 0, "Unknown"
	default:
		id = otherActivity
	}
	a := Activity{
		ActivityID: id, ActivityName: name, CategoryUID: networkCategory, CategoryName: "Network Activity",
		ClassUID: activityClass, ClassName: "HTTP Activity", TypeUID: activityClass*100 + id,
		Time: millis(ev.Time), SeverityID: informational, Severity: "Informational", StatusID: activityStatus(ev.Status),
		Metadata: m.metadata, Actor: actorOf(ev), SrcEndpoint: sourceOf(ev), DstEndpoint: destinationOf(ev), RawData: ev.RequestLine,
	}
	a.Metadata.UID, a.Metadata.LogName, a.Metadata.Sequence = ev.ID(), ev.Source, ev.Position
	a.Metadata.LoggedTime = millis(ev.IngestedAt)
	if a.Actor != nil {
		a.Metadata.Profiles = []string{"host"} // which the class has its actor from
	}
	a.HTTPRequest = &HTTPRequest{
		UID: ev.RequestID, Method: ev.Method, Version: ev.Protocol, Length: max(ev.BytesIn, 0), Referrer: ev.Referer, UserAgent: ev.UserAgent, URL: urlOf(ev),
	}
	if ev.Status != 0 {
		a.StatusCode = strconv.Itoa(ev.Status)
		a.HTTPResponse = &HTTPResponse{Code: ev.Status, Length: max(ev.BytesOut, 0), Latency: int64(max(ev.UpstreamMS, 0))}
	}
	a.Duration = int64(max(ev.DurationMS, 0))
	if ev.TLSVersion != "" {
		a.TLS = &TLS{Version: ev.TLSVersion}
	}
	a.control(ev.GatewayAction)
	rest := Unmapped{Route: ev.Route, ObjectIDs: ev.ObjectIDs, AuthScheme: ev.AuthScheme, Signatures: ev.Signatures, AttackScore: ev.AttackScore}
	if rest.Route != "" || rest.AuthScheme != "" || len(rest.ObjectIDs)+len(rest.Signatures) > 0 || rest.AttackScore != 0 {
		a.Unmapped = &rest
	}
	return a
}

// The actions of the profile security_control.
const (
	controlUnknown  = 0
	controlAllowed  = 1
	controlDenied   = 2
	controlObserved = 3
)

var controlNames = [...]string{"Unknown", "Allowed", "Denied", "Observed"}

// dispositions are the profile's words for an event's gateway_action.
var dispositions = map[string]struct {
	action, id int
	name       string
}{
	event.ActionWAFBlock:  {controlDenied, 2, "Blocked"},
	event.ActionWAFAlert:  {controlObserved, 19, "Alert"},
	event.ActionWAFNotice: {controlObserved, 17, "Logged"},
	event.ActionRateLimit: {controlDenied, 25, "Rejected"},
	event.ActionDelay:     {controlAllowed, 14, "Delayed"},
	event.ActionChallenge: {controlUnknown, 23, "Challenge"},
	event.ActionDeny:      {controlDenied, 2, "Blocked"},
}

// control fills the profile security_control from an event's gateway_action.
func (a *Activity) control(word string) {
	d, ok := dispositions[word]
	if !ok {
		return
	}
	a.Metadata.Profiles = append(slices.Clone(a.Metadata.Profiles), "security_control")
	a.ActionID, a.Action, a.DispositionID, a.Disposition = d.action, controlNames[d.action], d.id, d.name
}

func activityStatus(status int) int {
	switch {
	case status == 0:
		return activityUnknown
	case status < 400:
		return activitySucceeded
	}
	return activityFailed
}

func urlOf(ev *event.Event) *URL {
	u := URL{Scheme: ev.Scheme, Hostname: ev.Host, Path: ev.Path, QueryString: ev.Query}
	if u == (URL{}) {
		return nil
	}
	return &u
}

func actorOf(ev *event.Event) *Actor {
	if ev.User == "" && ev.Session == "" {
		return nil
	}
	a := &Actor{}
	if ev.User != "" {
		a.User = &User{Name: ev.User}
	}
	if ev.Session != "" {
		a.Session = &Session{UID: ev.Session}
	}
	return a
}

func sourceOf(ev *event.Event) *Endpoint {
	if !ev.ClientIP.IsValid() {
		return nil
	}
	e := &Endpoint{IP: ev.ClientIP.Unmap().String()}
	if ev.Country != "" || ev.City != "" || ev.Lat != 0 || ev.Lon != 0 {
		e.Location = &Location{Country: ev.Country, City: ev.City, Lat: ev.Lat, Long: ev.Lon}
	}
	if ev.ASN != 0 || ev.ASOrg != "" {
		e.AS = &AutonomousSystem{Number: ev.ASN, Name: ev.ASOrg}
	}
	return e
}

// destinationOf is never empty: the class wants an endpoint, and that one of its names is known. A gateway of which the log
// tells nothing is called by its log.
func destinationOf(ev *event.Event) *Endpoint {
	if ev.Service == "" && ev.Host == "" && ev.Upstream == "" {
		return &Endpoint{Name: ev.Source}
	}
	return &Endpoint{SvcName: ev.Service, Hostname: ev.Host, Name: ev.Upstream}
}

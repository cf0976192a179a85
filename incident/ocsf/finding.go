package ocsf

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
)

// Finding is a Detection Finding (class 2004): an incident as other systems read it.
type Finding struct {
	ActivityID   int          `json:"activity_id"`
	ActivityName string       `json:"activity_name"`
	CategoryUID  int          `json:"category_uid"`
	CategoryName string       `json:"category_name"`
	ClassUID     int          `json:"class_uid"`
	ClassName    string       `json:"class_name"`
	TypeUID      int          `json:"type_uid"`
	Time         int64        `json:"time"` // of the incident's newest change
	StartTime    int64        `json:"start_time"`
	EndTime      int64        `json:"end_time"`
	SeverityID   int          `json:"severity_id"`
	Severity     string       `json:"severity"`
	StatusID     int          `json:"status_id"`
	Status       string       `json:"status"`
	IsAlert      bool         `json:"is_alert"`
	RiskScore    int          `json:"risk_score"`
	RiskLevelID  int          `json:"risk_level_id"`
	RiskLevel    string       `json:"risk_level"`
	Count        uint64       `json:"count"`
	Message      string       `json:"message"`
	Metadata     Metadata     `json:"metadata"`
	FindingInfo  FindingInfo  `json:"finding_info"`
	Resources    []Resource   `json:"resources,omitempty"`
	Evidences    []Evidence   `json:"evidences,omitempty"`
	Enrichments  []Enrichment `json:"enrichments,omitempty"`
	Remediation  *Remediation `json:"remediation,omitempty"`
	Observables  []Observable `json:"observables,omitempty"`
}

// FindingInfo is OCSF's finding_info object.
type FindingInfo struct {
	UID              string     `json:"uid"`
	Title            string     `json:"title"`
	Desc             string     `json:"desc"`
	Types            []string   `json:"types"`
	CreatedTime      int64      `json:"created_time"`
	ModifiedTime     int64      `json:"modified_time"`
	FirstSeenTime    int64      `json:"first_seen_time"`
	LastSeenTime     int64      `json:"last_seen_time"`
	Analytic         Analytic   `json:"analytic"`
	RelatedAnalytics []Analytic `json:"related_analytics,omitempty"`
	Attacks          []Attack   `json:"attacks,omitempty"`
	Tags             []KeyValue `json:"tags,omitempty"`
}

// Analytic is OCSF's analytic object: a detector.
type Analytic struct {
	UID    string `json:"uid"`
	Name   string `json:"name,omitempty"`
	Desc   string `json:"desc,omitempty"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

// Attack is OCSF's attack object, of MITRE ATT&CK.
type Attack struct {
	Technique    *Technique `json:"technique,omitempty"`
	SubTechnique *Technique `json:"sub_technique,omitempty"`
}

// Technique is OCSF's technique or sub_technique object.
type Technique struct {
	UID string `json:"uid"`
}

// KeyValue is OCSF's key_value_object.
type KeyValue struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Resource is OCSF's resource_details object.
type Resource struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Evidence is OCSF's evidences object. Data is the event as an HTTP Activity.
type Evidence struct {
	UID         string    `json:"uid,omitempty"`
	Actor       *Actor    `json:"actor,omitempty"`
	SrcEndpoint *Endpoint `json:"src_endpoint,omitempty"`
	DstEndpoint *Endpoint `json:"dst_endpoint,omitempty"`
	URL         *URL      `json:"url,omitempty"`
	Data        *Activity `json:"data,omitempty"`
}

// Enrichment is OCSF's enrichment object.
type Enrichment struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Data  any    `json:"data"`
	Type  string `json:"type"`
}

// Remediation is OCSF's remediation object: what to do.
type Remediation struct {
	Desc string `json:"desc"`
}

// Observable is OCSF's observable object.
type Observable struct {
	Name   string `json:"name"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
	Value  string `json:"value"`
}

const (
	findingsCategory = 2
	findingClass     = 2004
)

// named is an id with the caption that the schema gives it.
type named struct {
	id   int
	name string
}

var (
	created = named{1, "Create"}
	updated = named{2, "Update"}
	closed  = named{3, "Close"}

	severities = map[detect.Severity]named{
		detect.Low: {2, "Low"}, detect.Medium: {3, "Medium"}, detect.High: {4, "High"}, detect.Critical: {5, "Critical"},
	}
	// What people call false is Suppressed: "the finding was reviewed, determined to be benign or a false positive".
	statuses = map[incident.Status]named{
		incident.StatusOpen: {1, "New"}, incident.StatusAcknowledged: {2, "In Progress"},
		incident.StatusFalsePositive: {3, "Suppressed"}, incident.StatusResolved: {4, "Resolved"},
	}
	// observables are the types of an entity; the others have none.
	observables = map[detect.EntityType]struct {
		named
		path string
	}{
		detect.EntityClient: {named{2, "IP Address"}, "evidences.src_endpoint.ip"},
		detect.EntityUser:   {named{4, "User Name"}, "evidences.actor.user.name"},
	}
	byRule     = named{1, "Rule"}
	byBehavior = named{2, "Behavioral"}
)

// Finding maps an incident. One that carries its evidence (incident.Manager.Get) has the events in Evidences; one of a
// list only names its entity there.
func (m *Mapper) Finding(inc *incident.Incident) Finding {
	activity, severity, status := activityOf(inc), severities[inc.Severity], statuses[inc.Status]
	risk := riskOf(inc.Score)
	f := Finding{
		ActivityID: activity.id, ActivityName: activity.name, CategoryUID: findingsCategory, CategoryName: "Findings",
		ClassUID: findingClass, ClassName: "Detection Finding", TypeUID: findingClass*100 + activity.id,
		Time: millis(inc.UpdatedAt), StartTime: millis(inc.FirstSeen), EndTime: millis(inc.LastSeen),
		SeverityID: severity.id, Severity: severity.name, StatusID: status.id, Status: status.name, IsAlert: !inc.Status.Terminal(),
		RiskScore: inc.Score, RiskLevelID: risk.id, RiskLevel: risk.name, Count: inc.EventCount, Message: inc.Explanation,
		Metadata: m.metadata, FindingInfo: m.info(inc), Resources: resourcesOf(inc), Evidences: m.evidences(inc),
		Enrichments: []Enrichment{{Name: "finding_info.analytic.uid", Value: inc.Detector, Type: "measure", Data: measured{inc.Observed, inc.Expected, inc.Unit}}},
	}
	if inc.Outcome != "" {
		f.Enrichments = append(f.Enrichments, Enrichment{
			Name: "finding_info.uid", Value: inc.ID, Type: "outcome", Data: ended{inc.Outcome, inc.OutcomeReason},
		})
	}
	if steps := inc.Advice(); len(steps) > 0 {
		f.Remediation = &Remediation{Desc: strings.Join(steps, " ")}
	}
	f.Metadata.UID = inc.ID + "-" + strconv.FormatUint(inc.Version, 10)
	if o, ok := observables[inc.Entity.Type]; ok {
		f.Observables = []Observable{{Name: o.path, TypeID: o.id, Type: o.name, Value: inc.Entity.Value}}
	}
	return f
}

// measured is what the leading detector saw and what it expected.
type measured struct {
	Observed float64 `json:"observed"`
	Expected float64 `json:"expected"`
	Unit     string  `json:"unit,omitempty"`
}

// ended is whether the attack succeeded.
type ended struct {
	Outcome detect.Verdict `json:"outcome"`
	Reason  string         `json:"outcome_reason"`
}

func activityOf(inc *incident.Incident) named {
	switch {
	case inc.Status.Terminal():
		return closed
	case inc.Version <= 1:
		return created
	}
	return updated
}

// riskOf is the level of a score from 0 to 100.
func riskOf(score int) named {
	switch {
	case score >= 80:
		return named{4, "Critical"}
	case score >= 60:
		return named{3, "High"}
	case score >= 40:
		return named{2, "Medium"}
	case score >= 20:
		return named{1, "Low"}
	}
	return named{0, "Info"}
}

func (m *Mapper) info(inc *incident.Incident) FindingInfo {
	info := FindingInfo{
		UID: inc.ID, Title: inc.Title, Desc: inc.Explanation, Types: []string{string(inc.Kind)},
		CreatedTime: millis(inc.CreatedAt), ModifiedTime: millis(inc.UpdatedAt),
		FirstSeenTime: millis(inc.FirstSeen), LastSeenTime: millis(inc.LastSeen), Analytic: m.analytic(inc.Detector),
	}
	for _, s := range inc.Signals {
		if s.Detector == inc.Detector {
			info.Analytic.Desc = s.Explanation
			continue
		}
		other := m.analytic(s.Detector)
		other.Desc = s.Explanation
		info.RelatedAnalytics = append(info.RelatedAnalytics, other)
	}
	for _, t := range inc.MITRE {
		info.Attacks = append(info.Attacks, attackOf(t))
	}
	for _, tag := range []KeyValue{{"owasp", inc.OWASP}, {"tags", inc.Tags}, {"assignee", list(inc.Assignee)}} {
		if len(tag.Values) > 0 {
			info.Tags = append(info.Tags, tag)
		}
	}
	return info
}

func list(word string) []string {
	if word == "" {
		return nil
	}
	return []string{word}
}

func (m *Mapper) analytic(id string) Analytic {
	how, d := byRule, m.detectors[id]
	if d.Learned {
		how = byBehavior
	}
	return Analytic{UID: id, Name: d.Title, TypeID: how.id, Type: how.name}
}

// attackOf tells a sub-technique (T1110.003) from a technique (T1110).
func attackOf(id string) Attack {
	if len(id) > 5 && id[5] == '.' {
		return Attack{Technique: &Technique{id[:5]}, SubTechnique: &Technique{id}}
	}
	return Attack{Technique: &Technique{id}}
}

func resourcesOf(inc *incident.Incident) []Resource {
	var list []Resource
	if inc.Entity.Type == detect.EntityEndpoint {
		list = append(list, Resource{inc.Entity.Value, "endpoint"})
	}
	for _, s := range inc.Services {
		list = append(list, Resource{s, "service"})
	}
	for _, r := range inc.Routes {
		if !slices.ContainsFunc(list, func(x Resource) bool { return x.Name == r }) {
			list = append(list, Resource{r, "route"})
		}
	}
	return list
}

// evidences are the incident's events, or its entity when it carries none. An event that does not decode is left out of
// the mapping: it is ours, and what it was is in the incident.
func (m *Mapper) evidences(inc *incident.Incident) []Evidence {
	var out []Evidence
	for _, body := range inc.Evidence {
		var ev event.Event
		if json.Unmarshal(body, &ev) != nil {
			continue
		}
		a := m.Activity(&ev)
		out = append(out, Evidence{
			UID: ev.ID(), Actor: a.Actor, SrcEndpoint: a.SrcEndpoint, DstEndpoint: a.DstEndpoint, URL: urlOf(&ev), Data: &a,
		})
	}
	if len(out) > 0 {
		return out
	}
	switch inc.Entity.Type {
	case detect.EntityClient:
		return []Evidence{{SrcEndpoint: &Endpoint{IP: inc.Entity.Value}}}
	case detect.EntityUser:
		return []Evidence{{Actor: &Actor{User: &User{inc.Entity.Value}}}}
	case detect.EntitySession:
		return []Evidence{{Actor: &Actor{Session: &Session{inc.Entity.Value}}}}
	}
	if inc.Service == "" {
		return nil
	}
	return []Evidence{{DstEndpoint: &Endpoint{SvcName: inc.Service}}}
}

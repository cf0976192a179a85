package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/notify/send"
)

// router says what of an incident a channel is told.
type router struct {
	routes []Route
	kinds  map[send.Kind]bool
}

func newRouter(c Channel) router {
	r := router{routes: c.Routes, kinds: map[send.Kind]bool{}}
	for _, k := range c.Changes {
		r.kinds[send.Kind(k)] = true
	}
	return r
}

// fits reports whether any route selects the incident.
func (r *router) fits(inc *incident.Incident) bool {
	return slices.ContainsFunc(r.routes, func(x Route) bool { return x.fits(inc) })
}

func (r *Route) fits(inc *incident.Incident) bool {
	least := defaultSeverity
	if r.MinSeverity != "" {
		s, err := detect.ParseSeverity(r.MinSeverity)
		if err != nil { // Validate told of it
			return false
		}
		least = s
	}
	among := func(list []string, words ...string) bool {
		return len(list) == 0 || slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
	}
	detectors := make([]string, len(inc.Signals))
	for i, s := range inc.Signals {
		detectors[i] = s.Detector
	}
	return inc.Severity >= least && inc.Score >= r.MinScore && among(r.Kinds, string(inc.Kind)) && among(r.Outcomes, string(inc.Outcome)) && among(r.Services, inc.Services...) &&
		among(r.Entities, string(inc.Entity.Type)) && among(r.Detectors, detectors...)
}

// derive returns what the channel is to be told of the incident as it stands now, when it was told of the version told
// (0: never) and listens since a moment. It follows from its arguments alone.
//
// The first time it is all that happened since the channel listens, or that the incident is there, once it fits a route.
// Later it is what its history has of newer versions, whatever the routes say: who was told of the beginning is told of
// the end.
func (r *router) derive(inc *incident.Incident, told uint64, since time.Time) []send.Change {
	if inc.SuppressedBy != "" || told == 0 && !r.fits(inc) {
		return nil
	}
	var list []send.Change
	opened := false
	for _, h := range inc.History {
		if h.Version <= told || told == 0 && h.At.Before(since) {
			continue
		}
		if k := kindOf(h); k != "" {
			list = append(list, send.Change{Kind: k, From: h.From, To: h.To, Actor: h.Actor, Reason: h.Reason, At: h.At})
			opened = opened || k == send.Opened
		}
	}
	if told == 0 && !opened && !inc.Status.Terminal() {
		list = slices.Insert(list, 0, send.Change{Kind: send.Opened, To: string(inc.Status), At: inc.UpdatedAt})
	}
	return slices.DeleteFunc(list, func(c send.Change) bool { return !r.kinds[c.Kind] })
}

// kindOf names an entry of an incident's history; "" when nobody is told of it.
func kindOf(h incident.Change) send.Kind {
	switch h.Field {
	case "status":
		switch {
		case h.From == "":
			return send.Opened
		case h.To == string(incident.StatusOpen):
			return send.Reopened
		}
		return send.Kind(h.To)
	case "severity":
		from, err := detect.ParseSeverity(h.From)
		to, bad := detect.ParseSeverity(h.To)
		if err == nil && bad == nil && to > from {
			return send.Escalated
		}
	case "outcome":
		if h.To == string(detect.LikelySucceeded) {
			return send.Succeeded
		}
	case "assignee":
		return send.Assigned
	case "suppressed_by":
		if h.To == "" {
			return send.Opened
		}
	}
	return ""
}

// entryID names what a channel is told of a version of an incident.
func entryID(channel, incidentID string, version uint64) string {
	return "ntf_" + digest(channel, incidentID, strconv.FormatUint(version, 10))
}

// messageID names a message of these entries.
func messageID(list []*Entry) string {
	ids := make([]string, len(list))
	for i, e := range list {
		ids[i] = e.ID
	}
	return "msg_" + digest(ids...)
}

func digest(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return hex.EncodeToString(sum[:12])
}

// trimmed is the incident as an entry keeps it: what was true then, without what may be long or was not meant for
// strangers.
func trimmed(inc *incident.Incident) *incident.Incident {
	c := *inc
	c.Notes, c.History, c.Findings, c.Evidence = nil, nil, nil, nil
	return &c
}

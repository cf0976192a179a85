package rules

import (
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// An event's strings alias large buffers: what outlives the event is copied here.

func ownString(s string) string { return strings.Clone(s) }

// ownEvent returns a copy of ev that owns its strings.
func ownEvent(ev *event.Event) event.Event {
	out := *ev
	out.Wire = event.Wire{}
	for _, s := range []*string{
		&out.Source, &out.Service, &out.Format, &out.User, &out.Session, &out.AuthScheme, &out.Method, &out.Scheme,
		&out.Host, &out.Path, &out.Query, &out.Protocol, &out.RequestLine, &out.Route, &out.Referer, &out.UserAgent,
		&out.UAFamily, &out.TLSVersion, &out.RequestID, &out.Upstream, &out.Country, &out.City, &out.ASOrg,
	} {
		*s = ownString(*s)
	}
	out.Signatures = ownStrings(ev.Signatures)
	out.ObjectIDs = ownStrings(ev.ObjectIDs)
	return out
}

func ownStrings(list []string) []string {
	out := slices.Clone(list)
	for i := range out {
		out[i] = ownString(out[i])
	}
	return out
}

// cloneFinding returns a copy whose slices may be changed without touching f's.
func cloneFinding(f *detect.Finding) detect.Finding {
	out := *f
	out.Group = slices.Clone(f.Group)
	out.Sample = slices.Clone(f.Sample)
	out.Measure.Where = slices.Clone(f.Measure.Where)
	if f.Measure.Until != nil {
		until := *f.Measure.Until
		out.Measure.Until = &until
	}
	return out
}

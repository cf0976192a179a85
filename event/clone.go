package event

import (
	"slices"
	"strings"
)

// Clone returns a copy of e that owns its strings, which usually alias a large buffer. Wire is left out.
func (e *Event) Clone() Event {
	out := *e
	out.Wire = Wire{}
	for _, s := range []*string{
		&out.Source, &out.Service, &out.Format, &out.User, &out.Session, &out.AuthScheme, &out.Method, &out.Scheme,
		&out.Host, &out.Path, &out.Query, &out.Protocol, &out.RequestLine, &out.Route, &out.Referer, &out.UserAgent,
		&out.UAFamily, &out.TLSVersion, &out.RequestID, &out.Upstream, &out.GatewayAction, &out.Country, &out.City, &out.ASOrg,
	} {
		*s = strings.Clone(*s)
	}
	out.Signatures, out.ObjectIDs = cloneStrings(e.Signatures), cloneStrings(e.ObjectIDs)
	return out
}

func cloneStrings(list []string) []string {
	out := slices.Clone(list)
	for i := range out {
		out[i] = strings.Clone(out[i])
	}
	return out
}

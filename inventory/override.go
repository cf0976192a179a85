package inventory

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Patch is what a person says about an endpoint. A nil member stays as it is, an empty one goes back to what is inferred.
type Patch struct {
	Type        *Type        `json:"type,omitempty"`
	Owner       *string      `json:"owner,omitempty"`
	Data        *[]string    `json:"data,omitempty"`
	Sensitivity *Sensitivity `json:"sensitivity,omitempty"`
}

// override is what people said so far about one endpoint.
type override struct {
	Key
	Version     uint64      `json:"version"`
	Type        Type        `json:"type,omitempty"`
	Owner       string      `json:"owner,omitempty"`
	Data        []string    `json:"data,omitempty"`
	Sensitivity Sensitivity `json:"sensitivity,omitempty"`
}

const (
	maxOwner = 200 // bytes
	maxData  = 20  // classes
	maxClass = 60  // bytes of a class's name
)

// check reads p. Errors are *incident.InvalidError.
func (p *Patch) check() error {
	switch {
	case p.Type == nil && p.Owner == nil && p.Data == nil && p.Sensitivity == nil:
		return invalid("type", "want at least one of type, owner, data, sensitivity")
	case p.Type != nil && *p.Type != "" && !slices.Contains(Types(), *p.Type):
		return invalid("type", "%.40q: want public, partner, internal, or nothing for what is inferred", *p.Type)
	case p.Sensitivity != nil && *p.Sensitivity != "" && p.Sensitivity.rank() < 0:
		return invalid("sensitivity", "%.40q: want low, medium, high, or nothing for what is inferred", *p.Sensitivity)
	case p.Owner != nil && !plain(*p.Owner, maxOwner):
		return invalid("owner", "want at most %d bytes of text without control characters", maxOwner)
	case p.Data != nil && len(*p.Data) > maxData:
		return invalid("data", "%d classes: want at most %d", len(*p.Data), maxData)
	}
	if p.Data != nil {
		for _, d := range *p.Data {
			if d == "" || !plain(d, maxClass) {
				return invalid("data", "want classes of 1 to %d bytes of text", maxClass)
			}
		}
	}
	return nil
}

// plain reports whether s is text of at most so many bytes, without control characters.
func plain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// with returns the override after p.
func (o override) with(p Patch) override {
	o.Version++
	if p.Type != nil {
		o.Type = *p.Type
	}
	if p.Owner != nil {
		o.Owner = *p.Owner
	}
	if p.Data != nil {
		o.Data = slices.Compact(slices.Sorted(slices.Values(*p.Data)))
	}
	if p.Sensitivity != nil {
		o.Sensitivity = *p.Sensitivity
	}
	return o
}

func (o *override) apply(e *Endpoint) {
	e.Version = o.Version
	if o.Type != "" {
		e.Type = o.Type
		e.Overridden = append(e.Overridden, "type")
	}
	if o.Owner != "" {
		e.Owner = o.Owner
		e.Overridden = append(e.Overridden, "owner")
	}
	if len(o.Data) > 0 {
		e.Data = o.Data
		e.Overridden = append(e.Overridden, "data")
	}
	if o.Sensitivity != "" {
		e.Sensitivity = o.Sensitivity
		e.Overridden = append(e.Overridden, "sensitivity")
	}
}

package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/incident"
)

// chosen is which members of a resource a caller asked for; empty: all.
type chosen []string

// incidentMembers are the members that can be asked for.
var incidentMembers = membersOf(reflect.TypeFor[incident.Incident]())

// membersOf lists the JSON names of a struct's fields.
func membersOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// chosen reads the parameter fields: names of members, separated by commas.
func (p *params) chosen(known []string) chosen {
	list := p.words("fields")
	for _, name := range list {
		if !slices.Contains(known, name) {
			p.fault("fields", "no member "+name+": want some of "+strings.Join(known, ", "))
			return nil
		}
	}
	return list
}

// of returns v with the chosen members alone, in the order in which they were asked for.
func (s chosen) of(v any) (any, error) {
	if len(s) == 0 {
		return v, nil
	}
	members, err := membersIn(v)
	if err != nil {
		return nil, err
	}
	out := []byte{'{'}
	for _, name := range s {
		value, ok := members[name]
		if !ok {
			continue // absent in this one
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, `"`+name+`":`...), value...)
	}
	return json.RawMessage(append(out, '}')), nil
}

// all is of for each of a list.
func all[T any](s chosen, list []T) (any, error) {
	if len(s) == 0 {
		return list, nil
	}
	out := make([]any, len(list))
	for i, v := range list {
		var err error
		if out[i], err = s.of(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// listed is the list as JSON writes it: never null.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// ofIncidents is all for incidents: their other members are not encoded first.
func (s chosen) ofIncidents(list []*incident.Incident) any {
	if len(s) == 0 {
		return list
	}
	whole := reflect.TypeFor[incident.Incident]()
	fields, from := make([]reflect.StructField, len(s)), make([]int, len(s))
	for i, name := range s {
		from[i] = slices.Index(incidentMembers, name)
		fields[i] = whole.Field(from[i])
	}
	some := reflect.StructOf(fields)
	out := reflect.MakeSlice(reflect.SliceOf(some), len(list), len(list))
	for n, inc := range list {
		for i, field := range from {
			out.Index(n).Field(i).Set(reflect.ValueOf(inc).Elem().Field(field))
		}
	}
	return out.Interface()
}

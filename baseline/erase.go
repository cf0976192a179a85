package baseline

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Without returns the row without what it says of the actors that gone names, and whether it said anything. Everything else
// stays as it is, so that a version judges all others as before.
func (r Row) Without(gone func(ActorKey) bool) (Row, bool, error) {
	var after any
	var changed bool
	var err error
	switch r.Kind {
	case rowActors:
		var list []json.RawMessage
		if err = json.Unmarshal([]byte(r.JSON), &list); err == nil {
			after, changed, err = withoutActors(list, gone)
		}
	case rowReaders:
		var chunk struct {
			Endpoint json.RawMessage   `json:"endpoint"`
			Readers  []json.RawMessage `json:"readers"`
		}
		if err = json.Unmarshal([]byte(r.JSON), &chunk); err == nil {
			chunk.Readers, changed, err = withoutActors(chunk.Readers, gone)
			after = chunk
		}
	case rowChanges:
		var list []Change
		if err = json.Unmarshal([]byte(r.JSON), &list); err == nil {
			n := len(list)
			list = slices.DeleteFunc(list, func(c Change) bool { return c.Actor != (ActorKey{}) && gone(c.Actor) })
			after, changed = list, len(list) < n
		}
	case rowMembers:
		var m Members
		if err = json.Unmarshal([]byte(r.JSON), &m); err == nil {
			n := len(m.Users)
			m.Users = slices.DeleteFunc(m.Users, func(u string) bool { return gone(ActorKey{User: true, Value: u}) })
			after, changed = m, len(m.Users) < n
		}
	}
	if err != nil {
		return r, false, fmt.Errorf("decode baseline row %s %s: %w", r.Kind, r.Key, err)
	}
	if !changed {
		return r, false, nil
	}
	text, err := json.Marshal(after)
	if err != nil {
		return r, false, fmt.Errorf("encode baseline row %s %s: %w", r.Kind, r.Key, err)
	}
	r.JSON = string(text)
	return r, true, nil
}

// withoutActors drops the elements whose actor is gone and leaves the others as they were written.
func withoutActors(list []json.RawMessage, gone func(ActorKey) bool) (kept []json.RawMessage, changed bool, err error) {
	kept = []json.RawMessage{}
	for _, raw := range list {
		var of struct {
			Key ActorKey `json:"a"`
		}
		if err := json.Unmarshal(raw, &of); err != nil {
			return nil, false, err
		}
		if !gone(of.Key) {
			kept = append(kept, raw)
		}
	}
	return kept, len(kept) < len(list), nil
}

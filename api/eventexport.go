package api

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/event"
)

// The number of events of one export.
const (
	defaultExport = 100_000
	maxExport     = 10_000_000
)

// exportEvents answers GET /v1/events/export: the newest events that the filter selects, the newest first, one JSON object a
// line, as CSV, or as OCSF HTTP Activities, one a line. It is audited: events are evidence.
func (s *Server) exportEvents(c echo.Context) error {
	p := s.query(c)
	where := p.conditions()
	from, to := p.time("since"), p.time("until")
	before := p.place("cursor")
	left := p.number("limit", 1, maxExport, defaultExport)
	form := p.form(formNDJSON, formCSV, formOCSF)
	if err := p.err(); err != nil {
		return err
	}
	if err := s.record(c, "events.export", "", c.Request().URL.RawQuery); err != nil {
		return err
	}
	ctx := c.Request().Context()
	events, next, err := s.deps.Store.FindEvents(ctx, from, to, where, p.services, before, min(left, maxEventPage))
	if err != nil {
		return unavailable("the store did not answer", err)
	}
	out, err := newLines(c, form, shape[*event.Event]{
		columns: eventMembers, row: eventRow, ocsf: func(ev *event.Event) any { return s.ocsf.Activity(ev) },
	})
	for err == nil {
		if err = out.write(events); err != nil {
			return err
		}
		if left -= len(events); next == nil || left <= 0 {
			return nil
		}
		events, next, err = s.deps.Store.FindEvents(ctx, from, to, where, p.services, next, min(left, maxEventPage))
	}
	breakOff()
	return nil
}

// eventRow is an event in the order of eventMembers; an absent value is an empty cell, a list's members are apart by spaces.
func eventRow(ev *event.Event) ([]string, error) {
	members, err := membersIn(ev)
	if err != nil {
		return nil, err
	}
	row := make([]string, len(eventMembers))
	for i, name := range eventMembers {
		if row[i], err = cell(members[name]); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// cell is a JSON value as the text of a cell.
func cell(value json.RawMessage) (string, error) {
	switch {
	case len(value) == 0:
		return "", nil
	case value[0] == '"':
		var text string
		err := json.Unmarshal(value, &text)
		return text, err
	case value[0] == '[':
		var list []string
		err := json.Unmarshal(value, &list)
		return strings.Join(list, " "), err
	}
	return string(value), nil
}

// membersIn is a value's JSON members by name.
func membersIn(v any) (map[string]json.RawMessage, error) {
	whole, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	err = json.Unmarshal(whole, &members)
	return members, err
}

// eventMembers are the members of an event in JSON that can be asked for; in CSV they are the columns.
var eventMembers = slices.Concat(
	[]string{"time", "event_id"}, slices.DeleteFunc(event.FieldNames(), func(name string) bool { return name == "time" }),
	[]string{"is_bot", "signatures", "attack_score", "generation", "position"},
)

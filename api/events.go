package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
)

// maxEventPage is the largest page of events.
const maxEventPage = 1000

// searchEvents answers GET /v1/events, newest first, and audits it: events are evidence.
func (s *Server) searchEvents(c echo.Context) error {
	p := s.query(c)
	where := p.conditions()
	from, to := p.time("since"), p.time("until")
	before := p.place("cursor")
	limit := p.number("limit", 1, maxEventPage, defaultPage)
	members := p.chosen(eventMembers)
	if err := p.err(); err != nil {
		return err
	}
	if err := s.record(c, "events.search", "", c.Request().URL.RawQuery); err != nil {
		return err
	}
	events, next, err := s.deps.Store.FindEvents(c.Request().Context(), from, to, where, p.services, before, limit)
	if err != nil {
		return unavailable("the store did not answer", err)
	}
	if events == nil {
		events = []*event.Event{}
	}
	var out struct {
		Events     any    `json:"events"` // events, or the members of them that were asked for
		NextCursor string `json:"next_cursor,omitempty"`
	}
	if out.Events, err = all(members, events); err != nil {
		return err
	}
	if next != nil {
		out.NextCursor = placeCursor(*next)
		s.linkNext(c, out.NextCursor)
	}
	return c.JSON(http.StatusOK, out)
}

// conditions reads the parameters that select events: fields by their own names.
func (p *params) conditions() []detect.Condition {
	var where []detect.Condition
	if v := p.service("service"); v != "" {
		where = append(where, detect.Condition{Field: "service", Op: detect.OpEqual, Value: v})
	}
	for _, name := range []string{
		"source", "user", "session", "method", "host", "path", "route", "request_id", "country", "ua_family",
	} {
		if v := p.text(name); v != "" {
			where = append(where, detect.Condition{Field: name, Op: detect.OpEqual, Value: v})
		}
	}
	if v := p.text("client_ip"); v != "" {
		addr, err := netip.ParseAddr(v)
		if err != nil || addr.Zone() != "" {
			p.fault("client_ip", fmt.Sprintf("%.60q: want an IPv4 or IPv6 address", v))
		}
		where = append(where, detect.Condition{Field: "client_ip", Op: detect.OpEqual, Value: addr.Unmap().String()})
	}
	if v := p.text("signature"); v != "" {
		where = append(where, detect.Condition{Field: "signatures", Op: detect.OpHas, Value: v})
	}
	for _, status := range []struct {
		name string
		op   detect.Op
	}{{"status", detect.OpEqual}, {"status_gte", detect.OpGTE}, {"status_lt", detect.OpLT}} {
		if n := p.number(status.name, 0, 999, -1); n >= 0 {
			where = append(where, detect.Condition{Field: "status", Op: status.op, Value: strconv.Itoa(n)})
		}
	}
	return where
}

func placeCursor(at event.Place) string {
	b, _ := json.Marshal(at) // a time, a string and two numbers: it cannot fail
	return base64.RawURLEncoding.EncodeToString(b)
}

// place reads a cursor over events; nil when there is none.
func (p *params) place(name string) *event.Place {
	text := p.text(name)
	if text == "" {
		return nil
	}
	at, err := parsePlace(text)
	if err != nil {
		p.fault(name, err.Error())
		return nil
	}
	return at
}

func parsePlace(cursor string) (*event.Place, error) {
	wrong := fmt.Errorf("not a cursor that a list returned")
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, wrong
	}
	var at event.Place
	if decodeStrict(b, &at) != nil || at.Time.Before(firstMoment) || at.Time.After(lastMoment) {
		return nil, wrong
	}
	return &at, nil
}

package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/event"
)

// params reads a request's query and collects what is wrong with it, so that all faults are told at once.
type params struct {
	values url.Values
	known  []string
	faults []FieldError
	now    time.Time

	services event.Services // that the caller's key is for
	denied   string         // the parameter that asks for another
}

// query parses the request's query; a malformed one is a fault of the field "query".
func (s *Server) query(c echo.Context) *params {
	p := &params{now: s.now(), services: servicesOf(c)}
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		p.fault("query", "malformed: "+err.Error())
	}
	p.values = values
	return p
}

func (p *params) fault(field, detail string) {
	p.faults = append(p.faults, FieldError{field, detail})
}

// maxParam bounds a parameter's value, in bytes.
const maxParam = 2048

// text returns the parameter's only value.
func (p *params) text(name string) string {
	p.known = append(p.known, name)
	list := p.values[name]
	switch {
	case len(list) == 0:
		return ""
	case len(list) > 1:
		p.fault(name, "given more than once")
		return ""
	case len(list[0]) > maxParam:
		p.fault(name, fmt.Sprintf("%d bytes: want at most %d", len(list[0]), maxParam))
		return ""
	case !utf8.ValidString(list[0]), strings.ContainsRune(list[0], 0):
		p.fault(name, "not valid UTF-8 text")
		return ""
	}
	return list[0]
}

// service returns the parameter's service. One that the caller's key is not for is refused.
func (p *params) service(name string) string {
	service := p.text(name)
	if service != "" && !p.services.Covers(service) {
		p.denied = name
	}
	return service
}

// words returns the parameter's comma-separated values.
func (p *params) words(name string) []string {
	text := p.text(name)
	if text == "" {
		return nil
	}
	list := strings.Split(text, ",")
	if slices.Contains(list, "") || len(list) > 100 {
		p.fault(name, "want up to 100 words separated by commas")
		return nil
	}
	return list
}

// each returns the parameter's comma-separated values through parse, whose errors say what is accepted.
func each[T any](p *params, name string, parse func(string) (T, error)) []T {
	var list []T
	for _, w := range p.words(name) {
		v, err := parse(w)
		if err != nil {
			p.fault(name, err.Error())
			return nil
		}
		list = append(list, v)
	}
	return list
}

// number returns a whole number of [low, high], or the default when it is absent.
func (p *params) number(name string, low, high, otherwise int) int {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		p.fault(name, fmt.Sprintf("%.40q: want a whole number, %d to %d", text, low, high))
		return otherwise
	}
	return n
}

// time returns a moment: RFC 3339, or a duration before now such as 90m, 24h or 7d.
func (p *params) time(name string) time.Time {
	text := p.text(name)
	if text == "" {
		return time.Time{}
	}
	t, err := parseTime(text, p.now)
	if err != nil {
		p.fault(name, err.Error())
	}
	return t
}

// The moments that the store can hold.
var (
	firstMoment = time.Unix(0, 0).UTC()
	lastMoment  = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

func parseTime(text string, now time.Time) (time.Time, error) {
	wrong := fmt.Errorf("%.40q: want a time like 2026-03-01T12:00:00Z or a duration before now like 90m, 24h, 7d", text)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		var back time.Duration
		if days, ok := strings.CutSuffix(text, "d"); ok {
			n, err := strconv.ParseUint(days, 10, 16)
			if err != nil {
				return time.Time{}, wrong
			}
			back = time.Duration(n) * 24 * time.Hour
		} else if back, err = time.ParseDuration(text); err != nil || back < 0 {
			return time.Time{}, wrong
		}
		t = now.Add(-back)
	}
	if t.Before(firstMoment) || t.After(lastMoment) {
		return time.Time{}, fmt.Errorf("%.40q: want a time between 1970 and 2262", text)
	}
	return t.UTC(), nil
}

// err returns all faults as one problem, unknown parameters included; nil when there are none. Call it last.
func (p *params) err() error {
	for name := range p.values {
		if !slices.Contains(p.known, name) {
			p.fault(name, "unknown parameter; known here: "+strings.Join(p.known, ", "))
		}
	}
	if len(p.faults) == 0 {
		if p.denied != "" {
			return notCovered(p.denied, p.services)
		}
		return nil
	}
	slices.SortStableFunc(p.faults, func(a, b FieldError) int { return strings.Compare(a.Field, b.Field) })
	out := problem(http.StatusBadRequest, p.faults[0].Field+": "+p.faults[0].Detail)
	out.Errors = p.faults
	return out
}

// noQuery refuses parameters where there are none to give.
func (s *Server) noQuery(c echo.Context) error { return s.query(c).err() }

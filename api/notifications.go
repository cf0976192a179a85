package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident/notify"
)

// listNotifications answers GET /v1/notifications, the newest entries of the outbox first.
func (s *Server) listNotifications(c echo.Context) error {
	if s.deps.Notifications == nil {
		return missing("notifications")
	}
	p := s.query(c)
	f := notify.Filter{Channel: p.text("channel"), Incident: p.text("incident"), States: each(p, "state", parseState)}
	if at := p.place("cursor"); at != nil {
		f.Before, f.BeforeID = at.Time, at.Source
	}
	limit := p.number("limit", 1, maxEventPage, defaultPage)
	if err := p.err(); err != nil {
		return err
	}
	list := s.deps.Notifications.List(f, limit+1)
	out := map[string]any{}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		cursor := placeCursor(event.Place{Time: last.CreatedAt, Source: last.ID})
		out["next_cursor"] = cursor
		s.linkNext(c, cursor)
	}
	out["notifications"] = append([]notify.Entry{}, list...)
	return c.JSON(http.StatusOK, out)
}

func parseState(word string) (notify.State, error) {
	if st := notify.State(word); slices.Contains(notify.States(), st) {
		return st, nil
	}
	return "", fmt.Errorf("%.40q: want some of %v", word, notify.States())
}

// listChannels answers GET /v1/notifications/channels.
func (s *Server) listChannels(c echo.Context) error {
	if s.deps.Notifications == nil {
		return missing("notifications")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"channels": s.deps.Notifications.Channels()})
}

// testChannel answers POST /v1/notifications/test: it sends a test message and says whether it arrived. That it did not is
// an answer, not a failure of the request.
func (s *Server) testChannel(c echo.Context) error {
	if s.deps.Notifications == nil {
		return missing("notifications")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	var body struct {
		Channel string `json:"channel"`
	}
	if err := readJSON(c, &body); err != nil {
		return err
	}
	err := s.deps.Notifications.Test(c.Request().Context(), body.Channel)
	if errors.Is(err, notify.ErrNoChannel) {
		return noChannel()
	}
	out := map[string]any{"channel": body.Channel, "delivered": err == nil}
	if err != nil {
		out["error"] = err.Error()
	}
	if err := s.record(c, "notification.test", body.Channel, ""); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func noChannel() error { return badField("channel", "no channel of the configuration has this name") }

// retryNotifications answers POST /v1/notifications/retry: dead entries, by id or all of a channel, are sent again.
func (s *Server) retryNotifications(c echo.Context) error {
	if s.deps.Notifications == nil {
		return missing("notifications")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	var body struct {
		Channel string   `json:"channel"`
		IDs     []string `json:"ids"`
	}
	if err := readJSON(c, &body); err != nil {
		return err
	}
	if (body.Channel == "") == (len(body.IDs) == 0) || len(body.IDs) > maxBulk {
		return badField("ids", "want the ids of 1 to 500 notifications, or a channel")
	}
	n, err := s.deps.Notifications.Retry(c.Request().Context(), body.Channel, body.IDs)
	if errors.Is(err, notify.ErrNoChannel) {
		return noChannel()
	}
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "notification.retry", body.Channel, fmt.Sprintf("%d notifications", n)); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"retried": n})
}

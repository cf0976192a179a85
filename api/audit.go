package api

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// auditEntry is one row of the audit.
type auditEntry struct {
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Actor  string    `json:"actor"`
	Role   string    `json:"role"`
	Action string    `json:"action"`
	Target string    `json:"target,omitempty"`
	Remote string    `json:"remote,omitempty"`
	Detail string    `json:"detail,omitempty"`
}

// maxDetail bounds an audit row's detail, in bytes.
const maxDetail = 4096

// record appends to the audit. A request that must be audited and cannot be is refused, so that nothing is read unseen;
// a change that was made stands, and the failure is told.
func (s *Server) record(c echo.Context, action, target, detail string) error {
	who := callerOf(c)
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	if len(detail) > maxDetail {
		detail = detail[:maxDetail]
	}
	err := s.deps.Store.AppendAudit(c.Request().Context(), "aud_"+hex.EncodeToString(b[:]), s.now().UTC(),
		who.name, string(who.role), action, target, c.Request().RemoteAddr, detail)
	if err != nil {
		return unavailable("the audit could not be written", err)
	}
	return nil
}

// listAudit answers GET /v1/audit, newest first.
func (s *Server) listAudit(c echo.Context) error {
	p := s.query(c)
	from, to := p.time("since"), p.time("until")
	beforeID := ""
	if at := p.place("cursor"); at != nil {
		to, beforeID = at.Time, at.Source
	}
	limit := p.number("limit", 1, maxEventPage, defaultPage)
	if err := p.err(); err != nil {
		return err
	}
	list, err := s.auditPage(c, from, to, beforeID, limit+1)
	if err != nil {
		return unavailable("the store did not answer", err)
	}
	out := map[string]any{}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		cursor := auditCursor(last)
		out["next_cursor"] = cursor
		s.linkNext(c, cursor)
	}
	out["audit"] = list
	return c.JSON(http.StatusOK, out)
}

// auditPage reads entries of [from, to), the newest first; with an id those of the moment to that come behind it as well.
func (s *Server) auditPage(c echo.Context, from, to time.Time, beforeID string, limit int) ([]auditEntry, error) {
	list := []auditEntry{}
	err := s.deps.Store.Audit(c.Request().Context(), from, to, beforeID, limit,
		func(id string, at time.Time, actor, role, action, target, remote, detail string) error {
			list = append(list, auditEntry{id, at, actor, role, action, target, remote, detail})
			return nil
		})
	return list, err
}

// auditColumns are those of the CSV form.
var auditColumns = []string{"id", "time", "actor", "role", "action", "target", "remote", "detail"}

// exportAudit answers GET /v1/audit/export: all entries of a period, one JSON object a line or CSV.
func (s *Server) exportAudit(c echo.Context) error {
	p := s.query(c)
	from, to := p.time("since"), p.time("until")
	form := p.form(formNDJSON, formCSV)
	if err := p.err(); err != nil {
		return err
	}
	if err := s.record(c, "audit.export", "", c.Request().URL.RawQuery); err != nil {
		return err
	}
	page, err := s.auditPage(c, from, to, "", maxEventPage)
	if err != nil {
		return unavailable("the store did not answer", err)
	}
	out, err := newLines(c, form, shape[auditEntry]{columns: auditColumns, row: func(e auditEntry) ([]string, error) {
		return []string{e.ID, stamp(e.Time), e.Actor, e.Role, e.Action, e.Target, e.Remote, e.Detail}, nil
	}})
	for err == nil {
		if err = out.write(page); err != nil || len(page) < maxEventPage {
			return err
		}
		last := page[len(page)-1]
		page, err = s.auditPage(c, from, last.Time, last.ID, maxEventPage)
	}
	breakOff()
	return nil
}

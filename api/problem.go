package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/ingest"
	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/inventory/policy"
)

// Problem is an error as RFC 9457 writes it. Type is always about:blank: Title and Status say what kind it is.
type Problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	RequestID string       `json:"request_id,omitempty"`
	Errors    []FieldError `json:"errors,omitempty"`

	retryAfter int    // seconds, 0: no header
	challenge  bool   // WWW-Authenticate
	cause      error  // for the log
	etag       string // the current version, with a failed precondition
}

// FieldError says which parameter, header or member is not acceptable, and what would be.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Error makes a Problem an error.
func (p *Problem) Error() string { return strconv.Itoa(p.Status) + " " + p.Detail }

// Unwrap returns what is behind it.
func (p *Problem) Unwrap() error { return p.cause }

func problem(status int, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// badField is a 400 that names the field.
func badField(field, detail string) *Problem {
	p := problem(http.StatusBadRequest, field+": "+detail)
	p.Errors = []FieldError{{field, detail}}
	return p
}

func unavailable(detail string, cause error) *Problem {
	p := problem(http.StatusServiceUnavailable, detail)
	p.retryAfter, p.cause = 1, cause
	return p
}

// storeFault passes on what the client did wrong and calls everything else a store that is away: worth a retry.
func storeFault(err error) error {
	var (
		p        *Problem
		invalid  *incident.InvalidError
		conflict *incident.ConflictError
	)
	if errors.As(err, &p) || errors.As(err, &invalid) || errors.As(err, &conflict) ||
		errors.Is(err, incident.ErrNotFound) || errors.Is(err, inventory.ErrNoEndpoint) || errors.Is(err, inventory.ErrNoDocument) ||
		errors.Is(err, policy.ErrNotFound) || errors.Is(err, context.Canceled) {
		return err
	}
	return unavailable("the store did not answer", err)
}

// statusClosed is nginx's status for a client that went away; nobody sees it but the log.
const statusClosed = 499

// problemOf maps every error that a handler may return. What it does not know is a fault of ours: a 500 without detail.
func problemOf(err error) *Problem {
	var (
		p        *Problem
		invalid  *incident.InvalidError
		conflict *incident.ConflictError
		he       *echo.HTTPError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &invalid):
		return badField(invalid.Field, invalid.Detail)
	case errors.As(err, &conflict):
		p = problem(http.StatusPreconditionFailed, conflict.Error())
		p.Errors = []FieldError{{"If-Match", "the current version is " + etag(conflict.Have)}}
		p.etag = etag(conflict.Have)
		return p
	case errors.Is(err, incident.ErrNotFound):
		return problem(http.StatusNotFound, "no such incident")
	case errors.Is(err, policy.ErrNotFound):
		return problem(http.StatusNotFound, policy.ErrNotFound.Error())
	case errors.Is(err, inventory.ErrNoEndpoint):
		return problem(http.StatusNotFound, inventory.ErrNoEndpoint.Error())
	case errors.Is(err, inventory.ErrNoDocument):
		return problem(http.StatusNotFound, inventory.ErrNoDocument.Error())
	case errors.Is(err, ErrNoJob):
		return problem(http.StatusNotFound, ErrNoJob.Error())
	case errors.Is(err, ErrNoVersion):
		return problem(http.StatusNotFound, ErrNoVersion.Error())
	case errors.Is(err, ErrOver):
		return problem(http.StatusConflict, ErrOver.Error())
	case errors.Is(err, ErrBusy):
		return problem(http.StatusConflict, ErrBusy.Error())
	case errors.Is(err, ingest.ErrTooLarge):
		p = problem(http.StatusRequestEntityTooLarge, err.Error())
		p.Errors = []FieldError{{"body", err.Error()}}
		return p
	case errors.Is(err, ingest.ErrRejected):
		p = problem(http.StatusUnprocessableEntity, err.Error())
		p.Errors = []FieldError{{"body", err.Error()}}
		return p
	case errors.Is(err, ingest.ErrClosed):
		return unavailable("the server is stopping", err)
	case errors.Is(err, context.Canceled):
		return problem(statusClosed, "the client went away")
	case errors.As(err, &he):
		return problem(he.Code, http.StatusText(he.Code))
	}
	p = problem(http.StatusInternalServerError, "the server failed; its log has the reason under this request id")
	p.cause = err
	return p
}

// answerError is echo's error handler.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := *problemOf(err)
	p.RequestID = requestID(c)
	if p.Status >= http.StatusInternalServerError && p.Status != http.StatusNotImplemented {
		s.log.Error("request failed", "method", c.Request().Method, "path", c.Path(), "status", p.Status,
			"request_id", p.RequestID, "error", err)
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.challenge {
		h.Set("WWW-Authenticate", `Bearer realm="gatewatch"`)
	}
	if p.etag != "" {
		h.Set("ETag", p.etag)
	}
	c.Response().WriteHeader(p.Status)
	if c.Request().Method != http.MethodHead {
		_ = json.NewEncoder(c.Response()).Encode(p) // the client may be gone
	}
}

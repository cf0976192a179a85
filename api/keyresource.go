package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/event"
)

// listKeys answers GET /v1/keys.
func (s *Server) listKeys(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"keys": s.keys.List()})
}

// madeKey is a new key with its secret, which is shown this once.
type madeKey struct {
	Key
	Secret string `json:"key"`
}

// createKey answers POST /v1/keys.
func (s *Server) createKey(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	var n NewKey
	if err := readJSON(c, &n); err != nil {
		return err
	}
	key, secret, err := s.keys.Create(c.Request().Context(), n, callerOf(c).name)
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "key.create", key.ID, describeKey(key)); err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusCreated, madeKey{Key: key, Secret: secret})
}

// describeKey says in the audit what was made.
func describeKey(k Key) string {
	text := k.Name + " as " + string(k.Role)
	if len(k.Services) > 0 {
		text += " for " + strings.Join(k.Services, ", ")
	}
	if k.RatePerSecond > 0 {
		text += fmt.Sprintf(", %v requests a second", k.RatePerSecond)
	}
	return text
}

// revokeKey answers DELETE /v1/keys/{id}.
func (s *Server) revokeKey(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	id := c.Param("id")
	if !plainWord(id) {
		return badField("id", "want a key's id like key_0a1b2c3d")
	}
	key, err := s.keys.Revoke(c.Request().Context(), id)
	if errors.Is(err, ErrNoKey) {
		return problem(http.StatusNotFound, ErrNoKey.Error())
	}
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "key.revoke", id, key.Name); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, key)
}

// auditCursor is the place of an audit row.
func auditCursor(e auditEntry) string { return placeCursor(event.Place{Time: e.Time, Source: e.ID}) }

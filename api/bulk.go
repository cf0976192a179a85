package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/incident"
)

// maxBulk bounds the incidents that one request changes.
const maxBulk = 500

// bulkPatch is one change for many incidents.
type bulkPatch struct {
	IDs []string `json:"ids"`
	incident.Patch
}

// bulkResult tells what became of one incident.
type bulkResult struct {
	ID      string `json:"id"`
	Version uint64 `json:"version,omitempty"`
	Error   string `json:"error,omitempty"`
}

// patchIncidents answers POST /v1/incidents/bulk: the same change for each, whatever its version is. One that is not there is
// told in its result and stops no other; a store that is away stops the rest.
func (s *Server) patchIncidents(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	var body bulkPatch
	if err := readJSON(c, &body); err != nil {
		return err
	}
	if len(body.IDs) == 0 || len(body.IDs) > maxBulk {
		return badField("ids", "want 1 to 500 incidents' ids")
	}
	if i := slices.IndexFunc(body.IDs, func(id string) bool { return !plainWord(id) }); i >= 0 {
		return badField("ids", "want incidents' ids like inc_0a1b2c3d4e5f60718293")
	}
	detail, err := json.Marshal(body.Patch)
	if err != nil {
		return err
	}
	results := make([]bulkResult, 0, len(body.IDs))
	for _, id := range body.IDs {
		err := s.mayChange(c, id)
		if p := (*Problem)(nil); errors.As(err, &p) && p.Status == http.StatusForbidden {
			results = append(results, bulkResult{ID: id, Error: p.Detail})
			continue
		}
		var inc *incident.Incident
		if err == nil {
			inc, err = s.deps.Incidents.Patch(c.Request().Context(), id, incident.AnyVersion, body.Patch, callerOf(c).name)
		}
		if errors.Is(err, incident.ErrNotFound) {
			results = append(results, bulkResult{ID: id, Error: "no such incident"})
			continue
		}
		if err != nil {
			return storeFault(err)
		}
		if err := s.record(c, "incident.change", id, string(detail)); err != nil {
			return err
		}
		results = append(results, bulkResult{ID: id, Version: inc.Version})
	}
	return c.JSON(http.StatusOK, map[string]any{"results": results})
}

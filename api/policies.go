package api

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/inventory/policy"
)

// heldPolicy is a policy and what the counts of the period say about it.
type heldPolicy struct {
	policy.Policy
	Assessment policy.Assessment `json:"assessment"`
}

// hold reads the period's counts once for all policies.
func (s *Server) hold(c echo.Context, list []policy.Policy, p inventory.Period) ([]heldPolicy, error) {
	out := []heldPolicy{}
	if len(list) == 0 {
		return out, nil
	}
	endpoints, err := s.deps.Inventory.All(c.Request().Context(), p)
	if err != nil {
		return nil, storeFault(err)
	}
	for i := range list {
		out = append(out, heldPolicy{list[i], policy.Assess(&list[i], endpoints)})
	}
	return out, nil
}

// listPolicies answers GET /v1/policies.
func (s *Server) listPolicies(c echo.Context) error {
	if s.deps.Policies == nil || s.deps.Inventory == nil {
		return missing("policies")
	}
	p := s.query(c)
	period := p.period()
	if err := p.err(); err != nil {
		return err
	}
	list, err := s.hold(c, s.deps.Policies.List(), period)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"policies": list})
}

func policyID(c echo.Context) (string, error) {
	id := c.Param("id")
	if !plainWord(id) {
		return "", badField("id", "want up to 64 letters, digits, dots, dashes and underscores")
	}
	return id, nil
}

// getPolicy answers GET /v1/policies/{id}.
func (s *Server) getPolicy(c echo.Context) error {
	if s.deps.Policies == nil || s.deps.Inventory == nil {
		return missing("policies")
	}
	id, err := policyID(c)
	if err != nil {
		return err
	}
	p := s.query(c)
	period := p.period()
	if err := p.err(); err != nil {
		return err
	}
	found, err := s.deps.Policies.Get(id)
	if err != nil {
		return err
	}
	held, err := s.hold(c, []policy.Policy{found}, period)
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", etag(found.Version))
	return c.JSON(http.StatusOK, held[0])
}

// putPolicy answers PUT /v1/policies/{id}: 201 for a new one, 200 for a change.
func (s *Server) putPolicy(c echo.Context) error {
	if s.deps.Policies == nil {
		return missing("policies")
	}
	id, err := policyID(c)
	if err != nil {
		return err
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	version, err := expectedVersion(c)
	if err != nil {
		return err
	}
	var n policy.New
	if err := readJSON(c, &n); err != nil {
		return err
	}
	p, made, err := s.deps.Policies.Put(c.Request().Context(), id, version, n, callerOf(c).name)
	if err != nil {
		return storeFault(err)
	}
	detail, err := json.Marshal(p.New)
	if err != nil {
		return err
	}
	if err := s.record(c, "policy.put", id, string(detail)); err != nil {
		return err
	}
	c.Response().Header().Set("ETag", etag(p.Version))
	status := http.StatusOK
	if made {
		status = http.StatusCreated
	}
	return c.JSON(status, p)
}

// deletePolicy answers DELETE /v1/policies/{id}.
func (s *Server) deletePolicy(c echo.Context) error {
	if s.deps.Policies == nil {
		return missing("policies")
	}
	id, err := policyID(c)
	if err != nil {
		return err
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	version, err := expectedVersion(c)
	if err != nil {
		return err
	}
	if err := s.deps.Policies.Delete(c.Request().Context(), id, version, callerOf(c).name); err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "policy.delete", id, ""); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

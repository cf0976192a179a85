package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

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
	if services := servicesOf(c); services.Limited() {
		endpoints = slices.DeleteFunc(endpoints, func(e *inventory.Endpoint) bool { return !services.Covers(e.Service) })
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
	all := s.deps.Policies.List()
	all = slices.DeleteFunc(all, func(held policy.Policy) bool { return !seesPolicy(c, held) })
	list, err := s.hold(c, all, period)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"policies": list})
}

// seesPolicy reports whether the caller may see the policy: one of no service holds for its own as well.
func seesPolicy(c echo.Context, p policy.Policy) bool {
	return p.Service == "" || servicesOf(c).Covers(p.Service)
}

// mayChangePolicy refuses a policy that holds for services that the caller's key is not for.
func (s *Server) mayChangePolicy(c echo.Context, id string) error {
	services := servicesOf(c)
	if !services.Limited() {
		return nil
	}
	have, err := s.deps.Policies.Get(id)
	switch {
	case err != nil:
		return err
	case have.Service == "":
		return spans("the policy")
	case !services.Covers(have.Service):
		return problem(http.StatusForbidden, "a policy of this id belongs to another service")
	}
	return nil
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
	if !seesPolicy(c, found) {
		return policy.ErrNotFound
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
	if err := covered(c, "service", n.Service); err != nil {
		return err
	}
	if err := s.mayChangePolicy(c, id); err != nil && !errors.Is(err, policy.ErrNotFound) {
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
	if err := s.mayChangePolicy(c, id); err != nil {
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

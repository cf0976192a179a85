package api

import (
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/baseline"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/rules"
)

// missing answers for a resource whose dependency this server was built without.
func missing(what string) error {
	return problem(http.StatusNotImplemented, "this server runs without "+what)
}

// listRules answers GET /v1/rules: the Sigma rules that are loaded.
func (s *Server) listRules(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	if s.deps.Rules == nil {
		return missing("rules")
	}
	infos := s.deps.Rules.Set().Infos()
	if infos == nil {
		infos = []detect.Info{}
	}
	return c.JSON(http.StatusOK, map[string]any{"rules": infos})
}

// reloadRules answers POST /v1/rules/reload: the folders of rules are read again.
func (s *Server) reloadRules(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	if s.deps.Rules == nil {
		return missing("rules")
	}
	if err := s.record(c, "rules.reload", "rules", ""); err != nil {
		return err
	}
	done, err := s.deps.Rules.Reload(c.Request().Context())
	var faults rules.Faults
	switch {
	case errors.As(err, &faults):
		p := problem(http.StatusUnprocessableEntity, "the rules have faults; the former ones stay")
		for _, f := range faults {
			p.Errors = append(p.Errors, FieldError{f.Key, f.Error()})
		}
		return p
	case err != nil:
		return err
	}
	return c.JSON(http.StatusOK, done)
}

// detectors are all detectors, without a source of them none.
func (s *Server) detectors() []detect.Info {
	if s.deps.Detectors == nil {
		return nil
	}
	return s.deps.Detectors()
}

// detectorState is a detector and whether the logs carry what it needs.
type detectorState struct {
	detect.Info
	Off     bool     `json:"off"`
	Missing []string `json:"missing,omitempty"` // fields that no source carries
}

// listDetectors answers GET /v1/detectors: all of them, with those that the logs' missing fields turn off.
func (s *Server) listDetectors(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	var off map[string][]string
	detectors := s.detectors()
	if !servicesOf(c).Limited() && s.deps.Sources != nil && len(s.deps.Sources.Report()) > 0 {
		off = detect.Missing(detectors, s.deps.Sources.Fields())
	}
	list := make([]detectorState, 0, len(detectors))
	for _, d := range detectors {
		list = append(list, detectorState{Info: d, Off: len(off[d.ID]) > 0, Missing: off[d.ID]})
	}
	slices.SortStableFunc(list, func(a, b detectorState) int { return compareText(a.ID, b.ID) })
	return c.JSON(http.StatusOK, map[string]any{"detectors": list})
}

// listBaselines answers GET /v1/baselines: the published models, the newest first.
func (s *Server) listBaselines(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	if s.deps.Baselines == nil {
		return missing("baselines")
	}
	list, err := s.deps.Baselines.Versions(c.Request().Context())
	if err != nil {
		return unavailable("the store did not answer", err)
	}
	if list == nil {
		list = []baseline.Meta{}
	}
	return c.JSON(http.StatusOK, map[string]any{"baselines": list})
}

// recompute answers POST /v1/baselines/recompute: 202 with the job, 409 while one is under way.
func (s *Server) recompute(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	if s.deps.Baselines == nil {
		return missing("baselines")
	}
	job, err := s.deps.Baselines.Recompute(c.Request().Context(), callerOf(c).name)
	if err != nil {
		return err
	}
	if err := s.record(c, "baseline.recompute", job.ID, ""); err != nil {
		return err
	}
	c.Response().Header().Set("Location", "/v1/jobs/"+job.ID)
	return c.JSON(http.StatusAccepted, job)
}

// listJobs answers GET /v1/jobs, the newest first.
func (s *Server) listJobs(c echo.Context) error {
	p := s.query(c)
	limit := p.number("limit", 1, 500, defaultPage)
	if err := p.err(); err != nil {
		return err
	}
	if s.deps.Baselines == nil {
		return missing("baselines")
	}
	jobs, err := s.deps.Baselines.Jobs(c.Request().Context(), limit)
	if err != nil {
		return unavailable("the store did not answer", err)
	}
	if jobs == nil {
		jobs = []Job{}
	}
	return c.JSON(http.StatusOK, map[string]any{"jobs": jobs})
}

// getJob answers GET /v1/jobs/{id}.
func (s *Server) getJob(c echo.Context) error {
	if err := s.noQuery(c); err != nil {
		return err
	}
	id := c.Param("id")
	if !plainWord(id) {
		return badField("id", "want a job's id")
	}
	if s.deps.Baselines == nil {
		return missing("baselines")
	}
	job, err := s.deps.Baselines.Job(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, job)
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

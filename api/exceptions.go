package api

import (
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/incident/exception"
)

// maxTried is how many incidents a dry run shows; it counts all.
const maxTried = 50

// tried is what an exception would have done.
type tried struct {
	Exception exception.Exception  `json:"exception"`
	Total     int                  `json:"total"`
	Severity  map[string]int       `json:"severity"`
	Incidents []*incident.Incident `json:"incidents"`
}

// listExceptions answers GET /v1/suppressions and /v1/allowlists, ended ones included.
func (s *Server) listExceptions(effect exception.Effect) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.deps.Exceptions == nil {
			return missing("exceptions")
		}
		if err := s.noQuery(c); err != nil {
			return err
		}
		list := s.deps.Exceptions.List(effect)
		if services := servicesOf(c); services.Limited() {
			list = slices.DeleteFunc(list, func(x exception.Exception) bool { return !services.Covers(x.Service) })
		}
		return c.JSON(http.StatusOK, map[string]any{"exceptions": list})
	}
}

// addException answers POST of the same; with dry_run=true nothing is made, and the answer is which past incidents it
// would have hidden, or whose actors it would have protected.
func (s *Server) addException(effect exception.Effect) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.deps.Exceptions == nil {
			return missing("exceptions")
		}
		p := s.query(c)
		dry := each(p, "dry_run", oneOf([]string{"true", "false"}))
		if err := p.err(); err != nil {
			return err
		}
		var n exception.New
		if err := readJSON(c, &n); err != nil {
			return err
		}
		if err := covered(c, "service", n.Service); err != nil {
			return err
		}
		who := callerOf(c).name
		if slices.Contains(dry, "true") {
			x, err := s.deps.Exceptions.Draft(effect, n, who)
			if err != nil {
				return err
			}
			out, err := s.try(x, p.services)
			if err != nil {
				return err
			}
			return c.JSON(http.StatusOK, out)
		}
		x, err := s.deps.Exceptions.Add(c.Request().Context(), effect, n, who)
		if err != nil {
			return storeFault(err)
		}
		if effect == exception.Allow && s.deps.Decisions != nil { // allowlists win over what is decided already
			if _, err := s.deps.Decisions.EndProtected(c.Request().Context(), who); err != nil {
				return storeFault(err)
			}
		}
		if err := s.record(c, "exception.add", x.ID, string(effect)+": "+x.Reason); err != nil {
			return err
		}
		return c.JSON(http.StatusCreated, x)
	}
}

// try walks all incidents that the caller may see.
func (s *Server) try(x exception.Exception, services event.Services) (tried, error) {
	out := tried{Exception: x, Severity: map[string]int{}, Incidents: []*incident.Incident{}}
	for cursor := ""; ; {
		page, err := s.deps.Incidents.List(incident.Filter{Suppressed: incident.SuppressedAll, Within: services}, incident.DefaultSort, cursor, incident.MaxPage)
		if err != nil {
			return out, err
		}
		for _, inc := range page.Incidents {
			if !x.Hides(inc) {
				continue
			}
			out.Total++
			out.Severity[inc.Severity.String()]++
			if len(out.Incidents) < maxTried {
				out.Incidents = append(out.Incidents, inc)
			}
		}
		if cursor = page.Next; cursor == "" {
			return out, nil
		}
	}
}

// endException answers DELETE /v1/suppressions/{id} and /v1/allowlists/{id}.
func (s *Server) endException(effect exception.Effect) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.deps.Exceptions == nil {
			return missing("exceptions")
		}
		if err := s.noQuery(c); err != nil {
			return err
		}
		id := c.Param("id")
		if !plainWord(id) {
			return badField("id", "want an exception's id like exc_0a1b2c3d4e5f6071")
		}
		if services := servicesOf(c); services.Limited() && !slices.ContainsFunc(s.deps.Exceptions.List(effect), func(x exception.Exception) bool {
			return x.ID == id && services.Covers(x.Service)
		}) {
			return problem(http.StatusNotFound, exception.ErrNotFound.Error())
		}
		x, err := s.deps.Exceptions.End(c.Request().Context(), effect, id, callerOf(c).name)
		if errors.Is(err, exception.ErrNotFound) {
			return problem(http.StatusNotFound, err.Error())
		}
		if err != nil {
			return storeFault(err)
		}
		if err := s.record(c, "exception.end", id, string(effect)); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, x)
	}
}

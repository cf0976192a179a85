package api

import (
	"context"
	_ "embed"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the contract, an OpenAPI 3.1 document.
func OpenAPI() []byte { return openAPI }

// health answers GET /healthz: the process is alive.
func (s *Server) health(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "version": s.deps.Version})
}

// readyTimeout bounds the check behind /readyz.
const readyTimeout = 3 * time.Second

// ready answers GET /readyz: the store answers and the server takes work.
func (s *Server) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
	defer cancel()
	select {
	case <-s.stopping:
		return unavailable("the server is stopping", nil)
	default:
	}
	if err := s.deps.Store.Ping(ctx); err != nil {
		return unavailable("the store does not answer", err)
	}
	if s.deps.Ready != nil {
		if err := s.deps.Ready(ctx); err != nil {
			return unavailable(err.Error(), err)
		}
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
}

// showMetrics answers GET /metrics in Prometheus' form.
func (s *Server) showMetrics() echo.HandlerFunc {
	return echo.WrapHandler(promhttp.HandlerFor(s.deps.Registry, promhttp.HandlerOpts{Registry: s.deps.Registry}))
}

// showOpenAPI answers GET /openapi.yaml.
func (s *Server) showOpenAPI(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml; charset=utf-8", openAPI)
}

package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/incident/exception"
)

// route is one operation: the OpenAPI file has the same, which a test holds.
type route struct {
	method  string
	path    string // echo's form: /v1/incidents/:id
	access  access
	handler echo.HandlerFunc
}

// kinds are the routes that are not ordinary: "METHOD path" to how it is guarded and answers errors.
var kinds = map[string]kind{
	"GET /v1/decisions":         forBouncer,
	"HEAD /v1/decisions":        forBouncer,
	"GET /v1/decisions/stream":  forBouncer,
	"HEAD /v1/decisions/stream": forBouncer,
	"POST /v1/usage-metrics":    forBouncer,
	"GET /v1/check":             forGateway,
	"GET /v1/check/*":           forGateway,
}

// routes is the table of the public surface.
func (s *Server) routes() []route {
	metricsAccess := readers
	if s.deps.Config.PublicMetrics {
		metricsAccess = anyone
	}
	return []route{
		{http.MethodGet, "/healthz", anyone, s.health},
		{http.MethodGet, "/readyz", anyone, s.ready},
		{http.MethodGet, "/metrics", metricsAccess, s.showMetrics()},
		{http.MethodGet, "/openapi.yaml", anyone, s.showOpenAPI},
		{http.MethodGet, "/reference", anyone, s.showReference},

		{http.MethodGet, "/v1/incidents", readers, s.listIncidents},
		{http.MethodGet, "/v1/incidents/stream", readers, s.streamIncidents},
		{http.MethodGet, "/v1/incidents/export", readers, s.exportIncidents},
		{http.MethodPost, "/v1/incidents/bulk", analysts, s.patchIncidents},
		{http.MethodGet, "/v1/incidents/:id", readers, s.getIncident},
		{http.MethodPatch, "/v1/incidents/:id", analysts, s.patchIncident},
		{http.MethodPost, "/v1/incidents/:id/notes", analysts, s.addNote},
		{http.MethodGet, "/v1/incidents/:id/evidence", readers, s.getEvidence},
		{http.MethodGet, "/v1/incidents/:id/timeline", readers, s.getTimeline},
		{http.MethodGet, "/v1/incidents/:id/reproduce", readers, s.reproduce},

		{http.MethodGet, "/v1/metrics/security", readers, s.showSecurity},
		{http.MethodGet, "/v1/events", readers, s.searchEvents},
		{http.MethodGet, "/v1/events/export", readers, s.exportEvents},
		{http.MethodGet, "/v1/rules", readers, s.listRules},
		{http.MethodPost, "/v1/rules/backtest", analysts, s.backtest},
		{http.MethodPost, "/v1/rules/reload", admins, s.reloadRules},
		{http.MethodGet, "/v1/detectors", readers, s.listDetectors},
		{http.MethodGet, "/v1/sources", readers, s.listSources},
		{http.MethodGet, "/v1/baselines", readers, s.listBaselines},
		{http.MethodPost, "/v1/baselines/recompute", analysts, s.recompute},
		{http.MethodGet, "/v1/baselines/accepted", readers, s.listAccepted},
		{http.MethodPost, "/v1/baselines/accept", analysts, s.acceptChange},
		{http.MethodGet, "/v1/baselines/diff", readers, s.diffBaselines},
		{http.MethodPost, "/v1/baselines/rollback", analysts, s.rollBack},
		{http.MethodGet, "/v1/jobs", readers, s.listJobs},
		{http.MethodGet, "/v1/jobs/:id", readers, s.getJob},
		{http.MethodPost, "/v1/jobs/:id/cancel", analysts, s.cancelJob},

		{http.MethodGet, "/v1/suppressions", readers, s.listExceptions(exception.Suppress)},
		{http.MethodPost, "/v1/suppressions", analysts, s.addException(exception.Suppress)},
		{http.MethodDelete, "/v1/suppressions/:id", analysts, s.endException(exception.Suppress)},
		{http.MethodGet, "/v1/allowlists", readers, s.listExceptions(exception.Allow)},
		{http.MethodPost, "/v1/allowlists", analysts, s.addException(exception.Allow)},
		{http.MethodDelete, "/v1/allowlists/:id", analysts, s.endException(exception.Allow)},
		{http.MethodGet, "/v1/incidents/:id/decisions", readers, s.incidentDecisions},
		{http.MethodGet, "/v1/decisions", bouncers, s.listDecisions},
		{http.MethodHead, "/v1/decisions", bouncers, s.listDecisions},
		{http.MethodGet, "/v1/decisions/stream", bouncers, s.streamDecisions},
		{http.MethodHead, "/v1/decisions/stream", bouncers, s.streamDecisions},
		{http.MethodPost, "/v1/usage-metrics", reporters, s.takeUsage},
		{http.MethodGet, "/v1/decisions/policies", readers, s.showPolicies},
		{http.MethodPost, "/v1/decisions", analysts, s.addDecision},
		{http.MethodDelete, "/v1/decisions/:id", analysts, s.endDecision},
		{http.MethodGet, "/v1/check", bouncers, s.check},
		{http.MethodGet, "/v1/check/*", bouncers, s.check},

		{http.MethodGet, "/v1/endpoints", readers, s.listEndpoints},
		{http.MethodGet, "/v1/endpoints/export", readers, s.exportEndpoints},
		{http.MethodGet, "/v1/endpoints/:id", readers, s.getEndpoint},
		{http.MethodGet, "/v1/entities/:type/:value", readers, s.getEntity},
		{http.MethodPatch, "/v1/endpoints/:id", analysts, s.patchEndpoint},
		{http.MethodGet, "/v1/openapi", readers, s.listDocuments},
		{http.MethodGet, "/v1/openapi/:service", readers, s.compareDocument},
		{http.MethodPut, "/v1/openapi/:service", analysts, s.putDocument},
		{http.MethodDelete, "/v1/openapi/:service", analysts, s.deleteDocument},
		{http.MethodGet, "/v1/policies", readers, s.listPolicies},
		{http.MethodGet, "/v1/policies/:id", readers, s.getPolicy},
		{http.MethodPut, "/v1/policies/:id", analysts, s.putPolicy},
		{http.MethodDelete, "/v1/policies/:id", analysts, s.deletePolicy},
		{http.MethodGet, "/v1/reports/access", readers, s.reportAccess},

		{http.MethodPost, "/v1/ingest/raw", ingesters, s.ingestRaw},
		{http.MethodGet, "/v1/ingest/position", ingesters, s.ingestPosition},
		{http.MethodPost, "/v1/ingest/events", ingesters, s.ingestEvents},
		{http.MethodPost, "/v1/ingest/firehose", ingesters, s.ingestFirehose},
		{http.MethodPost, "/v1/ingest/cloudflare", ingesters, s.ingestCloudflare},
		{http.MethodPost, "/v1/logs", ingesters, s.ingestOTLP},
		{http.MethodPost, "/v1/ingest/identities", ingesters, s.ingestIdentities},
		{http.MethodGet, fastlyChallengePath, anyone, s.fastlyChallenge},

		{http.MethodGet, "/v1/notifications", readers, s.listNotifications},
		{http.MethodGet, "/v1/notifications/channels", readers, s.listChannels},
		{http.MethodPost, "/v1/notifications/test", analysts, s.testChannel},
		{http.MethodPost, "/v1/notifications/retry", analysts, s.retryNotifications},

		{http.MethodGet, "/v1/privacy/identities/:pseudonym", admins, s.getIdentity},
		{http.MethodGet, "/v1/privacy/erasures", admins, s.listErasures},
		{http.MethodPost, "/v1/privacy/erasures", admins, s.erase},
		{http.MethodGet, "/v1/audit", admins, s.listAudit},
		{http.MethodGet, "/v1/audit/export", admins, s.exportAudit},
		{http.MethodGet, "/v1/keys", admins, s.listKeys},
		{http.MethodPost, "/v1/keys", admins, s.createKey},
		{http.MethodDelete, "/v1/keys/:id", admins, s.revokeKey},
	}
}

// adminRoutes is the table of the admin socket: whoever can open it owns the machine's data directory.
func (s *Server) adminRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/keys", admins, s.listKeys},
		{http.MethodPost, "/v1/keys", admins, s.createKey},
		{http.MethodDelete, "/v1/keys/:id", admins, s.revokeKey},
	}
}

// asOwner is the guard of the admin socket.
func (s *Server) asOwner(_ access, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Set(callerKey, caller{id: "socket", name: "admin socket", role: RoleAdmin})
		return next(c)
	}
}

package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// fastlyChallengePath is where Fastly asks whether a host wants its logs, before it delivers any
// (docs.fastly.com/en/guides/log-streaming-https#prerequisites). The logs themselves go to /v1/ingest/raw.
const fastlyChallengePath = "/.well-known/fastly/logging/challenge"

// fastlyChallenge answers with the SHA-256 of each configured service's id, a line each, or * for any service. Fastly
// delivers nothing for a service that is not in the list.
func (s *Server) fastlyChallenge(c echo.Context) error {
	var b strings.Builder
	for _, id := range s.deps.Config.FastlyServices {
		if id != "*" {
			sum := sha256.Sum256([]byte(id))
			id = hex.EncodeToString(sum[:])
		}
		b.WriteString(id + "\n")
	}
	return c.String(http.StatusOK, b.String())
}

package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/ingest/pseudonym"
)

// Identities keeps what is sealed under pseudonyms.
type Identities interface {
	pseudonym.Keeper
	// FindIdentity returns what is sealed under a pseudonym, ErrNoIdentity when nothing is.
	FindIdentity(ctx context.Context, name string) (pseudonym.Sealed, error)
}

// ErrNoIdentity says that nothing is sealed under a pseudonym.
var ErrNoIdentity = errors.New("no identity is sealed under this pseudonym")

// maxIdentities bounds one push of identities.
const maxIdentities = 1000

// sealedIdentities is the body of POST /v1/ingest/identities.
type sealedIdentities struct {
	Identities []pseudonym.Sealed `json:"identities"`
}

// ingestIdentities answers POST /v1/ingest/identities: the boxes that belong to an agent's pseudonyms, which it sends
// before the events.
func (s *Server) ingestIdentities(c echo.Context) error {
	if s.deps.Identities == nil {
		return missing("identities")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	r, err := s.body(c)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	var in sealedIdentities
	text, err := io.ReadAll(r)
	if err != nil {
		return bodyFault(err)
	}
	if err := decodeStrict(text, &in); err != nil {
		return err
	}
	if n := len(in.Identities); n == 0 || n > maxIdentities {
		return badField("identities", fmt.Sprintf("%d of them: want 1 to %d", n, maxIdentities))
	}
	for i, id := range in.Identities {
		if err := id.Validate(); err != nil {
			return badField(fmt.Sprintf("identities[%d]", i), err.Error())
		}
	}
	if err := s.deps.Identities.KeepIdentities(c.Request().Context(), in.Identities); err != nil {
		return storeFault(err)
	}
	return c.JSON(http.StatusOK, map[string]int{"identities": len(in.Identities)})
}

// getIdentity answers GET /v1/privacy/identities/{pseudonym}: the box, which the reveal key opens on its owner's machine.
func (s *Server) getIdentity(c echo.Context) error {
	if s.deps.Identities == nil {
		return missing("identities")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	name := c.Param("pseudonym")
	if !pseudonym.IsPseudonym(name) {
		return badField("pseudonym", "want one like pn_1a2b_0123456789abcdefghjkmnpqrs, or an address of fd67::/16")
	}
	found, err := s.deps.Identities.FindIdentity(c.Request().Context(), name)
	if errors.Is(err, ErrNoIdentity) {
		return problem(http.StatusNotFound, err.Error())
	}
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "identity.read", name, found.Kind); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, found)
}

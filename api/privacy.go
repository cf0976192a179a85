package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

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

// Erasures takes identities out of the store and keeps receipts.
type Erasures interface {
	// Erase takes out everything about an identity in the name of actor. Errors: *incident.InvalidError, the store's.
	Erase(ctx context.Context, n NewErasure, actor string) (Erasure, error)
	// Receipts returns all receipts, the newest first.
	Receipts(ctx context.Context) ([]Erasure, error)
}

// NewErasure asks for one.
type NewErasure struct {
	Kind   string `json:"kind"` // user or client_ip
	Value  string `json:"value"`
	Reason string `json:"reason"`
	// Incidents are further incidents, about others, that go as a whole: those that a receipt's mentions name.
	Incidents []string `json:"incidents,omitempty"`
}

// Erasure is a receipt. It does not name the identity.
type Erasure struct {
	ID          string            `json:"id"`
	Kind        string            `json:"kind"`
	Subject     string            `json:"subject"` // keyed hash of the identity, hex
	Reason      string            `json:"reason"`
	Actor       string            `json:"actor"`
	RequestedAt time.Time         `json:"requested_at"`
	FinishedAt  time.Time         `json:"finished_at"`
	Names       int               `json:"names"`
	Removed     map[string]uint64 `json:"removed"` // rows by table
	// Mentions are where the text of others may still name the identity, by table: ids of incidents, exceptions and decisions. A
	// person has to look, since a name may be a word.
	Mentions map[string][]string `json:"mentions"`
}

// maxErasedIncidents bounds the further incidents of one erasure.
const maxErasedIncidents = 100

// maxReason bounds an erasure's reason and value, in bytes.
const maxReason = 1000

// erase answers POST /v1/privacy/erasures when everything is gone.
func (s *Server) erase(c echo.Context) error {
	if s.deps.Erasures == nil {
		return missing("erasures")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	var n NewErasure
	if err := readJSON(c, &n); err != nil {
		return err
	}
	switch {
	case n.Kind != pseudonym.KindUser && n.Kind != pseudonym.KindClientIP:
		return badField("kind", "want user or client_ip")
	case n.Value == "" || len(n.Value) > maxReason:
		return badField("value", fmt.Sprintf("want 1 to %d bytes", maxReason))
	case strings.TrimSpace(n.Reason) == "" || len(n.Reason) > maxReason:
		return badField("reason", fmt.Sprintf("want 1 to %d bytes: say why", maxReason))
	}
	if len(n.Incidents) > maxErasedIncidents {
		return badField("incidents", fmt.Sprintf("%d of them: want at most %d", len(n.Incidents), maxErasedIncidents))
	}
	for i, id := range n.Incidents {
		if !strings.HasPrefix(id, "inc_") || len(id) > maxParam {
			return badField(fmt.Sprintf("incidents[%d]", i), "want an incident's id")
		}
	}
	if n.Kind == pseudonym.KindClientIP {
		if _, err := netip.ParseAddr(n.Value); err != nil {
			return badField("value", "want an address")
		}
	}
	// It goes on when the caller leaves: half of an erasure is none.
	receipt, err := s.deps.Erasures.Erase(context.WithoutCancel(c.Request().Context()), n, callerOf(c).name)
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "identity.erase", receipt.ID, n.Kind); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, receipt)
}

// listErasures answers GET /v1/privacy/erasures.
func (s *Server) listErasures(c echo.Context) error {
	if s.deps.Erasures == nil {
		return missing("erasures")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	list, err := s.deps.Erasures.Receipts(c.Request().Context())
	if err != nil {
		return storeFault(err)
	}
	return c.JSON(http.StatusOK, map[string]any{"erasures": listed(list)})
}

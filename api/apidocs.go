package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/inventory"
	"github.com/gatewatch/gatewatch/inventory/apidoc"
)

// described is a service's OpenAPI document as REST shows it.
type described struct {
	Service    string    `json:"service"`
	Title      string    `json:"title"`
	Version    string    `json:"version"`
	OpenAPI    string    `json:"openapi"`
	SHA256     string    `json:"sha256"`
	Revision   uint64    `json:"revision"`
	UploadedAt time.Time `json:"uploaded_at"`
	UploadedBy string    `json:"uploaded_by"`
	Operations int       `json:"operations"`
	Deprecated int       `json:"deprecated"`
	Warnings   []string  `json:"warnings"`
}

func describedOf(d *inventory.Description) described {
	out := described{
		Service: d.Service, Title: d.Title, Version: d.Version, OpenAPI: d.OpenAPI, SHA256: d.SHA256, Revision: d.Revision,
		UploadedAt: d.UploadedAt, UploadedBy: d.UploadedBy, Operations: len(d.Operations), Warnings: d.Warnings,
	}
	for _, o := range d.Operations {
		if o.Deprecated {
			out.Deprecated++
		}
	}
	if out.Warnings == nil {
		out.Warnings = []string{}
	}
	return out
}

// compared is a document held against the logs.
type compared struct {
	described
	Shadow []*inventory.Endpoint `json:"shadow"` // in the logs, not in the document
	Zombie []*inventory.Endpoint `json:"zombie"` // deprecated or taken out, and still called
	Orphan []*inventory.Endpoint `json:"orphan"` // in the document, never called
}

// listDocuments answers GET /v1/openapi.
func (s *Server) listDocuments(c echo.Context) error {
	if s.deps.Inventory == nil {
		return missing("an inventory")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	list := []described{}
	for _, d := range s.deps.Inventory.Descriptions() {
		if !servicesOf(c).Covers(d.Service) {
			continue
		}
		list = append(list, describedOf(d))
	}
	return c.JSON(http.StatusOK, map[string]any{"documents": list})
}

// serviceOf is the service that the path names.
func serviceOf(c echo.Context) string {
	service := c.Param("service")
	if plain, err := url.PathUnescape(service); c.Request().URL.RawPath != "" && err == nil {
		return plain
	}
	return service
}

// compareDocument answers GET /v1/openapi/{service}.
func (s *Server) compareDocument(c echo.Context) error {
	if s.deps.Inventory == nil {
		return missing("an inventory")
	}
	p := s.query(c)
	period := p.period()
	if err := p.err(); err != nil {
		return err
	}
	if err := covered(c, "service", serviceOf(c)); err != nil {
		return err
	}
	out, err := s.deps.Inventory.Compare(c.Request().Context(), serviceOf(c), period)
	if err != nil {
		return storeFault(err)
	}
	return c.JSON(http.StatusOK, compared{describedOf(out.Description), out.Shadow, out.Zombie, out.Orphan})
}

// putDocument answers PUT /v1/openapi/{service}: 201 for a service's first document, 200 for another one.
func (s *Server) putDocument(c echo.Context) error {
	if s.deps.Inventory == nil {
		return missing("an inventory")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	if err := covered(c, "service", serviceOf(c)); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, apidoc.MaxBytes))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			p := problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the document is larger than %d bytes", apidoc.MaxBytes))
			p.Errors = []FieldError{{"body", p.Detail}}
			return p
		}
		return badField("body", "it ended early")
	}
	service := serviceOf(c)
	d, err := s.deps.Inventory.PutDocument(c.Request().Context(), service, body, callerOf(c).name)
	if err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "openapi.put", service, fmt.Sprintf("revision %d, %d operations, SHA-256 %s", d.Revision, len(d.Operations), d.SHA256)); err != nil {
		return err
	}
	status := http.StatusOK
	if d.Revision == 1 {
		status = http.StatusCreated
	}
	return c.JSON(status, describedOf(d))
}

// deleteDocument answers DELETE /v1/openapi/{service}.
func (s *Server) deleteDocument(c echo.Context) error {
	if s.deps.Inventory == nil {
		return missing("an inventory")
	}
	if err := s.noQuery(c); err != nil {
		return err
	}
	service := serviceOf(c)
	if err := covered(c, "service", service); err != nil {
		return err
	}
	if err := s.deps.Inventory.DeleteDocument(c.Request().Context(), service, callerOf(c).name); err != nil {
		return storeFault(err)
	}
	if err := s.record(c, "openapi.delete", service, ""); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

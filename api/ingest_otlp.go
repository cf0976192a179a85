package api

import (
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/ingest/otlp"
)

// Codes of google.rpc that OTLP's answers carry.
const (
	rpcInvalidArgument = 3
	rpcUnavailable     = 14
)

// ingestOTLP answers POST /v1/logs, where OTLP/HTTP exporters send logs: protobuf or JSON. Records that are no request are
// not taken, and the answer says how many, as the protocol's partial success; a store that is away is a 503, after which
// the exporter sends the same again: it counts once when its records carry what identifies them, see otlp.Group.
func (s *Server) ingestOTLP(c echo.Context) error {
	p := s.query(c)
	how := p.reading()
	if err := p.err(); err != nil {
		return err
	}
	e, err := otlp.EncodingOf(c.Request().Header.Get("Content-Type"))
	if err != nil {
		p := problem(http.StatusUnsupportedMediaType, "Content-Type: "+err.Error())
		p.Errors = []FieldError{{"Content-Type", err.Error()}}
		return p
	}
	rejected, reason, err := s.takeOTLP(c, e, how)
	if err != nil {
		p := problemOf(err)
		code := rpcInvalidArgument
		if p.Status >= http.StatusInternalServerError {
			code = rpcUnavailable
			c.Response().Header().Set("Retry-After", "1")
			s.log.Error("request failed", "path", c.Path(), "status", p.Status, "request_id", requestID(c), "error", err)
		}
		return c.Blob(p.Status, e.ContentType(), otlp.Fault(e, code, p.Detail))
	}
	return c.Blob(http.StatusOK, e.ContentType(), otlp.Answer(e, rejected, reason))
}

func (s *Server) takeOTLP(c echo.Context, e otlp.Encoding, how reading) (rejected uint64, reason string, err error) {
	r, err := s.body(c)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = r.Close() }()
	body, err := io.ReadAll(r)
	if err != nil {
		return 0, "", bodyFault(err)
	}
	groups, err := otlp.Decode(body, e)
	if err != nil {
		return 0, "", badField("body", err.Error())
	}
	for _, g := range groups {
		one := how
		if one.source == "" {
			one.source = g.Source
		}
		if one.service == "" {
			one.service = g.Service
		}
		b, err := s.read(strings.NewReader(strings.Join(g.Lines, "\n")+"\n"), one)
		if err != nil {
			return 0, "", err
		}
		b.Key = g.Key
		out, err := s.write(c, b)
		if err != nil {
			return 0, "", err
		}
		if rejected += out.Failed; reason == "" && out.Failed > 0 {
			reason = out.reason()
		}
	}
	return rejected, reason, nil
}

package api

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// The forms of an export.
const (
	formNDJSON = "ndjson"
	formCSV    = "csv"
	formOCSF   = "ocsf"
)

// shape is how a resource is exported: its columns, a row of them, and (nil: not) as OCSF.
type shape[T any] struct {
	columns []string
	row     func(T) ([]string, error)
	ocsf    func(T) any
}

// form reads the parameter format.
func (p *params) form(forms ...string) string {
	list := each(p, "format", oneOf(forms))
	if len(list) > 1 {
		p.fault("format", "want one form")
	}
	if len(list) == 0 {
		return formNDJSON
	}
	return list[0]
}

// lines writes an export: one JSON value a line (https://github.com/ndjson/ndjson-spec), or CSV (RFC 4180).
type lines[T any] struct {
	res     *echo.Response
	control *http.ResponseController
	encode  func(T) error
	table   *csv.Writer // nil: JSON
}

// newLines begins the answer: from here on an error breaks it off.
func newLines[T any](c echo.Context, form string, s shape[T]) (*lines[T], error) {
	res := c.Response()
	l := &lines[T]{res: res, control: http.NewResponseController(res)}
	kind, plain := "application/x-ndjson", json.NewEncoder(res)
	switch form {
	case formCSV:
		kind, l.table = "text/csv; charset=utf-8", csv.NewWriter(res)
		l.encode = func(v T) error {
			row, err := s.row(v)
			if err != nil {
				return err
			}
			return l.table.Write(plainCells(row))
		}
	case formOCSF:
		l.encode = func(v T) error { return plain.Encode(s.ocsf(v)) }
	default:
		l.encode = func(v T) error { return plain.Encode(v) }
	}
	res.Header().Set(echo.HeaderContentType, kind)
	res.Header().Set("Cache-Control", "no-store")
	res.WriteHeader(http.StatusOK)
	if l.table != nil {
		return l, l.table.Write(s.columns)
	}
	return l, nil
}

// write writes some values and sends them off. Every call may take as long as a whole answer.
func (l *lines[T]) write(list []T) error {
	_ = l.control.SetWriteDeadline(time.Now().Add(answerTimeout)) // not every writer has deadlines
	for _, v := range list {
		if err := l.encode(v); err != nil {
			return err
		}
	}
	if l.table != nil {
		l.table.Flush()
		if err := l.table.Error(); err != nil {
			return err
		}
	}
	return l.control.Flush()
}

// breakOff ends an answer that cannot be completed, so that it does not look whole.
func breakOff() { panic(http.ErrAbortHandler) }

package engine

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
)

// holdBack is how much of a result waits before the status goes out, so that an early failure still has a status.
const holdBack = 32 << 10

// responder writes a result, or an exception in its place or after it.
type responder struct {
	w         http.ResponseWriter
	r         *http.Request
	enc       encoder
	tag       string
	pending   []byte
	committed bool
}

func newResponder(w http.ResponseWriter, r *http.Request) *responder {
	return &responder{w: w, r: r, tag: rand.Text()[:16], enc: plainEncoder{w}}
}

// use sets the result's encoding and headers up.
func (o *responder) use(req *request) error {
	enc, err := newEncoder(o.w, o.r, req)
	if err != nil {
		return err
	}
	o.enc = enc
	h := o.w.Header()
	format := req.output
	if req.kind != insertStatement && req.format != "" {
		format = req.format
	}
	h.Set("Content-Type", contentType(format))
	h.Set("X-ClickHouse-Format", format)
	h.Set("X-ClickHouse-Exception-Tag", o.tag)
	if id := o.r.URL.Query().Get("query_id"); id != "" {
		h.Set("X-ClickHouse-Query-Id", id)
	}
	return nil
}

// Write takes a piece of the result. It does not keep p.
func (o *responder) Write(p []byte) (int, error) {
	if !o.committed {
		if len(o.pending)+len(p) <= holdBack {
			o.pending = append(o.pending, p...)
			return len(p), nil
		}
		if err := o.commit(); err != nil {
			return 0, err
		}
	}
	return o.enc.Write(p)
}

func (o *responder) commit() error {
	o.committed = true
	o.enc.start(o.w.Header())
	if len(o.pending) == 0 {
		return nil
	}
	_, err := o.enc.Write(o.pending)
	o.pending = nil
	return err
}

// finish ends a result. The client sees a broken connection when the end cannot be written.
func (o *responder) finish() {
	if !o.committed && len(o.pending) == 0 {
		o.w.WriteHeader(http.StatusOK)
		return
	}
	var err error
	if !o.committed {
		err = o.commit()
	}
	if err == nil {
		err = o.enc.Close()
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// fail answers with an exception: as the response while nothing has gone out, otherwise as ClickHouse's framed block at
// the end of the stream, and then the connection breaks so that no client takes the result for complete.
func (o *responder) fail(e *exception) {
	if !o.committed {
		h := o.w.Header()
		h.Del("Content-Encoding")
		h.Set("Content-Type", "text/plain; charset=UTF-8")
		h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.code))
		if e.code == codeAuthFailed {
			h.Set("WWW-Authenticate", `Basic realm="ClickHouse"`)
		}
		o.w.WriteHeader(exceptionStatus(e.code))
		_, _ = fmt.Fprintln(o.w, e.text)
		return
	}
	frame := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", o.tag, e.text, len(e.text)+1, o.tag)
	if o.enc.trailer([]byte(frame)) == nil {
		_ = http.NewResponseController(o.w).Flush()
	}
	panic(http.ErrAbortHandler)
}

// exceptionStatus is the HTTP status that ClickHouse gives a code.
func exceptionStatus(code int) int {
	switch code {
	case codeAuthFailed, codeReadonly:
		return http.StatusForbidden
	case 60, 81, 46, 47, 50, codeUnknownSetting: // unknown table, database, function, identifier, type, setting
		return http.StatusNotFound
	case codeSyntaxError, codeBadArguments, codeConstraint, 6, 26, 27, 32, 38, 41, 53, 69, 70, 72, 117, 131:
		return http.StatusBadRequest
	case codeNotImplemented:
		return http.StatusNotImplemented
	case 159: // TIMEOUT_EXCEEDED
		return http.StatusRequestTimeout
	case codeTooManyQueries:
		return http.StatusServiceUnavailable
	case codeNotEnoughSpace:
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}

var contentTypes = map[string]string{
	"JSON": "application/json; charset=UTF-8", "JSONCompact": "application/json; charset=UTF-8",
	"JSONStrings": "application/json; charset=UTF-8", "JSONColumns": "application/json; charset=UTF-8",
	"JSONEachRow": "application/x-ndjson; charset=UTF-8", "JSONCompactEachRow": "application/x-ndjson; charset=UTF-8",
	"CSV": "text/csv; charset=UTF-8; header=absent", "CSVWithNames": "text/csv; charset=UTF-8; header=present",
	"TabSeparated": "text/tab-separated-values; charset=UTF-8", "TSV": "text/tab-separated-values; charset=UTF-8",
	"TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8", "TSVWithNames": "text/tab-separated-values; charset=UTF-8",
	"Native": "application/octet-stream", "RowBinary": "application/octet-stream", "Parquet": "application/octet-stream",
	"RowBinaryWithNamesAndTypes": "application/octet-stream", "Arrow": "application/octet-stream",
}

func contentType(format string) string {
	if t, ok := contentTypes[format]; ok {
		return t
	}
	return "text/plain; charset=UTF-8"
}

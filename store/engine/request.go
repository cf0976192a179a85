package engine

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/gatewatch/gatewatch/store/engine/libchdb"
)

const (
	// maxStatement bounds a statement's text, in bytes; an INSERT's data does not count.
	maxStatement = 16 << 20
	// maxExternal bounds all external tables of a request, in bytes.
	maxExternal = 256 << 20
	// headSize is how much of a body is looked at to find out where an INSERT's data begins.
	headSize = 256 << 10
)

// request is one statement as the HTTP interface takes it: https://clickhouse.com/docs/interfaces/http
type request struct {
	statement
	body      io.Reader // what remains of the body: an INSERT's data
	params    libchdb.Params
	settings  map[string]string
	database  string
	output    string // the format of a result whose statement names none
	protocol  int    // client_protocol_version
	readOnly  bool   // a GET
	compress  bool   // ClickHouse's own compressed blocks
	method    string // of these blocks
	wholeOnly bool   // wait_end_of_query
	external  []externalTable
}

type externalTable struct {
	name, structure, format string
	data                    []byte
}

// ignoredKeys are URL parameters that are neither settings nor of consequence here.
var ignoredKeys = map[string]bool{
	"user": true, "password": true, "quota_key": true, "query_id": true, "session_timeout": true, "session_check": true,
	"role": true, "buffer_size": true, "send_progress_in_http_headers": true, "http_headers_progress_interval_ms": true,
	"enable_http_compression": true, "http_zlib_compression_level": true, "log_comment": true, "stacktrace": true,
	"network_zstd_compression_level": true, "add_http_cors_header": true, "close_session": true,
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// parseRequest reads everything of a request but an INSERT's data.
func parseRequest(r *http.Request) (*request, error) {
	values := r.URL.Query()
	req := &request{settings: map[string]string{}, method: "LZ4", readOnly: r.Method == http.MethodGet}
	body, err := requestBody(r, values.Get("decompress") == "1")
	if err != nil {
		return nil, err
	}
	text := values.Get("query")
	if kind, p, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		part, err := req.readMultipart(multipart.NewReader(body, p["boundary"]), values)
		if err != nil {
			return nil, err
		}
		text, body = text+part, bytes.NewReader(nil)
	}
	if err := req.readValues(r, values); err != nil {
		return nil, err
	}
	if err := req.readStatement(text, body); err != nil {
		return nil, err
	}
	return req, nil
}

// readStatement puts text and body together as ClickHouse does: one after the other. Of an INSERT the body stays
// unread but for its head.
func (req *request) readStatement(text string, body io.Reader) error {
	req.statement, req.body = parseStatement(text), body
	if req.kind == insertStatement {
		return nil
	}
	head := make([]byte, headSize)
	n, err := io.ReadFull(body, head)
	head = head[:n]
	if ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); err != nil && !ended {
		return newException(codeBadArguments, "BAD_ARGUMENTS", "Cannot read the request: %v", err)
	} else if n == 0 && text != "" {
		return nil
	} else if text != "" {
		head = append([]byte(text+"\n"), head...)
	}
	if req.statement = parseStatement(string(head)); req.kind == insertStatement {
		return nil
	}
	rest, err := io.ReadAll(io.LimitReader(body, maxStatement+1))
	if err != nil {
		return newException(codeBadArguments, "BAD_ARGUMENTS", "Cannot read the request: %v", err)
	}
	if len(head)+len(rest) > maxStatement {
		return newException(codeSyntaxError, "SYNTAX_ERROR", "The statement is longer than %d bytes", maxStatement)
	}
	if len(rest) > 0 {
		req.statement = parseStatement(string(head) + string(rest))
	}
	if strings.TrimSpace(req.sql) == "" {
		return newException(codeSyntaxError, "SYNTAX_ERROR", "Empty query")
	}
	return nil
}

// readValues sorts the URL's parameters into the request's fields, query parameters and settings.
func (req *request) readValues(r *http.Request, values url.Values) error {
	req.output = r.Header.Get("X-ClickHouse-Format")
	req.database = r.Header.Get("X-ClickHouse-Database")
	for key, all := range values {
		value := all[len(all)-1]
		name, isParam := strings.CutPrefix(key, "param_")
		switch {
		case isParam:
			if req.params == nil {
				req.params = libchdb.Params{}
			}
			req.params[name] = value
		case key == "query" || key == "decompress" || ignoredKeys[key] || req.isExternal(key):
		case key == "database":
			req.database = value
		case key == "default_format":
			req.output = value
		case key == "client_protocol_version":
			req.protocol = atoi(value)
		case key == "compress":
			req.compress = value == "1"
		case key == "network_compression_method":
			req.method = strings.ToUpper(value)
		case key == "wait_end_of_query":
			req.wholeOnly = value == "1" || value == "true"
		case key == "session_id":
			return newException(codeNotImplemented, "NOT_IMPLEMENTED", "The embedded engine has no HTTP sessions")
		case !settingName.MatchString(key):
			return newException(codeUnknownSetting, "UNKNOWN_SETTING", "Unknown setting '%s'", clip(key))
		default:
			req.settings[key] = value
		}
	}
	if req.output == "" {
		req.output = "TabSeparated"
	}
	return nil
}

func (req *request) isExternal(key string) bool {
	for _, t := range req.external {
		if key == t.name+"_structure" || key == t.name+"_format" || key == t.name+"_types" {
			return true
		}
	}
	return false
}

var externalName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readMultipart collects the external tables of a form and returns its query field.
func (req *request) readMultipart(form *multipart.Reader, values url.Values) (query string, err error) {
	left := int64(maxExternal)
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return query, nil
		}
		if err != nil {
			return "", newException(codeBadArguments, "BAD_ARGUMENTS", "Cannot read the form: %v", err)
		}
		data, err := io.ReadAll(io.LimitReader(part, left+1))
		if err != nil {
			return "", newException(codeBadArguments, "BAD_ARGUMENTS", "Cannot read the form: %v", err)
		}
		if left -= int64(len(data)); left < 0 {
			return "", newException(codeBadArguments, "BAD_ARGUMENTS", "The form is longer than %d bytes", maxExternal)
		}
		name := part.FormName()
		switch {
		case name == "query":
			query += string(data)
		case !externalName.MatchString(name):
			return "", newException(codeBadArguments, "BAD_ARGUMENTS", "Bad name of an external table: %q", clip(name))
		default:
			t := externalTable{name, values.Get(name + "_structure"), values.Get(name + "_format"), data}
			if t.format == "" {
				t.format = "TabSeparated"
			}
			req.external = append(req.external, t)
		}
	}
}

func atoi(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 1<<24 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

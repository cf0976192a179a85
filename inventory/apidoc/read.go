package apidoc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a document.
const (
	MaxBytes      = 4 << 20
	maxOperations = 10_000
	maxServers    = 20
	maxDepth      = 14   // segments of a path, as route templates have
	maxPath       = 2048 // bytes
	maxText       = 200  // bytes of titles and names
	maxWarnings   = 20
)

// Error says what is wrong with a document, and where.
type Error struct {
	At     string // "paths./orders/{id}", empty: the document as a whole
	Detail string
}

// Error names the place.
func (e *Error) Error() string {
	if e.At == "" {
		return e.Detail
	}
	return e.At + ": " + e.Detail
}

func fault(at, format string, args ...any) error {
	return &Error{At: clip(at), Detail: fmt.Sprintf(format, args...)}
}

// verbs are the methods that a path item may have.
var verbs = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

var versions = regexp.MustCompile(`^3\.[01](\.\d+)?(-\w+)?$`)

// Read reads a document. Errors are *Error.
func Read(data []byte) (*Document, error) {
	if len(data) > MaxBytes {
		return nil, fault("", "%d bytes: want at most %d", len(data), MaxBytes)
	}
	root, err := decode(data)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	d := &Document{OpenAPI: text(root["openapi"]), SHA256: hex.EncodeToString(sum[:])}
	switch {
	case text(root["swagger"]) != "":
		return nil, fault("swagger", "%.20q: want OpenAPI 3.0 or 3.1; converters from Swagger 2 are many", text(root["swagger"]))
	case !versions.MatchString(d.OpenAPI):
		return nil, fault("openapi", "%.20q: want a version 3.0 or 3.1", d.OpenAPI)
	}
	info := object(root["info"])
	d.Title, d.Version = clip(text(info["title"])), clip(text(info["version"]))
	r := &reader{root: root, doc: d, budget: maxSteps, secured: root["security"], seen: map[string]bool{}}
	if err := r.paths(); err != nil {
		return nil, err
	}
	if len(d.Operations) == 0 {
		return nil, fault("paths", "want at least one operation")
	}
	slices.SortFunc(d.Operations, func(a, b Operation) int {
		if c := strings.Compare(a.Route, b.Route); c != 0 {
			return c
		}
		return strings.Compare(a.Method, b.Method)
	})
	d.Index()
	return d, nil
}

// decode turns the bytes into maps. Aliases and nesting are bounded by the decoders.
func decode(data []byte) (root map[string]any, err error) {
	if !utf8.Valid(data) {
		return nil, fault("", "not valid UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var v any
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		err = json.Unmarshal(trimmed, &v)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) { // YAML may begin with a brace as well
			if other, yerr := readYAML(data); yerr == nil {
				v, err = other, nil
			}
		}
	} else {
		v, err = readYAML(data)
	}
	if err != nil {
		return nil, fault("", "neither JSON nor YAML: %.200s", err.Error())
	}
	if root = object(v); root == nil {
		return nil, fault("", "want an object with openapi, info and paths")
	}
	return root, nil
}

// reader walks a document.
type reader struct {
	root    map[string]any
	doc     *Document
	budget  int // steps left for following references
	secured any
	seen    map[string]bool // "METHOD route"
}

func (r *reader) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	if len(r.doc.Warnings) < maxWarnings && !slices.Contains(r.doc.Warnings, w) {
		r.doc.Warnings = append(r.doc.Warnings, w)
	}
}

func (r *reader) paths() error {
	paths := object(r.root["paths"])
	for path, v := range sorted(paths) {
		if strings.HasPrefix(path, "x-") {
			continue
		}
		if err := checkPath(path); err != nil {
			return err
		}
		item := r.follow(v)
		if item == nil {
			r.warn("paths.%s: no path item that can be read; references are followed within the document only", clip(path))
			continue
		}
		for _, verb := range verbs {
			op := object(item[verb])
			if op == nil {
				continue
			}
			if err := r.operation(path, verb, item, op); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) operation(path, verb string, item, op map[string]any) error {
	o := Operation{
		Method: strings.ToUpper(verb), OperationID: clip(text(op["operationId"])), Deprecated: op["deprecated"] == true, Secured: r.isSecured(op),
		Words: r.words(item, op),
	}
	for _, base := range r.bases(item, op) {
		o.Route = base + path
		if base != "" && path == "/" {
			o.Route = base
		}
		if err := checkPath(o.Route); err != nil {
			return err
		}
		if name := o.Method + " " + o.Route; r.seen[name] {
			continue
		} else if len(r.doc.Operations) == maxOperations {
			return fault("paths", "more than %d operations", maxOperations)
		} else {
			r.seen[name] = true
		}
		r.doc.Operations = append(r.doc.Operations, o)
	}
	return nil
}

// isSecured reports whether every way to call the operation takes credentials.
func (r *reader) isSecured(op map[string]any) bool {
	v, own := op["security"]
	if !own {
		v = r.secured
	}
	list, _ := v.([]any)
	for _, requirement := range list {
		if len(object(requirement)) == 0 {
			return false
		}
	}
	return len(list) > 0
}

// bases returns the paths of the servers that serve the operation.
func (r *reader) bases(item, op map[string]any) []string {
	var servers []any
	for _, holder := range []map[string]any{op, item, r.root} {
		if servers, _ = holder["servers"].([]any); len(servers) > 0 {
			break
		}
	}
	bases := []string{}
	for i, v := range servers {
		if i == maxServers {
			r.warn("servers: more than %d; the others are left out", maxServers)
			break
		}
		if base := basePath(object(v)); !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	if len(bases) == 0 {
		bases = append(bases, "")
	}
	return bases
}

// basePath is the path of a server's URL, with its variables' defaults.
func basePath(server map[string]any) string {
	address := text(server["url"])
	for name, v := range sorted(object(server["variables"])) {
		if len(address) > maxPath {
			return ""
		}
		address = strings.ReplaceAll(address, "{"+name+"}", text(object(v)["default"]))
	}
	if _, rest, ok := strings.Cut(address, "://"); ok {
		_, path, _ := strings.Cut(rest, "/")
		address = "/" + path
	}
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(u.Path, "/") {
		return ""
	}
	return strings.TrimRight(u.Path, "/")
}

// checkPath tells what is wrong with a path template. What it accepts, route templates accept.
func checkPath(path string) error {
	at := "paths." + path
	switch {
	case !strings.HasPrefix(path, "/"):
		return fault(at, "want a path that begins with /")
	case len(path) > maxPath:
		return fault(at, "%d bytes: want at most %d", len(path), maxPath)
	case strings.Count(path, "/") > maxDepth:
		return fault(at, "%d segments: want at most %d", strings.Count(path, "/"), maxDepth)
	case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fault(at, "control characters")
	}
	for _, s := range strings.Split(path, "/") {
		if depth := braces(s); !depth {
			return fault(at, "segment %.60q: want parameters as {name}, with text between two of them", s)
		}
	}
	return nil
}

// braces reports whether a segment's parameters are well formed.
func braces(s string) bool {
	open := false
	for i := range len(s) {
		switch {
		case s[i] == '{' && open, s[i] == '}' && !open, s[i] == '}' && s[i-1] == '{':
			return false
		case s[i] == '{':
			open = true
		case s[i] == '}':
			open = false
			if i+1 < len(s) && s[i+1] == '{' {
				return false
			}
		}
	}
	return !open
}

func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

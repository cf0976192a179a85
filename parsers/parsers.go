// Package parsers owns the log formats: it turns one line of a gateway's access log into an event.
//
// It knows how each format is written and nothing of where lines come from or where events go: no I/O, no clock, no
// configuration files. Formats is the explicit table of all named formats; New compiles one, or a pattern of the
// user's own; Recognize and Auto find out which format a log has.
//
// A parser fills what the log says and derives nothing: trusted proxies, identities, secrets and routes are the
// normaliser's work, which finds the raw material in event.Wire.
package parsers

import (
	"errors"
	"time"

	"github.com/gatewatch/gatewatch/event"
)

// Parser reads one format. It keeps scratch state between lines, so it is not safe for concurrent use.
type Parser interface {
	// Parse fills ev (already Reset) from one line without its newline. Strings of ev may alias line.
	// ErrNoRequest says that the line is fine but carries no request. Any other error says that the line is not
	// of this format, or lacks its time; it names the place and never quotes the line.
	Parse(line string, ev *event.Event) error
}

// ErrNoRequest is returned for a line that belongs to the format but carries no request: an empty line, a comment,
// a #Fields header, an error-log line about the server itself, a TCP connection.
var ErrNoRequest = errors.New("the line carries no request")

// Options are what a parser may be told beside its format. The zero value is ready to use.
type Options struct {
	// Location is the zone of times that name none; nil is UTC.
	Location *time.Location
	// Year is that of the first time that names none; further ones are taken in the year that brings them nearest to the
	// one before. Zero: such a time is an error.
	Year int
	// WireFields names further variables to keep in event.Wire.Fields, by the name the log format gives them:
	// "http_x_tenant" for nginx's $http_x_tenant, "X-Tenant" for Apache's %{X-Tenant}i, a dotted path for JSON.
	WireFields []string

	outer *outerTime // of the envelope, for the lines inside
}

// Format is one row of the table of formats.
type Format struct {
	Name       string   // as configured: "nginx_combined"
	Title      string   // for people: "nginx combined"
	Family     string   // formats that occur mixed in one file
	Fields     []string // event fields that it can carry, snake_case
	New        func(Options) (Parser, error)
	Samples    []string // lines as the gateway writes them (invented data)
	Definition string   // where the format is defined

	wrapper bool // carries lines of other formats
	general bool // reads almost anything of its family: recognition prefers others
	last    bool // reads almost anything at all: taken where next to nothing else reads
}

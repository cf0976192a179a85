package app

import (
	"log/slog"
	"path/filepath"

	"github.com/gatewatch/gatewatch/ingest"
)

// unread tells of lines that nobody can read: a log in a format that is not known would else be a server that is up,
// content, and blind.
type unread struct {
	log  *slog.Logger
	told map[string]uint64 // failed lines by source, at the last warning
}

// look warns of a source's first failed lines, and each time they have become ten times as many.
func (u *unread) look(sources []ingest.SourceReport) {
	for _, s := range sources {
		told := u.told[s.Source]
		if s.Failed == 0 || s.Failed < 10*told || told == 0 && len(u.told) >= maxWarned {
			continue
		}
		u.told[s.Source] = s.Failed
		attrs := []any{"source", s.Source, "failed", s.Failed, "parsed", s.Parsed}
		if n := len(s.Failures); n > 0 {
			attrs = append(attrs, "newest_error", s.Failures[n-1].Error)
		}
		if s.Parsed == 0 {
			u.log.Warn("no line of a log can be read: see `gatewatch parse --explain FILE`, and name its format (--format, sources[].format)", attrs...)
			continue
		}
		u.log.Warn("lines of a log could not be read; GET /v1/sources shows some", attrs...)
	}
}

// warnMissing tells of files that are not there, which is no error: they are followed once they appear.
func warnMissing(log *slog.Logger, sources []Source) {
	for _, s := range sources {
		for _, glob := range s.Files {
			if found, err := filepath.Glob(glob); err == nil && len(found) == 0 {
				log.Warn("no file matches yet; it is followed once it appears", "files", glob)
			}
		}
	}
}

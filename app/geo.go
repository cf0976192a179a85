package app

import (
	"log/slog"

	"github.com/gatewatch/gatewatch/ingest/enrich"
)

// geoFiles are the configured geography databases, none when none is configured.
type geoFiles struct{ files *enrich.GeoFiles }

func openGeo(paths []string, log *slog.Logger) (geoFiles, error) {
	if len(paths) == 0 {
		return geoFiles{}, nil
	}
	files, err := enrich.OpenGeo(paths, log)
	return geoFiles{files}, err
}

func (g geoFiles) lookup() enrich.Geo {
	if g.files == nil {
		return nil
	}
	return g.files
}

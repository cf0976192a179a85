package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// printIncidents writes every incident once, when it appears, and again when it becomes more severe. The explanation names the entity.
func printIncidents(ctx context.Context, m *incident.Manager, from uint64, w io.Writer) error {
	told := map[string]string{}
	return m.Subscribe(ctx, from, func(p incident.Published) error {
		inc := p.Incident
		severity := inc.Severity.String()
		if told[inc.ID] == severity {
			return nil
		}
		told[inc.ID] = severity
		_, err := fmt.Fprintf(w, "%s  %-8s %3.0f  %s\n      %s\n", inc.LastSeen.UTC().Format(time.RFC3339), severity, float64(inc.Score),
			detect.Printable(inc.Explanation), inc.ID)
		return err
	})
}

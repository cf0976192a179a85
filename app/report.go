package app

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/incident"
	"github.com/gatewatch/gatewatch/parsers"
)

// sortIncidents puts what needs attention first: by score, then by time and id.
func sortIncidents(list []*incident.Incident) {
	slices.SortFunc(list, func(a, b *incident.Incident) int {
		return cmp.Or(-cmp.Compare(a.Score, b.Score), a.FirstSeen.Compare(b.FirstSeen), cmp.Compare(a.ID, b.ID))
	})
}

// WriteJSON writes one incident a line.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, inc := range r.Incidents {
		if err := enc.Encode(inc); err != nil {
			return fmt.Errorf("write incident %s: %w", inc.ID, err)
		}
	}
	return nil
}

// WriteText writes the report for a person; top bounds the incidents that are told in full.
func (r *Report) WriteText(w io.Writer, top int) error {
	var b strings.Builder
	for _, l := range r.Logs {
		fmt.Fprintf(&b, "%s: %s lines, %s requests", l.Path, detect.Thousands(l.Lines), detect.Thousands(l.Parsed))
		if l.Parsed > 0 {
			fmt.Fprintf(&b, ", %s to %s, format %s", stamp(l.First), stamp(l.Last), orUnknown(l.Format))
		}
		if l.Failed > 0 {
			fmt.Fprintf(&b, "\n  %s lines could not be read; the first: %s", detect.Thousands(l.Failed), l.FirstFailure)
		}
		if l.TruncatedBy != "" {
			fmt.Fprintf(&b, "\n  the file ends early: %s", l.TruncatedBy)
		}
		b.WriteByte('\n')
	}
	r.writeOff(&b)
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "Warning: %s\n", warning)
	}
	r.writeIncidents(&b, top)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeOff(b *strings.Builder) {
	if len(r.Off) == 0 || r.Events == 0 {
		return
	}
	titles := map[string]string{}
	for _, d := range r.Detectors {
		titles[d.ID] = d.Title
	}
	byFields := map[string][]string{}
	for id, fields := range r.Off {
		key := strings.Join(fields, ", ")
		byFields[key] = append(byFields[key], cmp.Or(titles[id], id))
	}
	for _, key := range sortedNames(byFields) {
		names := byFields[key]
		slices.Sort(names)
		fmt.Fprintf(b, "Off, since no log has %s: %s\n", key, strings.Join(names, "; "))
	}
}

func (r *Report) writeIncidents(b *strings.Builder, top int) {
	if r.Events == 0 {
		b.WriteString("\nNo requests, so there is nothing to find.\n")
		return
	}
	b.WriteString("\n" + detect.Plural(uint64(len(r.Incidents)), "incident"))
	if len(r.Incidents) == 0 {
		b.WriteString(".\n")
		return
	}
	counts := map[string]int{}
	for _, inc := range r.Incidents {
		counts[inc.Severity.String()]++
	}
	var parts []string
	for _, s := range []string{"critical", "high", "medium", "low"} {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	fmt.Fprintf(b, ": %s\n\n", strings.Join(parts, ", "))
	tw := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	for i, inc := range r.Incidents {
		if i == top {
			break
		}
		fmt.Fprintf(tw, "%3.0f\t%s\t%s %s\t%s\t%s\n", float64(inc.Score), inc.Severity, inc.Entity.Type, detect.Printable(inc.Entity.Value),
			span(inc.FirstSeen, inc.LastSeen), detect.Plural(inc.EventCount, "request"))
		fmt.Fprintf(tw, "\t%s\n", detect.Printable(inc.Explanation))
		if inc.Outcome != "" {
			fmt.Fprintf(tw, "\t%s: %s\n", strings.ReplaceAll(string(inc.Outcome), "_", " "), detect.Printable(inc.OutcomeReason))
		}
	}
	_ = tw.Flush() // a strings.Builder does not fail
	if hidden := len(r.Incidents) - top; hidden > 0 {
		fmt.Fprintf(b, "\n%d more: --top N shows them here, --json all of them with evidence.\n", hidden)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func span(from, to time.Time) string {
	if from.UTC().Format(time.DateOnly) == to.UTC().Format(time.DateOnly) {
		return stamp(from) + " to " + to.UTC().Format(time.TimeOnly)
	}
	return stamp(from) + " to " + stamp(to)
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// explain tells how a format was recognised and which detectors its fields leave off. What the server derives itself
// (route, user agent family) is there; geography may be.
func explain(w io.Writer, rec parsers.Recognition, fields event.FieldSet, infos []detect.Info) {
	_, _ = fmt.Fprintf(w, "format: %s (confidence %.2f)\n", orUnknown(rec.Format), rec.Confidence)
	for i, s := range rec.Scores {
		if i == 5 {
			break
		}
		_, _ = fmt.Fprintf(w, "  %-20s %.2f  %s\n", s.Format, s.Match, s.Reason)
	}
	_, _ = fmt.Fprintf(w, "fields: %s\n", strings.Join(fields.Names(), ", "))
	off := detect.Missing(infos, available(fields))
	for _, id := range sortedNames(off) {
		_, _ = fmt.Fprintf(w, "off: %s needs %s\n", id, strings.Join(off[id], ", "))
	}
}

// available are the fields that a log carries and those that enrichment derives from them.
func available(fields event.FieldSet) map[string]bool {
	have := fields.Map()
	have["route"] = have["route"] || have["path"]
	have["object_ids"] = have["object_ids"] || have["path"]
	have["ua_family"] = have["ua_family"] || have["user_agent"]
	have["is_bot"] = have["user_agent"]
	have["signatures"], have["attack_score"] = true, true
	return have
}

package send

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident"
)

// What bounds the words of a message.
const (
	shown        = 10      // incidents that a text tells one by one; the rest is counted
	maxWord      = 1000    // characters of one word out of an incident: a log's line may be as long as its writer wants
	maxRendered  = 1 << 20 // bytes that a template may give; the default ones stay far below
	maxTitle     = 200     // characters of a title
	defaultTitle = `{{if .Test}}Test of channel {{.Channel}}{{else if eq .Count 1}}` +
		`{{with index .Incidents 0}}{{.Severity}}: {{.Change}}: {{.Title}}{{end}}` +
		`{{else}}{{.Count}} incidents{{range .Severities}}, {{.Count}} {{.Severity}}{{end}}{{end}}`
	defaultText = `{{if .Test}}This is a test. Nothing happened.{{else}}{{range .Incidents}}{{if gt $.Count 1}}{{.Severity}}: {{.Change}}: {{.Title}}
{{end}}{{.Explanation}}{{with .OutcomeReason}} {{.}}{{end}}
score {{.Score}}, {{.EventCount}} events, {{.Entity.Type}} {{.Entity.Value}}{{with .Service}}, service {{.}}{{end}}{{with .Route}}, route {{.}}{{end}}, {{time .FirstSeen}} to {{time .LastSeen}}
{{range .Changes}}{{if ne .Kind "opened"}}{{.Kind}}{{if or (eq .Kind "escalated") (eq .Kind "assigned")}} to {{.To}}{{end}}{{with .Actor}} by {{.}}{{end}}{{with .Reason}}: {{.}}{{end}}
{{end}}{{end}}{{if eq $.Count 1}}{{range .NextSteps}}- {{.}}
{{end}}{{end}}{{with .URL}}{{.}}
{{end}}
{{end}}{{with .More}}and {{.}} more{{with $.ConsoleURL}}: {{.}}{{end}}{{end}}{{end}}`
)

// view is what templates see.
type view struct {
	Channel    string
	Test       bool
	At         time.Time
	Count      int             // incidents
	More       int             // of them, beyond Incidents
	Severities []severityCount // the most severe first
	Incidents  []incidentView
	ConsoleURL string
}

type severityCount struct {
	Severity string
	Count    int
}

// incidentView is one incident with its changes. Its words are escaped for the place that they go to.
type incidentView struct {
	ID, Title, Detector, Kind, Severity, Status, Service, Route, Explanation, Unit, Assignee string

	Entity              entityView
	Score               int
	EventCount          uint64
	FindingCount        int
	Observed, Expected  float64
	FirstSeen, LastSeen time.Time
	OWASP, MITRE        []string
	Tags, Services      []string
	Routes              []string
	URL, Change         string
	Outcome             string // refused, failed, unclear, likely_succeeded; empty for what is no attack
	OutcomeReason       string
	NextSteps           []string // what to do, the most urgent first
	Changes             []changeView
}

type entityView struct{ Type, Value string }

type changeView struct{ Kind, From, To, Actor, Reason string }

// newView shows up to limit incidents of m (0: all), each word cut and through inert, which escapes.
func newView(m *Message, limit int, inert func(string) string) view {
	escape := func(s string) string { return inert(cut(s, maxWord)) }
	items := m.items()
	v := view{Channel: escape(m.Channel), Test: m.Test, At: m.At.UTC(), Count: len(items), ConsoleURL: m.ConsoleURL}
	counts := map[detect.Severity]int{}
	for _, it := range items {
		counts[it.Severity]++
	}
	for s := detect.Critical; s >= detect.Low; s-- {
		if counts[s] > 0 {
			v.Severities = append(v.Severities, severityCount{s.String(), counts[s]})
		}
	}
	if limit > 0 && len(items) > limit {
		v.More = len(items) - limit
		items = items[:limit]
	}
	for _, it := range items {
		v.Incidents = append(v.Incidents, it.view(escape))
	}
	return v
}

func (it item) view(escape func(string) string) incidentView {
	all := func(list []string) []string {
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = escape(s)
		}
		return out
	}
	v := incidentView{
		ID: it.ID, Title: escape(it.Title), Detector: escape(it.Detector), Kind: string(it.Kind), Severity: it.Severity.String(),
		Status: string(it.Status), Service: escape(it.Service), Route: escape(it.Route), Explanation: escape(it.Explanation),
		Unit: escape(it.Unit), Assignee: escape(it.Assignee), Entity: entityView{string(it.Entity.Type), escape(it.Entity.Value)},
		Score: it.Score, EventCount: it.EventCount, FindingCount: it.FindingCount, Observed: it.Observed, Expected: it.Expected,
		FirstSeen: it.FirstSeen.UTC(), LastSeen: it.LastSeen.UTC(), OWASP: all(it.OWASP), MITRE: all(it.MITRE), Tags: all(it.Tags),
		Services: all(it.Services), Routes: all(it.Routes), URL: it.URL, Change: string(it.word()), Outcome: string(it.Outcome), OutcomeReason: escape(it.OutcomeReason),
		NextSteps: all(it.nextSteps()),
	}
	for _, c := range it.Changes {
		v.Changes = append(v.Changes, changeView{string(c.Kind), escape(c.From), escape(c.To), escape(c.Actor), escape(c.Reason)})
	}
	return v
}

// nextSteps is what to do, while nobody does.
func (it item) nextSteps() []string {
	if it.Status != incident.StatusOpen {
		return nil
	}
	return it.Advice()
}

// words are a channel's templates.
type words struct{ title, text *template.Template }

// newWords compiles the templates (empty: the default ones) and tries them on a made-up incident and on a test message.
// Errors name the member.
func newWords(title, text string) (w words, err error) {
	if title == "" {
		title = defaultTitle
	}
	if text == "" {
		text = defaultText
	}
	if w.title, err = compile("title", title); err != nil {
		return w, err
	}
	if w.text, err = compile("text", text); err != nil {
		return w, err
	}
	for _, m := range []*Message{Sample(time.Unix(0, 0)), {Test: true}} {
		if _, _, err := w.render(m, plain); err != nil {
			return w, err
		}
	}
	return w, nil
}

func compile(member, text string) (*template.Template, error) {
	t, err := template.New(member).Option("missingkey=error").Funcs(template.FuncMap{
		"json":  asJSON,
		"upper": strings.ToUpper,
		"join":  func(sep string, list []string) string { return strings.Join(list, sep) },
		"cut":   func(n int, s string) string { return cut(s, n) },
		"time":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", member, err)
	}
	return t, nil
}

// render gives title and text. The title is one line.
func (w words) render(m *Message, escape func(string) string) (title, text string, err error) {
	v := newView(m, shown, escape)
	if title, err = execute(w.title, v); err != nil {
		return "", "", err
	}
	if text, err = execute(w.text, v); err != nil {
		return "", "", err
	}
	return cutEscaped(strings.TrimSpace(plain(title)), maxTitle), strings.TrimSpace(text), nil
}

// execute runs a template within its bound. A message that its template cannot say is refused: it would never go out.
func execute(t *template.Template, v view) (string, error) {
	var b bounded
	if err := t.Execute(&b, v); err != nil {
		return "", &RefusedError{fmt.Errorf("%s: %w", t.Name(), err)}
	}
	return b.String(), nil
}

// bounded is a buffer that takes maxRendered bytes.
type bounded struct{ bytes.Buffer }

var errTooLong = errors.New("the template gives more than 1 MiB")

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxRendered {
		return 0, errTooLong
	}
	return b.Buffer.Write(p)
}

func asJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// cut shortens s to n characters, the last an ellipsis.
func cut(s string, n int) string {
	if n < 1 || utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}

// cutEscaped is cut for text that may be escaped: it does not end within an entity, which would show as a broken one.
func cutEscaped(s string, n int) string {
	short := cut(s, n)
	if at := strings.LastIndexByte(short, '&'); short != s && at >= max(0, len(short)-len("&amp…")) && !strings.Contains(short[at:], ";") {
		return short[:at] + "…"
	}
	return short
}

// Sample is a made-up message with one incident, for tries of templates.
func Sample(now time.Time) *Message {
	return &Message{ID: "msg_sample", Channel: "sample", At: now, Notifications: []Notification{{
		ID: "ntf_sample", Changes: []Change{{Kind: Opened, To: "open", At: now}},
		Incident: &incident.Incident{
			ID: "inc_sample", Title: "Path scanning from 203.0.113.9", Detector: "path_scan", Kind: detect.KindWebAttack,
			Severity: detect.High, Score: 61, Status: incident.StatusOpen, Entity: detect.Entity{Type: detect.EntityClient, Value: "203.0.113.9"},
			Service: "shop", Route: "/orders/{id}", FirstSeen: now, LastSeen: now, EventCount: 44, Observed: 40, Expected: 20, Unit: "paths",
			Explanation: "203.0.113.9 asked for 40 paths that do not exist within a minute.", OWASP: []string{"API9:2023"}, MITRE: []string{"T1595"},
			Outcome: detect.Unclear, OutcomeReason: "All 44 answers were 404.",
			Tags: []string{}, Services: []string{"shop"}, Routes: []string{"/orders/{id}"}, FindingCount: 1, Version: 1,
		},
	}}}
}

package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatewatch/gatewatch/detect"
)

// keyReader reads the value of one key of a rule document.
type keyReader func(l *loader, d *draft, key string, v *yaml.Node)

// ruleKeys are the keys that a rule document may have: those of Sigma 2, those that SigmaHQ's own files carry beside
// them, and gatewatch.
var ruleKeys = map[string]keyReader{
	"title":          func(l *loader, d *draft, key string, v *yaml.Node) { l.text(v, key, &d.Title) },
	"id":             func(l *loader, d *draft, key string, v *yaml.Node) { l.text(v, key, &d.UUID) },
	"name":           func(l *loader, d *draft, key string, v *yaml.Node) { l.text(v, key, &d.ID) },
	"description":    func(l *loader, d *draft, key string, v *yaml.Node) { l.text(v, key, &d.Description) },
	"author":         readAuthor,
	"references":     func(l *loader, d *draft, key string, v *yaml.Node) { l.texts(v, key, &d.References) },
	"falsepositives": func(l *loader, d *draft, key string, v *yaml.Node) { l.texts(v, key, &d.FalsePositives) },
	"tags":           readTags,
	"status":         readStatus,
	"level":          readLevel,
	"detection":      func(_ *loader, d *draft, _ string, v *yaml.Node) { d.detection = v },
	"correlation":    func(_ *loader, d *draft, _ string, v *yaml.Node) { d.correlation = v },
	"filter":         func(_ *loader, d *draft, _ string, v *yaml.Node) { d.filter = v },
	"gatewatch":      readExtension,
	"generate":       readGenerate,
	"related":        readRelated,
	"logsource":      ignored, "taxonomy": ignored, "license": ignored, "date": ignored,
	"modified": ignored, "fields": ignored, "scope": ignored, "action": ignored, "minimum_sigma_version": ignored,
	"regression_tests_path": ignored, "simulation": ignored, "sigma-version": ignored,
}

// extensionKeys are the keys of the gatewatch section.
var extensionKeys = map[string]keyReader{
	"kind":        readKind,
	"explanation": func(l *loader, d *draft, key string, v *yaml.Node) { l.text(v, key, &d.Explanation) },
	"unit":        func(l *loader, d *draft, key string, v *yaml.Node) { l.text(v, key, &d.Unit) },
	"signal":      func(l *loader, d *draft, key string, v *yaml.Node) { l.boolean(v, key, &d.Signal) },
	"quiet":       func(l *loader, d *draft, key string, v *yaml.Node) { l.duration(v, key, &d.Quiet) },
	"score":       readScore,
	"learned":     readLearned,
	"unless":      readUnless,
	"scenarios":   readScenarios,
}

func ignored(*loader, *draft, string, *yaml.Node) {}

func readExtension(l *loader, d *draft, at string, n *yaml.Node) {
	l.eachKey(n, at, func(key string, k, v *yaml.Node) {
		if read, ok := extensionKeys[key]; ok {
			read(l, d, join(at, key), v)
			return
		}
		l.fault(k, join(at, key), "unknown key: want kind, explanation, unit, signal, quiet, score, learned, unless or scenarios")
	})
}

func readAuthor(l *loader, d *draft, key string, v *yaml.Node) {
	var names []string
	l.texts(v, key, &names)
	d.Author = strings.Join(names, ", ")
}

func readStatus(l *loader, d *draft, key string, v *yaml.Node) {
	l.text(v, key, &d.Status)
	switch d.Status {
	case "": // the key alone
	case "stable", "test", "experimental", "deprecated", "unsupported":
	default:
		l.fault(v, key, "%q: want stable, test, experimental, deprecated or unsupported", d.Status)
	}
}

func readLevel(l *loader, d *draft, key string, v *yaml.Node) {
	l.text(v, key, &d.Level)
	if d.Level == "informational" || d.Level == "" {
		return
	}
	if _, err := detect.ParseSeverity(d.Level); err != nil {
		l.fault(v, key, "%q: want informational, low, medium, high or critical", d.Level)
	}
}

func readTags(l *loader, d *draft, key string, v *yaml.Node) {
	l.texts(v, key, &d.Tags)
	for _, tag := range d.Tags {
		switch space, name, _ := strings.Cut(strings.ToLower(tag), "."); {
		case space == "attack" && len(name) > 4 && name[0] == 't' && name[1] >= '0' && name[1] <= '9':
			d.MITRE = append(d.MITRE, strings.ToUpper(name))
		case space == "owasp":
			d.OWASP = append(d.OWASP, strings.ToUpper(strings.TrimSuffix(name, ":2023"))+":2023")
		}
	}
}

func readRelated(l *loader, d *draft, at string, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		if n.Tag != "!!null" {
			l.fault(n, at, "want a list of id and type, found %s", nodeWord(n))
		}
		return
	}
	for _, item := range n.Content {
		var r Related
		l.eachKey(resolved(item), at, func(key string, k, v *yaml.Node) {
			switch key {
			case "id":
				l.text(v, join(at, key), &r.ID)
			case "type":
				l.text(v, join(at, key), &r.Type)
			default:
				l.fault(k, join(at, key), "unknown key: want id or type")
			}
		})
		d.Related = append(d.Related, r)
	}
}

func readKind(l *loader, d *draft, key string, v *yaml.Node) {
	var word string
	l.text(v, key, &word)
	for _, k := range detect.Kinds() {
		if string(k) == word {
			d.Kind = k
			return
		}
	}
	l.fault(v, key, "%q: want one of %v", word, detect.Kinds())
}

func readScore(l *loader, d *draft, key string, v *yaml.Node) {
	l.number(v, key, &d.Score)
	if d.Score < 0 || d.Score >= 1 {
		l.fault(v, key, "%v: want a number from 0 up to, not including, 1", d.Score)
	}
	if d.Score == 0 {
		d.Score = noScore
	}
}

// noScore marks a written score of 0, which is not the same as none.
const noScore = -1

func readGenerate(l *loader, d *draft, key string, v *yaml.Node) {
	// Sigma allows generate beside the correlation as well as in it; correlations read it from there.
	var b bool
	l.boolean(v, key, &b)
	if d.correlation == nil && b {
		l.fault(v, key, "belongs into the correlation section")
	}
}

func readLearned(l *loader, d *draft, at string, n *yaml.Node) {
	learned := &Learned{Quantile: 0.99, Factor: 1, By: "client_ip"}
	l.eachKey(n, at, func(key string, k, v *yaml.Node) {
		switch key {
		case "quantile":
			l.number(v, join(at, key), &learned.Quantile)
			if learned.Quantile <= 0 || learned.Quantile >= 1 {
				l.fault(v, join(at, key), "%v: want a number between 0 and 1", learned.Quantile)
			}
		case "factor":
			l.number(v, join(at, key), &learned.Factor)
			if learned.Factor <= 0 {
				l.fault(v, join(at, key), "%v: want a number above 0", learned.Factor)
			}
		case "by":
			l.text(v, join(at, key), &learned.By)
			switch learned.By {
			case "endpoint", "user", "client_ip", "service":
			default:
				l.fault(v, join(at, key), "%q: want endpoint, user, client_ip or service", learned.By)
			}
		default:
			l.fault(k, join(at, key), "unknown key: want quantile, factor or by")
		}
	})
	d.Learned = learned
}

func readUnless(l *loader, d *draft, at string, n *yaml.Node) {
	u := &Unless{Share: 1}
	l.eachKey(n, at, func(key string, k, v *yaml.Node) {
		switch key {
		case "rule":
			l.text(v, join(at, key), &u.Rule)
		case "share":
			l.number(v, join(at, key), &u.Share)
			if u.Share <= 0 {
				l.fault(v, join(at, key), "%v: want a number above 0", u.Share)
			}
		default:
			l.fault(k, join(at, key), "unknown key: want rule or share")
		}
	})
	if u.Rule == "" {
		l.fault(n, join(at, "rule"), "missing")
	}
	if d.correlation == nil {
		l.fault(n, at, "belongs to a correlation")
	}
	d.Unless = u
}

func readScenarios(l *loader, d *draft, key string, v *yaml.Node) {
	var text string
	l.text(v, key, &text)
	scenarios, err := ParseScenarios(text)
	if err != nil {
		l.fault(v, key, "%v", err)
	}
	for i := range scenarios {
		scenarios[i].Line += v.Line // the text of a block begins on the line after the key
	}
	d.Scenarios = scenarios
}

// setDefaults fills what the document left open.
func (d *draft) setDefaults() {
	if d.Level == "" {
		d.Level = "medium"
	}
	if d.Level == "informational" {
		d.Severity = detect.Low
		d.Signal = d.Signal || d.correlation == nil
	} else if s, err := detect.ParseSeverity(d.Level); err == nil {
		d.Severity = s
	}
	if d.Kind == "" {
		d.Kind = detect.KindWebAttack
	}
	if d.Quiet == 0 {
		d.Quiet = 10 * time.Minute
	}
	switch {
	case d.Score == noScore:
		d.Score = 0
	case d.Score == 0 && d.correlation == nil:
		d.Score = levelScore[d.Level]
	}
}

// levelScore is what a match adds to the attack score when the rule does not say.
var levelScore = map[string]float64{
	"informational": 0, "low": 0.2, "medium": 0.4, "high": 0.7, "critical": 0.9,
}

func (l *loader) text(v *yaml.Node, key string, to *string) {
	if v.Kind != yaml.ScalarNode {
		l.fault(v, key, "want a text, found %s", nodeWord(v))
		return
	}
	if v.Tag != "!!null" {
		*to = v.Value
	}
}

func (l *loader) texts(v *yaml.Node, key string, to *[]string) {
	if v.Kind == yaml.ScalarNode {
		if v.Tag != "!!null" {
			*to = []string{v.Value}
		}
		return
	}
	if v.Kind != yaml.SequenceNode {
		l.fault(v, key, "want a list of texts, found %s", nodeWord(v))
		return
	}
	for _, item := range v.Content {
		var s string
		l.text(resolved(item), key, &s)
		*to = append(*to, s)
	}
}

func (l *loader) boolean(v *yaml.Node, key string, to *bool) {
	if v.Tag != "!!bool" {
		l.fault(v, key, "want true or false, found %s", nodeWord(v))
		return
	}
	*to = strings.EqualFold(v.Value, "true")
}

func (l *loader) number(v *yaml.Node, key string, to *float64) {
	f, err := strconv.ParseFloat(v.Value, 64)
	if v.Kind != yaml.ScalarNode || err != nil {
		l.fault(v, key, "want a number, found %s", nodeWord(v))
		return
	}
	*to = f
}

func (l *loader) duration(v *yaml.Node, key string, to *time.Duration) {
	d, err := parseTimespan(v.Value)
	if v.Kind != yaml.ScalarNode || err != nil {
		l.fault(v, key, "%s: want a number and s, m, h or d (5m)", nodeWord(v))
		return
	}
	*to = d
}

// parseTimespan reads Sigma's timespan: a number and s, m, h, d, w, M (30 days) or y (365 days).
func parseTimespan(s string) (time.Duration, error) {
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
		'M': 30 * 24 * time.Hour, 'y': 365 * 24 * time.Hour,
	}
	if len(s) < 2 {
		return 0, fmt.Errorf("timespan %q: want a number and a unit", s)
	}
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 32)
	unit, ok := units[s[len(s)-1]]
	if err != nil || !ok || n <= 0 || time.Duration(n) > (1<<62)/unit {
		return 0, fmt.Errorf("timespan %q: want a number above 0 and s, m, h, d, w, M or y", s)
	}
	return time.Duration(n) * unit, nil
}

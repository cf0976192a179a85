package incident

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatewatch/gatewatch/detect"
)

// kindTitles name an incident in which several detectors agree.
var kindTitles = map[detect.Kind]string{
	detect.KindCredential:   "Credential attack",
	detect.KindWebAttack:    "Web attack",
	detect.KindDataAccess:   "Unusual data access",
	detect.KindAbuse:        "API abuse",
	detect.KindAvailability: "Availability",
	detect.KindExposure:     "Exposure",
	detect.KindOperational:  "Log pipeline",
	detect.KindChange:       "Lasting change",
}

// connectors join what happened and the entity that it is about.
var connectors = map[detect.EntityType]string{
	detect.EntityClient:   "from",
	detect.EntityUser:     "by user",
	detect.EntitySession:  "in session",
	detect.EntityEndpoint: "on",
	detect.EntityService:  "in service",
	detect.EntitySource:   "of",
	detect.EntityDisk:     "of",
}

// How many detectors a title and an explanation name.
const (
	maxTitled = 3
	maxTold   = 4
)

// title says what and by whom: the detector's own title, or the kind and the titles when there are several.
func (inc *Incident) title(lead *Signal) string {
	if len(inc.Signals) == 1 {
		return inc.withEntity(lead.Title)
	}
	kind, ok := kindTitles[inc.Kind]
	if !ok {
		kind = strings.ReplaceAll(string(inc.Kind), "_", " ")
	}
	told := []string{lead.Title}
	for _, s := range inc.others(lead) {
		if len(told) < maxTitled && !slices.Contains(told, s.Title) {
			told = append(told, s.Title)
		}
	}
	return inc.withEntity(kind) + ": " + strings.Join(told, ", ")
}

func (inc *Incident) withEntity(text string) string {
	if strings.Contains(text, inc.Entity.Value) {
		return text
	}
	connector, ok := connectors[inc.Entity.Type]
	if !ok {
		connector = "for " + string(inc.Entity.Type)
	}
	return text + " " + connector + " " + inc.Entity.Value
}

// others are the signals besides the lead, strongest first.
func (inc *Incident) others(lead *Signal) []Signal {
	var rest []Signal
	for _, s := range inc.Signals {
		if s.Detector != lead.Detector {
			rest = append(rest, s)
		}
	}
	slices.SortStableFunc(rest, func(a, b Signal) int {
		if a.Severity != b.Severity {
			return int(b.Severity - a.Severity)
		}
		return a.FirstSeen.Compare(b.FirstSeen)
	})
	return rest
}

// explain is the leading finding's sentence and, when others agree, one that says what else was seen.
func (inc *Incident) explain(lead *Signal) string {
	text := lead.Explanation
	if text == "" {
		text = inc.withEntity(lead.Title) + ": observed " + number(lead.Observed, lead.Unit) + ", expected " + number(lead.Expected, "") + "."
	}
	text = sentence(text, inc.Entity.Value)
	if float64(inc.EventCount) >= 2*max(lead.Observed, 1) { // the lead's sentence tells how it began, not how far it went
		text += " In all " + detect.Plural(inc.EventCount, "event") + " within " + span(max(inc.LastSeen.Sub(inc.FirstSeen), time.Second)) + "."
	}
	// Two detectors of one title are one thing to whoever reads: how far it went is told already.
	others := slices.DeleteFunc(inc.others(lead), func(s Signal) bool { return s.Title == lead.Title })
	if len(others) == 0 {
		return text
	}
	var b strings.Builder
	b.WriteString(text)
	b.WriteString(" Also seen: ")
	for i, s := range others {
		if i == maxTold {
			b.WriteString(" and " + strconv.Itoa(len(others)-maxTold) + " more")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.Title + " (" + detect.Plural(s.Events, "event") + ")")
	}
	b.WriteString(".")
	return b.String()
}

// number words a number for people: whole numbers with commas, others with three significant digits.
func number(v float64, unit string) string {
	var text string
	if v == math.Trunc(v) && v >= 0 && v < 1e15 {
		text = detect.Thousands(uint64(v))
	} else {
		text = strconv.FormatFloat(v, 'g', 3, 64)
	}
	if unit != "" {
		text += " " + unit
	}
	return text
}

// sentence begins s with a capital letter, unless it begins with the name, and ends it with a full stop.
func sentence(s, name string) string {
	if name == "" || !strings.HasPrefix(s, name) {
		r, n := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(r)) + s[n:]
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

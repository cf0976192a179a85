package send

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/gatewatch/gatewatch/detect"
)

// cefSeverity maps to CEF's 0 to 10.
var cefSeverity = map[detect.Severity]string{detect.Low: "3", detect.Medium: "5", detect.High: "8", detect.Critical: "10"}

var (
	cefHead  = strings.NewReplacer(`\`, `\\`, `|`, `\|`)
	cefValue = strings.NewReplacer(`\`, `\\`, `=`, `\=`)
)

// cef writes a notification in ArcSight's Common Event Format, version 0 (Implementing ArcSight CEF, revision 25):
// CEF:0|vendor|product|version|signature|name|severity|extension. The signature is the detector.
func cef(n Notification) string {
	inc := n.Incident
	var b strings.Builder
	b.WriteString("CEF:0|Gatewatch|Gatewatch|1|")
	b.WriteString(cefHead.Replace(plain(inc.Detector)) + "|" + cefHead.Replace(plain(inc.Title)) + "|" + cefSeverity[inc.Severity] + "|")
	first := true
	add := func(key, value string) {
		if value == "" {
			return
		}
		if !first {
			b.WriteByte(' ')
		}
		first = false
		b.WriteString(key + "=" + cefValue.Replace(plain(value)))
	}
	kinds := make([]string, len(n.Changes))
	for i, c := range n.Changes {
		kinds[i] = string(c.Kind)
	}
	add("rt", strconv.FormatInt(inc.LastSeen.UnixMilli(), 10))
	add("start", strconv.FormatInt(inc.FirstSeen.UnixMilli(), 10))
	add("end", strconv.FormatInt(inc.LastSeen.UnixMilli(), 10))
	add("externalId", inc.ID)
	add("cat", string(inc.Kind))
	add("act", strings.Join(kinds, ","))
	add("outcome", string(inc.Outcome))
	add("cnt", strconv.FormatUint(inc.EventCount, 10))
	switch inc.Entity.Type {
	case detect.EntityClient:
		if a, err := netip.ParseAddr(inc.Entity.Value); err == nil && a.Is6() {
			add("c6a2", a.String())
			add("c6a2Label", "Source IPv6 Address")
		} else {
			add("src", inc.Entity.Value)
		}
	case detect.EntityUser:
		add("suser", inc.Entity.Value)
	default:
		add("cs3", inc.Entity.Value)
		add("cs3Label", string(inc.Entity.Type))
	}
	add("destinationServiceName", inc.Service)
	add("request", inc.Route)
	add("cn1", strconv.Itoa(inc.Score))
	add("cn1Label", "score")
	add("cs1", n.ID)
	add("cs1Label", "notification")
	add("cs2", n.URL)
	if n.URL != "" {
		add("cs2Label", "console")
	}
	add("cs4", string(inc.Status))
	add("cs4Label", "status")
	add("msg", cut(inc.Explanation, 1000))
	return b.String()
}

// cefTest is the message of a test.
func cefTest(m *Message) string {
	return "CEF:0|Gatewatch|Gatewatch|1|test|Test of channel " + cefHead.Replace(plain(m.Channel)) + "|0|externalId=" + m.ID
}

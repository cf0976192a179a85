package parsers

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/event"
)

// readAll parses lines and returns the formats that read them, "-" for lines without request and "!" for errors.
func readAll(p Parser, lines []string) []string {
	var got []string
	for _, line := range lines {
		var ev event.Event
		ev.Reset()
		switch err := p.Parse(line, &ev); {
		case errors.Is(err, ErrNoRequest):
			got = append(got, "-")
		case err != nil:
			got = append(got, "!")
		default:
			got = append(got, ev.Format)
		}
	}
	return got
}

func TestAutoMixedFamily(t *testing.T) {
	lines := []string{
		combined().Samples[0], nginxError().Samples[0], combined().Samples[1], apacheVhostCombined().Samples[0], "",
		nginxError().Samples[3], common().Samples[0], "stack trace of something", combined().Samples[2],
	}
	want := "combined nginx_error combined apache_vhost_combined - - common ! combined"
	if got := strings.Join(readAll(NewAuto(Options{}), lines), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestAutoSwitches changes the format in the middle of a long file: after a burst of failures Auto looks again.
func TestAutoSwitches(t *testing.T) {
	a := NewAuto(Options{})
	for range 200 {
		readAll(a, combined().Samples[:1])
	}
	if f := a.Recognition().Format; f != "combined" {
		t.Fatalf("recognised %s", f)
	}
	lost := 0
	for range 100 {
		for _, f := range readAll(a, envoy().Samples[:1]) {
			if f == "!" {
				lost++
			}
		}
	}
	if f := a.Recognition().Format; f != "envoy" || lost > 2*burst {
		t.Errorf("after the change: %s, %d lines lost", f, lost)
	}
}

// TestAutoDeterministic checks that the choice depends on the lines alone.
func TestAutoDeterministic(t *testing.T) {
	var lines []string
	for _, f := range Formats() {
		lines = append(lines, f.Samples...)
	}
	first := fmt.Sprint(readAll(NewAuto(Options{}), lines))
	for range 3 {
		if got := fmt.Sprint(readAll(NewAuto(Options{}), lines)); got != first {
			t.Fatalf("the same lines are read differently:\n%s\n%s", first, got)
		}
	}
}

func TestAutoPrime(t *testing.T) {
	a := NewAuto(Options{})
	if err := a.Prime(nginxMain().Samples); err != nil {
		t.Fatal(err)
	}
	if r := a.Recognition(); r.Format != "nginx_main" || r.Confidence != 1 || len(r.Fields) == 0 {
		t.Errorf("got %s %v %v", r.Format, r.Confidence, r.Fields)
	}
	if err := NewAuto(Options{}).Prime([]string{"nonsense"}); err == nil {
		t.Error("nonsense is recognised")
	}
}

func TestSyslogPrograms(t *testing.T) {
	lines := []string{
		`Mar 10 13:55:36 lb-1 sshd[1]: Accepted publickey for root`,
		`Mar 10 13:55:36 lb-1 haproxy[2]: ` + haproxy().Samples[0],
		`Mar 10 13:55:36 lb-1 nginx: ` + combined().Samples[0],
		`Mar 10 13:55:37 lb-1 sshd[1]: Connection closed`,
		`<134>Mar 10 13:55:36 haproxy[2]: ` + haproxy().Samples[2],
		`<134>1 2025-03-10T13:55:36Z lb-1 haproxy 2 - [a b="c\"]"][d] ` + haproxy().Samples[0],
		`<134>1 2025-03-10T13:55:36Z lb-1 haproxy 2 - -`,
	}
	want := "! haproxy combined - haproxy haproxy -"
	f, _ := Lookup("syslog")
	p, err := f.New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(readAll(p, lines), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p, err = New(Spec{Name: "syslog+haproxy"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(readAll(p, lines[1:2]), " "); got != "haproxy" {
		t.Errorf("syslog+haproxy: %s", got)
	}
	r, err := Recognize(lines)
	if err != nil || r.Format != "syslog" || r.Inside == "" {
		t.Errorf("recognised %s around %q, %v", r.Format, r.Inside, err)
	}
}

// TestCRIParts joins a message that containerd cut, with another stream's line between.
func TestCRIParts(t *testing.T) {
	line := combined().Samples[0]
	lines := []string{
		`2025-03-10T13:55:36.1Z stdout F ` + line,
		`2025-03-10T13:55:36.1Z stdout P ` + line[:40],
		`2025-03-10T13:55:36.1Z stderr F ` + nginxError().Samples[0],
		`2025-03-10T13:55:36.1Z stdout F ` + line[40:],
	}
	f, _ := Lookup("cri")
	p, err := f.New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(readAll(p, lines), " "), "combined - nginx_error combined"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// Parts without an end are bounded.
	part := `2025-03-10T13:55:36.1Z stdout P ` + strings.Repeat("x", 1<<16)
	for range 40 {
		readAll(p, []string{part})
	}
	if n := len(p.(*wrapParser).parts["stdout"]); n > maxJoined {
		t.Errorf("%d bytes are kept", n)
	}
}

// TestW3CWithoutHeader reads a file from its middle: the layout is guessed, and a #Fields line corrects it.
func TestW3CWithoutHeader(t *testing.T) {
	lines := []string{
		w3c().Samples[2],
		"#Fields: date time c-ip cs-method cs-uri-stem sc-status",
		"2025-03-10 13:55:36 203.0.113.9 GET /x 200",
		"2025-03-10 13:55:36 203.0.113.9 GET /x",
	}
	if got, want := strings.Join(readAll(NewAuto(Options{}), lines), " "), "w3c - w3c !"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestGuessIIS reads lines of IIS sites with different columns switched on, without their #Fields lines.
func TestGuessIIS(t *testing.T) {
	for line, want := range map[string]string{
		"2025-03-10 13:55:36 10.0.0.2 GET /a x=1 443 anna 203.0.113.9 Mozilla/5.0+(X11) https://shop.example.com/ 200 0 0 34":              "203.0.113.9 GET /a x=1 200 anna Mozilla/5.0 (X11) https://shop.example.com/ 34",
		"2025-03-10 13:55:36 W3SVC1 web-1 10.0.0.2 POST /a - 80 - 2001:db8::9 HTTP/1.1 curl/8.5.0 - - www.example.com 404 0 2 1500 300 12": "2001:db8::9 POST /a  404  curl/8.5.0  12",
		"2025-03-10 13:55:36 10.0.0.2 GET /a - 80 - 203.0.113.9 curl/8.5.0 500 0 0 7":                                                      "203.0.113.9 GET /a  500  curl/8.5.0  7",
	} {
		f, _ := Lookup("iis")
		p, err := f.New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		var ev event.Event
		ev.Reset()
		if err := p.Parse(line, &ev); err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		got := fmt.Sprintf("%s %s %s %s %d %s %s %s %v", ev.ClientIP, ev.Method, ev.Path, ev.Query, ev.Status, ev.User, ev.UserAgent, ev.Referer, ev.DurationMS)
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
	}
}

// TestSeveralRecords checks that a line with several records is an error and not one of them.
func TestSeveralRecords(t *testing.T) {
	line := strings.Replace(otel().Samples[1], `"spans":[{`, `"spans":[{"name":"other"},{`, 1)
	f, _ := Lookup("otel")
	p, err := f.New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var ev event.Event
	ev.Reset()
	if err := p.Parse(line, &ev); err == nil || !strings.Contains(err.Error(), "several records") {
		t.Errorf("got %v", err)
	}
}

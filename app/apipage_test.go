package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// pageCommands are the commands of a page's shell blocks, each with the lines that it goes on over.
func pageCommands(t *testing.T, page string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range fencedShell.FindAllSubmatch(text, -1) {
		command := ""
		for line := range strings.Lines(string(block[1])) {
			command += line
			whole := strings.TrimSpace(command)
			if strings.HasSuffix(whole, "\\") || strings.Count(command, "'")%2 == 1 {
				continue
			}
			if whole != "" && !strings.HasPrefix(whole, "#") {
				list = append(list, whole)
			}
			command = ""
		}
	}
	return list
}

// answersToo are statuses beside 2xx that a command of the page may be answered with in the demo, by a part of it.
var answersToo = map[string]string{
	"/v1/notifications/test":     "400", // the demo has no channels
	"/v1/baselines/recompute":    "409", // one is under way
	"/cancel":                    "409", // it is over
	"/v1/rules/backtest":         "409",
	"If-Match":                   "412", // somebody else was faster: the incident grows
	"/v1/baselines/diff":         "404", // the demo may have one version by then
	"/v1/baselines/rollback":     "409",
	"If-Match: \"1\"' -d '{\"ow": "412",
}

// TestAPIPageCommands runs every command of docs/api.md against the demo, in order.
func TestAPIPageCommands(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: the page's commands take minutes")
	}
	requireEngine(t)
	r := newReadme(t)
	r.demo = r.start("")
	r.demo.until(regexp.MustCompile("Admin key, shown this once: gw_"))
	r.key = strings.Fields(strings.SplitAfter(r.demo.until(regexp.MustCompile(`shown this once: gw_\S+`)), ": ")[1])[0]
	r.id = r.demo.until(anIncident)
	p := apiPage{r}
	p.files()
	ran := 0
	for _, command := range pageCommands(t, "../docs/api.md") {
		if strings.HasPrefix(command, "export ") {
			continue // they stand in the environment
		}
		p.run(command)
		ran++
	}
	if ran < 80 {
		t.Errorf("only %d commands ran", ran)
	}
	r.demo.interrupt()
}

type apiPage struct{ *readme }

// files are those that the page's commands read, and a curl that tells the status on stderr.
func (p apiPage) files() {
	line := `203.0.113.9 - - [01/Mar/2026:12:00:00 +0000] "GET /orders/1 HTTP/1.1" 200 12 "-" "curl/8.5.0"`
	for name, text := range map[string]string{
		"access.log":    line + "\n",
		"events.ndjson": `{"time":"2026-03-01T12:00:00Z","service":"shop","method":"GET","path":"/orders/1","status":200,"client_ip":"203.0.113.9"}` + "\n",
		"openapi.yaml":  "openapi: 3.1.0\ninfo: {title: Shop, version: '1'}\npaths:\n  /api/v1/orders/{id}: {get: {responses: {'200': {description: ok}}}}\n",
		"bin/curl":      "#!/bin/sh\nexec /usr/bin/env -u BASH_ENV " + p.real("curl") + ` --max-time 60 -w '%{stderr}status=%{http_code}\n' "$@"` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(p.root, name), []byte(text), 0o700); err != nil { //nolint:gosec // one is to be run
			p.t.Fatal(err)
		}
	}
}

func (p apiPage) real(name string) string {
	p.t.Helper()
	out, err := p.command("sh", "-c", "command -v "+name).Output()
	if err != nil {
		p.t.Skipf("%s is not installed", name)
	}
	return strings.TrimSpace(string(out))
}

// ask returns a member of an answer, by its path.
func (p apiPage) ask(target string, path ...any) string {
	p.t.Helper()
	out, err := p.command("curl", "-sH", "X-Api-Key: "+p.key, "http://"+p.listen+target).Output()
	if err != nil {
		p.t.Fatalf("%s: %v", target, err)
	}
	var v any
	if err := json.Unmarshal(out, &v); err != nil {
		p.t.Fatalf("%s: %v in %s", target, err, out)
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			members, _ := v.(map[string]any)
			v = members[step]
		case int:
			list, _ := v.([]any)
			if len(list) <= step {
				return ""
			}
			v = list[step]
		}
	}
	return strings.Trim(fmt.Sprint(v), `"`)
}

// filled puts what there is in place of the page's examples.
func (p apiPage) filled(command string) string {
	examples := []struct {
		what string
		have func() string
	}{
		{"fnd_…", func() string { return p.ask("/v1/incidents/"+p.id, "findings", 0, "id") }},
		{"inc_0a1b2c3d4e5f60718293", func() string { return p.id }},
		{"inc_…", func() string { return p.id }},
		{"exc_…", func() string { return p.ask("/v1/suppressions", "exceptions", 0, "id") }},
		{"ep_…", func() string { return p.ask("/v1/endpoints", "endpoints", 0, "id") }},
		{"job_…", func() string { return p.ask("/v1/jobs", "jobs", 0, "id") }},
		{"ntf_…", func() string { return "ntf_0" }},
		{"VERSION", func() string { return p.ask("/v1/baselines", "baselines", 0, "version") }},
		{"key_0a1b2c3d", func() string { return p.ask("/v1/keys", "keys", 1, "id") }},
		{"decisions/7", func() string { return "decisions/" + p.ask("/v1/decisions", 0, "id") }},
		{"cursor=eyJzIjoi…", func() string { return "cursor=" + p.ask("/v1/incidents?limit=1", "next_cursor") }},
		{"If-Match: \"3\"", func() string { return `If-Match: "` + p.ask("/v1/incidents/"+p.id, "version") + `"` }},
		{"gatewatch-data", func() string { return filepath.Join(p.root, ".run") }},
		{"curl -sN", func() string { return "curl --max-time 3 -sN" }},
	}
	for _, e := range examples {
		if strings.Contains(command, e.what) {
			command = strings.ReplaceAll(command, e.what, e.have())
		}
	}
	return command
}

// run runs one command; every request of it has to be answered with success, or what answersToo tells.
func (p apiPage) run(command string) {
	p.t.Helper()
	cmd := p.command("bash", "-c", "set -o pipefail; "+p.filled(command))
	cmd.Env = append(cmd.Env, "URL=http://"+p.listen, "GATEWATCH_SERVER=http://"+p.listen, "GATEWATCH_KEY="+p.key, "PATH="+filepath.Join(p.root, "bin")+":"+os.Getenv("PATH"))
	var told strings.Builder
	cmd.Stderr = &told
	began := time.Now()
	out, err := cmd.Output()
	if strings.Contains(command, "curl -sN") {
		err = nil // it ends by --max-time
	}
	for _, status := range regexp.MustCompile(`status=(\d+)`).FindAllStringSubmatch(told.String(), -1) {
		allowed := strings.HasPrefix(status[1], "2")
		for part, code := range answersToo {
			allowed = allowed || strings.Contains(command, part) && status[1] == code
		}
		if !allowed {
			p.t.Errorf("%s\n  was answered %s: %.300s", command, status[1], out)
		}
	}
	if strings.Contains(command, "curl") && !strings.Contains(told.String(), "status=") || err != nil {
		p.t.Errorf("%s\n  %v after %s: %.300s %.300s", command, err, time.Since(began).Round(time.Second), told.String(), out)
	}
}

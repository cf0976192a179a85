package app

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestDeploymentFiles holds what can be held without the systems that they are for: they are YAML, each command line in them is
// one of ours with flags that exist, and a variable that they set is a setting.
func TestDeploymentFiles(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "gatewatch")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/gatewatch").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	commands := 0
	for _, path := range []string{"../docker-compose.yml", "../deploy/kubernetes/gatewatch.yaml", "../deploy/kubernetes/recompute.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d := yaml.NewDecoder(bytes.NewReader(data))
		for {
			var doc any
			if err := d.Decode(&doc); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			eachCommand(doc, func(args []string) {
				commands++
				knows(t, bin, path, args)
			})
		}
		checkVariables(t, path, string(data))
	}
	for path, line := range map[string]*regexp.Regexp{
		"../deploy/gatewatch.service": regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/gatewatch (.*)$`),
		"../Dockerfile":               regexp.MustCompile(`(?m)^CMD \[(.*)\]$`),
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := line.FindSubmatch(data)
		if m == nil {
			t.Errorf("%s has no command line", path)
			continue
		}
		commands++
		knows(t, bin, path, strings.Fields(strings.NewReplacer(`"`, "", ",", " ").Replace(string(m[1]))))
		checkVariables(t, path, string(data))
	}
	if commands != 5 {
		t.Errorf("%d command lines were looked at, want 5", commands)
	}
}

// eachCommand finds the containers' command lines in a document.
func eachCommand(node any, fn func(args []string)) {
	switch n := node.(type) {
	case map[string]any:
		for key, value := range n {
			list, ok := value.([]any)
			if !ok || key != "args" && key != "command" {
				eachCommand(value, fn)
				continue
			}
			args := make([]string, len(list))
			for i, a := range list {
				args[i], _ = a.(string)
			}
			fn(args)
		}
	case []any:
		for _, item := range n {
			eachCommand(item, fn)
		}
	}
}

// knows asks for help behind the arguments: an unknown command or flag before it is a fault.
func knows(t *testing.T, bin, path string, args []string) {
	t.Helper()
	cmd := exec.Command(bin, append(args, "--help")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: gatewatch %s: %v\n%.300s", path, strings.Join(args, " "), err, out)
	}
	flags, err := exec.Command(bin, append(commandOf(args), "--help")...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	for _, a := range args {
		if strings.HasPrefix(a, "--") && !strings.Contains(string(flags), a+"=") {
			t.Errorf("%s: gatewatch %s has no %s", path, strings.Join(commandOf(args), " "), a)
		}
	}
}

// commandOf is the words before the first flag.
func commandOf(args []string) []string {
	for i, a := range args {
		if strings.HasPrefix(a, "-") {
			return args[:i:i]
		}
	}
	return args[:len(args):len(args)]
}

var variable = regexp.MustCompile(`\bGATEWATCH_[A-Z_]+`)

func checkVariables(t *testing.T, path, text string) {
	t.Helper()
	var environ []string
	for _, name := range variable.FindAllString(text, -1) {
		environ = append(environ, name+"=x")
	}
	if stray := StrayVariables("", environ, []string{"GATEWATCH_KEY"}); len(stray) > 0 {
		t.Errorf("%s sets %q, which are no settings", path, stray)
	}
}

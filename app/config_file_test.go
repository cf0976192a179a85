package app

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gatewatch/gatewatch/baseline"
)

const configFile = "../deploy/gatewatch.yaml"

// commented is a setting that is off: a # and then no space, or two.
var commented = regexp.MustCompile(`(?m)^#(\S|  )`)

// TestConfigurationFileIsTheDefaults loads the file as it is shipped: it changes nothing.
func TestConfigurationFileIsTheDefaults(t *testing.T) {
	c, err := LoadConfig(configFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Baseline.Hash(), (baseline.Config{}).Hash(); got != want {
		t.Errorf("the baseline section is not the defaults: %+v", c.Baseline)
	}
	none := Config{}.WithDefaults()
	if c.DataDir != none.DataDir || c.Listen != none.Listen || len(c.Sources) != 0 || c.TLS != none.TLS || c.Store.DSN != "" || c.Engine.Reader.Listen != "" {
		t.Errorf("not the defaults: %+v", c)
	}
}

// TestConfigurationFileShowsEveryKey takes the # off the examples and finds every key of Config.
func TestConfigurationFileShowsEveryKey(t *testing.T) {
	data, err := os.ReadFile(configFile)
	if err != nil {
		t.Fatal(err)
	}
	whole := commented.ReplaceAllString(string(data), "$1")
	path := filepath.Join(t.TempDir(), "gatewatch.yaml")
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(path, nil); err != nil {
		t.Fatalf("with its examples: %v", err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(whole), &root); err != nil {
		t.Fatal(err)
	}
	n := 0
	checkKeys(t, root.Content[0], reflect.TypeFor[Config](), "", &n)
	if n < 60 {
		t.Errorf("%d keys were looked for: the walk misses some", n)
	}
}

// checkKeys reports the keys of type ty that the mapping lacks.
func checkKeys(t *testing.T, node *yaml.Node, ty reflect.Type, key string, n *int) {
	t.Helper()
	if ty.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode && ty.Elem().Kind() == reflect.Struct {
		if len(node.Content) == 0 {
			t.Errorf("%s: want an example", key)
			return
		}
		checkKeys(t, node.Content[0], ty.Elem(), key+"[]", n)
		return
	}
	if ty.Kind() != reflect.Struct || decodesItself(ty) {
		return
	}
	there := map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		there[node.Content[i].Value] = node.Content[i+1]
	}
	for name, field := range yamlFields(ty) {
		*n++
		full := strings.TrimPrefix(key+"."+name, ".")
		if value, ok := there[name]; ok {
			checkKeys(t, value, field, full, n)
		} else {
			t.Errorf("deploy/gatewatch.yaml does not show %s", full)
		}
	}
}

var fencedYAML = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestNotificationsPageLoads loads the examples of docs/notifications.md.
func TestNotificationsPageLoads(t *testing.T) {
	page, err := os.ReadFile("../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PAGERDUTY_KEY", "R0123456789")
	secret := filepath.Join(t.TempDir(), "slack-url")
	if err := os.WriteFile(secret, []byte("https://hooks.example.com/services/T0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	examples := fencedYAML.FindAllSubmatch(page, -1)
	if len(examples) < 3 {
		t.Fatalf("the page has %d examples", len(examples))
	}
	for _, m := range examples {
		path := filepath.Join(t.TempDir(), "gatewatch.yaml")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(m[1]), "/etc/gatewatch/slack-url", secret)), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := LoadConfig(path, nil); err != nil || len(c.Notifications.Channels) == 0 {
			t.Errorf("%v in:\n%s", err, m[1])
		}
	}
}

// TestConfigurationPageLoads loads the examples of docs/configuration.md.
func TestConfigurationPageLoads(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := fencedYAML.FindAllSubmatch(page, -1)
	if len(examples) == 0 {
		t.Fatal("the page has no example")
	}
	for _, m := range examples {
		path := filepath.Join(t.TempDir(), "gatewatch.yaml")
		if err := os.WriteFile(path, m[1], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadConfig(path, []string{"GATEWATCH_SOURCES=[{files: [/var/log/nginx/*.log], service: shop}]", "GATEWATCH_BASELINE_MIN_DAYS=5"}); err != nil {
			t.Errorf("%v in:\n%s", err, m[1])
		}
	}
}

// TestEmptySections: a section whose keys are all commented out is none, and the environment may still fill it.
func TestEmptySections(t *testing.T) {
	c, err := LoadConfig(file(t, "gatewatch.yaml", "sources:\nlisten:\nengine:\n#  threads: 1\n"), []string{"GATEWATCH_ENGINE_THREADS=3"})
	if err != nil || c.Engine.Threads != 3 || len(c.Sources) != 0 || c.Listen != "" {
		t.Errorf("threads %d, sources %v, listen %q, %v", c.Engine.Threads, c.Sources, c.Listen, err)
	}
	for _, text := range []string{"", "# nothing\n", "---\n"} {
		if _, err := LoadConfig(file(t, "gatewatch.yaml", text), nil); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestStrayVariables(t *testing.T) {
	path := file(t, "gatewatch.yaml", "notifications: {channels: [{name: a, type: slack, url: env:GATEWATCH_SLACK}]}\n")
	got := StrayVariables(path, []string{
		"GATEWATCH_STORE_DNS=clickhouse://h", "GATEWATCH_LISTN=x", // misspelt
		"GATEWATCH_STORE_DSN=clickhouse://h", "GATEWATCH_SOURCES=[]", "GATEWATCH_LOG_LEVEL=debug", "GATEWATCH_ENGINE_LIBRARY=/lib", "PATH=/bin",
		"GATEWATCH_SLACK=https://hooks.example.com/", // named by the file
		"GATEWATCH_SERVICE_HOST=10.0.0.1", "GATEWATCH_SERVICE_PORT_HTTP=8642", "GATEWATCH_PORT=tcp://10.0.0.1:8642", "GATEWATCH_PORT_8642_TCP_ADDR=10.0.0.1",
	}, []string{"GATEWATCH_LOG_LEVEL"})
	if want := []string{"GATEWATCH_LISTN", "GATEWATCH_STORE_DNS"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

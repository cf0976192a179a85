package app

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
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

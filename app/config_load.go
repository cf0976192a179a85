package app

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EnvPrefix begins the name of every environment variable of Gatewatch.
const EnvPrefix = "GATEWATCH_"

// LoadConfig reads the configuration: the file at path (none when empty), then the environment, whose variables win:
// store.dsn is GATEWATCH_STORE_DSN, and a list or section is given in YAML's flow form. Every fault is reported at
// once, with its key, its value and what is accepted.
func LoadConfig(path string, environ []string) (Config, error) {
	var root yaml.Node
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("read configuration: %w", err)
		}
		if err := yaml.Unmarshal(data, &root); err != nil {
			return Config{}, fmt.Errorf("configuration %s: %w", path, err)
		}
	}
	if root.Kind == 0 || len(root.Content) == 0 {
		root = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}}
	}
	overlayFaults := overlayEnv(root.Content[0], environ)
	var c Config
	decodeFaults := decodeStrict(&root, path, &c)
	faults := append(overlayFaults, decodeFaults...)
	if len(decodeFaults) == 0 {
		faults = append(faults, c.Validate()...)
	}
	return c, errors.Join(faults...)
}

// decodeStrict decodes the whole tree into c; unknown keys and wrong types are faults that name file, line and key.
func decodeStrict(root *yaml.Node, path string, c *Config) []error {
	faults := unknownKeys(root.Content[0], reflect.TypeOf(*c), "", path)
	err := root.Decode(c)
	var typeErr *yaml.TypeError
	switch {
	case errors.As(err, &typeErr):
		for _, e := range typeErr.Errors {
			faults = append(faults, fmt.Errorf("%s: %s", origin(path), e))
		}
	case err != nil:
		faults = append(faults, fmt.Errorf("%s: %w", origin(path), err))
	}
	return faults
}

func origin(path string) string {
	if path == "" {
		return "the environment"
	}
	return path
}

var durationType = reflect.TypeFor[interface{ Nanoseconds() int64 }]()

// unknownKeys walks the tree beside the type, so that a fault names the full key, the line and the nearest known key.
func unknownKeys(node *yaml.Node, t reflect.Type, key, file string) (faults []error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode {
		for i, item := range node.Content {
			faults = append(faults, unknownKeys(item, t.Elem(), key+"["+strconv.Itoa(i)+"]", file)...)
		}
		return faults
	}
	if t.Kind() != reflect.Struct || node.Kind != yaml.MappingNode || decodesItself(t) {
		return nil
	}
	fields := yamlFields(t)
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		full := strings.TrimPrefix(key+"."+name.Value, ".")
		field, known := fields[name.Value]
		if !known {
			where := origin(file)
			if name.Line > 0 {
				where += ":" + strconv.Itoa(name.Line)
			}
			faults = append(faults, fmt.Errorf("%s: unknown key %q; known here: %s", where, full, strings.Join(sortedKeys(fields), ", ")))
			continue
		}
		faults = append(faults, unknownKeys(value, field, full, file)...)
	}
	return faults
}

func decodesItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]()) || t.Implements(durationType)
}

// yamlFields returns the keys of a struct and their types; embedded structs marked inline are part of it.
func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case strings.Contains(opts, "inline"):
			for k, v := range yamlFields(f.Type) {
				fields[k] = v
			}
		case name == "":
			fields[strings.ToLower(f.Name)] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	return fields
}

func sortedKeys(m map[string]reflect.Type) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

var envName = regexp.MustCompile(`[^A-Z0-9]+`)

// overlayEnv puts the environment's values into the tree. A variable that is no key of the configuration is left to
// the command line, which has names of its own there.
func overlayEnv(root *yaml.Node, environ []string) (faults []error) {
	keys := map[string][]string{}
	envKeys(reflect.TypeFor[Config](), nil, keys)
	for _, pair := range environ {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || !strings.HasPrefix(name, EnvPrefix) || value == "" {
			continue
		}
		path, ok := keys[name]
		if !ok {
			continue
		}
		node, err := envValue(value)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: not a YAML value: %w", name, err))
			continue
		}
		set(root, path, node)
	}
	return faults
}

// envKeys maps the variable's name to the key's path, for every leaf and every section.
func envKeys(t reflect.Type, path []string, into map[string][]string) {
	if len(path) > 0 {
		into[EnvPrefix+envName.ReplaceAllString(strings.ToUpper(strings.Join(path, "_")), "_")] = path
	}
	if t.Kind() != reflect.Struct || decodesItself(t) {
		return
	}
	for name, field := range yamlFields(t) {
		envKeys(field, append(path[:len(path):len(path)], name), into)
	}
}

// envValue reads a value: a flow list or mapping as YAML, all else as a plain scalar, whatever characters it holds.
func envValue(value string) (*yaml.Node, error) {
	if strings.HasPrefix(value, "[") || strings.HasPrefix(value, "{") {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(value), &doc); err != nil {
			return nil, err
		}
		return doc.Content[0], nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: value}, nil
}

func set(node *yaml.Node, path []string, value *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != path[0] {
			continue
		}
		if len(path) == 1 {
			node.Content[i+1] = value
			return
		}
		if node.Content[i+1].Kind == yaml.MappingNode {
			set(node.Content[i+1], path[1:], value)
			return
		}
	}
	for i := len(path) - 1; i > 0; i-- {
		value = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: path[i]}, value}}
	}
	node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: path[0]}, value)
}

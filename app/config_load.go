package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
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
		if err := oneDocument(data, &root); err != nil {
			return Config{}, fmt.Errorf("configuration %s: %w", path, err)
		}
	}
	if root.Kind == 0 || len(root.Content) == 0 {
		root = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}}
	}
	faults := overlayEnv(root.Content[0], environ)
	var c Config
	unknown, broken := checkTree(root.Content[0], reflect.TypeFor[Config](), "", path)
	faults = append(faults, unknown...)
	for _, b := range broken {
		faults = append(faults, b.fault)
	}
	if err := root.Decode(&c); err != nil {
		return c, errors.Join(append(faults, fmt.Errorf("%s: %w", origin(path), err))...)
	}
	for _, fault := range c.Validate() {
		if !slices.ContainsFunc(broken, func(b brokenValue) bool { return b.explains(fault) }) {
			faults = append(faults, fault)
		}
	}
	return c, errors.Join(faults...)
}

// oneDocument reads the only YAML document that there may be: what stands behind a line of --- would be passed over.
func oneDocument(data []byte, root *yaml.Node) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil // nothing but comments
		}
		return err
	}
	var more yaml.Node
	switch err := d.Decode(&more); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("line %d: a second document begins; want one", more.Line)
}

// brokenValue is a value of the wrong kind. It is taken out of the tree, so that the others are looked at as well.
type brokenValue struct {
	key   string
	fault error
}

// explains says whether the fault is only that the broken value is not there.
func (b brokenValue) explains(fault error) bool {
	rest, ok := strings.CutPrefix(fault.Error(), b.key)
	return ok && (rest == "" || !wordRune.MatchString(rest[:1]))
}

var wordRune = regexp.MustCompile(`\w`)

func origin(path string) string {
	if path == "" {
		return "the environment"
	}
	return path
}

var durationType = reflect.TypeFor[interface{ Nanoseconds() int64 }]()

// checkTree walks the tree beside the type, so that a fault names file, line and full key: unknown keys with those that
// are known in their place, and values of the wrong kind with what is wanted.
func checkTree(node *yaml.Node, t reflect.Type, key, file string) (unknown []error, broken []brokenValue) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	gather := func(node *yaml.Node, t reflect.Type, key string) {
		u, b := checkTree(node, t, key, file)
		unknown, broken = append(unknown, u...), append(broken, b...)
	}
	switch {
	case t.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode:
		for i, item := range node.Content {
			gather(item, t.Elem(), key+"["+strconv.Itoa(i)+"]")
		}
		return unknown, broken
	case t.Kind() != reflect.Struct || node.Kind != yaml.MappingNode || decodesItself(t):
		if err := node.Decode(reflect.New(t).Interface()); err != nil {
			broken = append(broken, brokenValue{key, wrongValue(node, t, key, file, err)})
			*node = yaml.Node{Kind: yaml.ScalarNode, Tag: nullTag}
		}
		return unknown, broken
	}
	fields := yamlFields(t)
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		full := strings.TrimPrefix(key+"."+name.Value, ".")
		field, known := fields[name.Value]
		if !known {
			unknown = append(unknown, fmt.Errorf("%s: unknown key %q; known here: %s", place(file, name), full, strings.Join(sortedKeys(fields), ", ")))
			continue
		}
		gather(value, field, full)
	}
	return unknown, broken
}

func place(file string, node *yaml.Node) string {
	if node.Line == 0 {
		return origin("")
	}
	return origin(file) + ":" + strconv.Itoa(node.Line)
}

// wrongValue says what a key wants. The errors of types that decode themselves say it on their own.
func wrongValue(node *yaml.Node, t reflect.Type, key, file string, err error) error {
	where := place(file, node)
	if key != "" { // else it is the whole file
		where += ": " + key
	}
	if own := (*yaml.TypeError)(nil); !errors.As(err, &own) {
		return fmt.Errorf("%s: %w", where, err)
	}
	want := "a list"
	switch t.Kind() {
	case reflect.Bool:
		want = "true or false"
	case reflect.Float32, reflect.Float64:
		want = "a number"
	case reflect.String:
		want = "text"
	case reflect.Struct, reflect.Map:
		want = "a section of keys"
	case reflect.Slice:
	default:
		want = "a whole number"
		if t.Implements(durationType) {
			want = "a duration such as 90s or 24h"
		}
	}
	return fmt.Errorf("%s: %s: want %s", where, shown(node), want)
}

// shown is a value as a fault quotes it.
func shown(node *yaml.Node) string {
	switch node.Kind {
	case yaml.ScalarNode:
		return strconv.Quote(node.Value)
	case yaml.SequenceNode:
		return "a list"
	}
	return "a section"
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

const nullTag = "!!null"

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
		section := node.Content[i+1]
		if section.Tag == nullTag { // a section whose keys are all left out
			*section = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		}
		if section.Kind == yaml.MappingNode {
			set(section, path[1:], value)
		}
		return // a section of another kind is a fault of its own
	}
	for i := len(path) - 1; i > 0; i-- {
		value = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: path[i]}, value}}
	}
	node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: path[0]}, value)
}

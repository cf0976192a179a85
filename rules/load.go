package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxRuleFile bounds a rule file; larger ones are a fault.
const maxRuleFile = 4 << 20

// Options are what rules may refer to.
type Options struct {
	// Placeholders are the lists that the modifier expand puts in place of %name%.
	Placeholders map[string][]string
}

// Load reads every .yml and .yaml file of fsys, at any depth, and compiles all rules together. When anything is wrong
// it returns Faults: all of them at once, each with file, line and key. Sets that are layered (the built-in pack, then
// a directory of one's own) are loaded with LoadAll, where a rule of a later layer replaces one of the same id.
func Load(fsys fs.FS, opts Options) (*Set, error) {
	return LoadAll(opts, fsys)
}

// LoadAll loads several layers; see Load.
func LoadAll(opts Options, layers ...fs.FS) (*Set, error) {
	l := &loader{opts: opts, leftOut: map[string]string{}}
	for i, fsys := range layers {
		l.layer = i
		if err := l.readAll(fsys); err != nil {
			return nil, err
		}
	}
	set := l.compile()
	if len(l.faults) > 0 {
		return nil, l.faults.sorted()
	}
	return set, nil
}

// loader gathers rules and faults.
type loader struct {
	opts     Options
	layer    int
	file     string
	rules    []*draft
	filters  []*draft
	leftOut  map[string]string // by name and id: rules that cannot work on access logs, and why
	lists    map[string]placeholders
	faults   Faults
	warnings Faults
}

// draft is a rule while it is being loaded.
type draft struct {
	Rule
	layer       int
	detection   *yaml.Node
	correlation *yaml.Node
	filter      *yaml.Node
	node        *yaml.Node
}

// LoadText loads rules from a text over the built-in pack; name stands for the text in faults.
func LoadText(opts Options, name, text string) (*Set, error) {
	l := &loader{opts: opts, leftOut: map[string]string{}}
	if err := l.readAll(builtinFiles); err != nil {
		return nil, err
	}
	l.layer = 1
	l.readFile(name, []byte(text))
	set := l.compile()
	if len(l.faults) > 0 {
		return nil, l.faults.sorted()
	}
	return set, nil
}

func (l *loader) readAll(fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read rules: %w", err)
		}
		if ext := path.Ext(name); d.IsDir() || ext != ".yml" && ext != ".yaml" {
			return nil
		}
		f, err := fsys.Open(name)
		if err != nil {
			return fmt.Errorf("read rules: %w", err)
		}
		defer func() { _ = f.Close() }() // read only
		data, err := io.ReadAll(io.LimitReader(f, maxRuleFile+1))
		if err != nil {
			return fmt.Errorf("read rules: %s: %w", name, err)
		}
		l.readFile(name, data)
		return nil
	})
}

// readFile reads the documents of one file. A collection in the old style gives the keys of one document (action: global)
// to those after it, or those of a document to the next (action: repeat).
func (l *loader) readFile(name string, data []byte) {
	l.file = name
	if len(data) > maxRuleFile {
		l.fault(nil, "", "larger than %d bytes", maxRuleFile)
		return
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var global, former *yaml.Node
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			l.fault(nil, "", "%v", err)
			return
		}
		if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
			continue
		}
		n := doc.Content[0]
		if n.Kind != yaml.MappingNode {
			l.fault(n, "", "want a mapping of rule keys, found %s", nodeWord(n))
			continue
		}
		switch action, _ := child(n, "action"); {
		case action == nil:
		case action.Value == "global":
			global = n
			continue
		case action.Value == "reset":
			global = nil
			continue
		case action.Value != "repeat":
			l.fault(action, "action", "%q: want global, reset or repeat", action.Value)
		}
		if action, _ := child(n, "action"); action != nil && action.Value == "repeat" && former != nil {
			n = merge(former, n)
		} else if global != nil {
			n = merge(global, n)
		}
		former = n
		l.readDocument(n)
	}
}

// readDocument reads one document, which may hold lists instead of a rule, and which an aggregation makes two rules of.
func (l *loader) readDocument(n *yaml.Node) {
	if lists, _ := child(n, "placeholders"); lists != nil && len(n.Content) == 2 {
		l.readPlaceholders(lists)
		return
	}
	docs, reason := unaggregated(n)
	if reason != "" {
		d := &draft{layer: l.layer, node: n}
		d.File, d.Line, d.ID = l.file, n.Line, documentID(n)
		l.leaveOut(d, reason)
		return
	}
	for _, doc := range docs {
		l.readRule(doc)
	}
}

// readRule reads one document's keys; detections and correlations are compiled when all rules are known.
func (l *loader) readRule(n *yaml.Node) {
	d := &draft{layer: l.layer, node: n}
	d.File, d.Line = l.file, n.Line
	l.eachKey(n, "", func(key string, k, v *yaml.Node) {
		read, ok := ruleKeys[key]
		if !ok {
			l.fault(k, key, "unknown key")
			return
		}
		read(l, d, key, v)
	})
	if d.Title == "" {
		l.fault(n, "title", "missing")
	}
	if d.ID == "" {
		if d.ID = d.UUID; d.ID == "" {
			d.ID = slug(d.Title)
		}
	}
	kinds := 0
	for _, k := range []*yaml.Node{d.detection, d.correlation, d.filter} {
		if k != nil {
			kinds++
		}
	}
	if kinds != 1 {
		l.fault(n, "detection", "a rule has exactly one of detection, correlation and filter, this has %d", kinds)
		return
	}
	if source, _ := child(n, "logsource"); d.detection != nil || d.filter != nil && source != nil {
		if why := l.foreign(d); why != "" {
			l.leaveOut(d, why)
			return
		}
	}
	d.setDefaults()
	if d.filter != nil {
		l.filters = append(l.filters, d)
		return
	}
	l.addRule(d)
}

// addRule adds a rule, replacing one of an earlier layer with the same id.
func (l *loader) addRule(d *draft) {
	for i, old := range l.rules {
		if old.ID != d.ID {
			continue
		}
		if old.layer == d.layer {
			l.fault(d.node, "name", "%q is already the id of the rule at %s:%d", d.ID, old.File, old.Line)
			return
		}
		l.rules[i] = d
		return
	}
	l.rules = append(l.rules, d)
}

// leaveOut keeps a rule out that cannot work on access logs, and says so: a folder of published rules has some.
func (l *loader) leaveOut(d *draft, why string) {
	n := d.node
	if source, _ := child(n, "logsource"); source != nil {
		n = source
	}
	l.warn(d, n, "logsource", "left out: %s", why)
	l.leftOut[d.ID] = why
	if d.UUID != "" {
		l.leftOut[d.UUID] = why
	}
}

// leaveOutDependents leaves out the correlations over rules that were left out, and those over these.
func (l *loader) leaveOutDependents() {
	known := map[string]bool{}
	for _, d := range l.rules {
		known[d.ID], known[d.UUID] = true, true
	}
	for found := true; found; {
		found = false
		l.rules = slices.DeleteFunc(l.rules, func(d *draft) bool {
			list, missing := d.leftOutBase(l.leftOut, known)
			if missing == "" {
				return false
			}
			found = true
			why := fmt.Sprintf("it stands on %q, which was left out", missing)
			l.warn(d, list, "correlation.rules", "left out: %s", why)
			known[d.ID], known[d.UUID] = false, false
			l.leftOut[d.ID] = why
			if d.UUID != "" {
				l.leftOut[d.UUID] = why
			}
			return true
		})
	}
}

// leftOutBase is the first of the correlation's rules that was left out; empty when there is none.
func (d *draft) leftOutBase(leftOut map[string]string, known map[string]bool) (list *yaml.Node, name string) {
	if d.correlation == nil || d.correlation.Kind != yaml.MappingNode {
		return nil, ""
	}
	if list, _ = child(d.correlation, "rules"); list == nil {
		return nil, ""
	}
	for _, item := range append([]*yaml.Node{list}, list.Content...) {
		if _, out := leftOut[resolved(item).Value]; out && !known[resolved(item).Value] {
			return list, resolved(item).Value
		}
	}
	return nil, ""
}

// accessLogs are the products whose access logs Sigma rules name by product and service, without a category.
var accessLogs = map[string]bool{"apache": true, "nginx": true, "iis": true, "traefik": true, "caddy": true, "haproxy": true, "envoy": true}

// foreign says why the rule's log source is none that access logs are; empty when it is one.
func (l *loader) foreign(d *draft) string {
	n, _ := child(d.node, "logsource")
	if n == nil {
		l.fault(d.node, "logsource", "missing: a rule over access logs has category webserver or proxy")
		return ""
	}
	part := func(key string) string {
		if v, _ := child(n, key); v != nil {
			return strings.ToLower(v.Value)
		}
		return ""
	}
	category, product, service := part("category"), part("product"), part("service")
	switch {
	case strings.Contains(service, "error"):
		return fmt.Sprintf("it asks for an error log (service %s), Gatewatch reads access logs", service)
	case category == "webserver" || category == "proxy":
		return ""
	case category == "" && accessLogs[product] && (service == "" || strings.Contains(service, "access") || service == product):
		return ""
	}
	return fmt.Sprintf("it cannot work on access logs (category %q, product %q, service %q): want category webserver or proxy",
		category, product, service)
}

// eachKey calls f for the pairs of a mapping; keys that come twice are faults.
func (l *loader) eachKey(n *yaml.Node, at string, f func(key string, k, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		l.fault(n, at, "want a mapping, found %s", nodeWord(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], resolved(n.Content[i+1])
		if seen[k.Value] {
			l.fault(k, join(at, k.Value), "the key is there twice")
			continue
		}
		seen[k.Value] = true
		f(k.Value, k, v)
	}
}

func (l *loader) fault(n *yaml.Node, key, format string, args ...any) {
	f := Fault{File: l.file, Key: key, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		f.Line = n.Line
	}
	l.faults = append(l.faults, f)
}

func (l *loader) warn(d *draft, n *yaml.Node, key, format string, args ...any) {
	l.warnings = append(l.warnings, Fault{
		File: d.File, Line: n.Line, Key: key, Rule: d.ID, Message: fmt.Sprintf(format, args...),
	})
}

func child(n *yaml.Node, key string) (value, keyNode *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolved(n.Content[i+1]), n.Content[i]
		}
	}
	return nil, nil
}

// resolved follows a YAML alias.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// merge lays the keys of over on top of base; mappings (detection, logsource) are merged one level deep.
func merge(base, over *yaml.Node) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode, Line: over.Line}
	for i := 0; i+1 < len(base.Content); i += 2 {
		k, v := base.Content[i], base.Content[i+1]
		if o, _ := child(over, k.Value); o != nil && o.Kind == yaml.MappingNode && v.Kind == yaml.MappingNode {
			v = merge(v, o)
		} else if o != nil {
			v = o
		}
		if k.Value != "action" {
			out.Content = append(out.Content, k, v)
		}
	}
	for i := 0; i+1 < len(over.Content); i += 2 {
		if v, _ := child(base, over.Content[i].Value); v == nil && over.Content[i].Value != "action" {
			out.Content = append(out.Content, over.Content[i], over.Content[i+1])
		}
	}
	return out
}

func nodeWord(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", n.Value)
}

func join(parts ...string) string {
	parts = slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return s == "" })
	return strings.Join(parts, ".")
}

// slug makes an id of a title.
func slug(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.TrimRight(b.String(), "-")
}

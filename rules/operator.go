package rules

import (
	"net/netip"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// textTest is a comparison of one form of a text field. It is shared by goroutines.
type textTest interface {
	// match reports whether the form satisfies the comparison.
	match(v *view) bool
	// need returns lists of literals in lower case: of each list at least one stands in every text that matches,
	// compared without regard to ASCII case. The list that picks the fewest texts comes first; nil when there is none.
	need() [][]string
}

// eventTest is a comparison that reads the event itself rather than a text.
type eventTest interface {
	matchEvent(ev *event.Event) bool
}

// anyEqual matches a text that is one of several. Arguments: the texts, in lower case unless cased.
type anyEqual struct {
	texts map[string]bool
	cased bool
}

func (t *anyEqual) match(v *view) bool { return t.texts[form(v, t.cased)] }

func (t *anyEqual) need() [][]string {
	lits := make([]string, 0, len(t.texts))
	for s := range t.texts {
		lits = append(lits, s)
	}
	return oneList(lits)
}

// anyPrefix matches a text that begins with one of several. Example: path|startswith: [/admin, /manager].
type anyPrefix struct {
	byFirst [256][]string
	cased   bool
}

func (t *anyPrefix) match(v *view) bool {
	s := form(v, t.cased)
	if s == "" {
		return false
	}
	for _, p := range t.byFirst[s[0]] {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func (t *anyPrefix) need() [][]string { return oneList(slices.Concat(t.byFirst[:]...)) }

// anySuffix matches a text that ends with one of several. Example: path|endswith: [.bak, .old].
type anySuffix struct {
	byLast [256][]string
	cased  bool
}

func (t *anySuffix) match(v *view) bool {
	s := form(v, t.cased)
	if s == "" {
		return false
	}
	for _, p := range t.byLast[s[len(s)-1]] {
		if strings.HasSuffix(s, p) {
			return true
		}
	}
	return false
}

func (t *anySuffix) need() [][]string { return oneList(slices.Concat(t.byLast[:]...)) }

// anyContains matches a text in which one of several stands.
type anyContains struct {
	texts []string
	cased bool
}

func (t *anyContains) match(v *view) bool {
	s := form(v, t.cased)
	for _, p := range t.texts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

func (t *anyContains) need() [][]string { return oneList(t.texts) }

// glob matches a whole text against a pattern with wildcards.
type glob struct {
	p     pattern
	cased bool
}

func (t *glob) match(v *view) bool { return t.p.matchGlob(form(v, t.cased)) }

func (t *glob) need() [][]string {
	longest := ""
	for _, run := range t.p.literalRuns() {
		if len(run) > len(longest) {
			longest = run
		}
	}
	if longest == "" {
		return nil
	}
	return oneList([]string{longest})
}

// expression matches a text in which a regular expression (RE2 syntax) finds something. It is case-sensitive unless
// the flag i says otherwise, as Sigma has it.
type expression struct {
	re    *regexp.Regexp
	lower bool // re is over the text in lower case
	lits  [][]string
}

func newExpression(source string) (*expression, error) {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, err
	}
	lits := requiredLiterals(tree.Simplify())
	slices.SortStableFunc(lits, func(a, b []string) int {
		switch {
		case better(a, b):
			return -1
		case better(b, a):
			return 1
		}
		return 0
	})
	t := &expression{lits: lits[:min(len(lits), maxLists)]}
	if t.lower = lowerCase(tree); t.lower {
		source = tree.String()
	}
	t.re, err = regexp.Compile(source)
	return t, err
}

func (t *expression) match(v *view) bool {
	if t.lower {
		return t.re.MatchString(v.lower)
	}
	return t.re.MatchString(v.text)
}
func (t *expression) need() [][]string { return t.lits }

// network matches an address inside one of several networks. Argument: CIDR notation, or part of an address with *.
type network struct{ nets []netip.Prefix }

func (t *network) matchEvent(ev *event.Event) bool {
	ip := ev.ClientIP.Unmap()
	for _, n := range t.nets {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

// number compares a number field; an absent number matches nothing.
type number struct {
	field fieldID
	op    string // eq, lt, lte, gt, gte
	value float64
}

func (t *number) matchEvent(ev *event.Event) bool {
	v, ok := fieldNumber(ev, t.field)
	if !ok {
		return false
	}
	switch t.op {
	case "lt":
		return v < t.value
	case "lte":
		return v <= t.value
	case "gt":
		return v > t.value
	case "gte":
		return v >= t.value
	}
	return v == t.value
}

// anyNumber matches a number field that is one of several.
type anyNumber struct {
	field  fieldID
	values []float64
}

func (t *anyNumber) matchEvent(ev *event.Event) bool {
	v, ok := fieldNumber(ev, t.field)
	return ok && slices.Contains(t.values, v)
}

// exists matches when the event carries the field (or does not, when want is false).
type exists struct {
	field fieldID
	want  bool
}

func (t *exists) matchEvent(ev *event.Event) bool { return fieldExists(ev, t.field) == t.want }

// reference compares two fields of the event with each other, whole or in part.
type reference struct {
	field, other fieldID
	how          string // "", contains, startswith, endswith
	cased        bool
}

func (t *reference) matchEvent(ev *event.Event) bool {
	a, b := fieldText(ev, t.field), fieldText(ev, t.other)
	if b == "" {
		return false
	}
	if !t.cased {
		a, b = strings.ToLower(a), strings.ToLower(b)
	}
	switch t.how {
	case "contains":
		return strings.Contains(a, b)
	case "startswith":
		return strings.HasPrefix(a, b)
	case "endswith":
		return strings.HasSuffix(a, b)
	}
	return a == b
}

func form(v *view, cased bool) string {
	if cased {
		return v.text
	}
	return v.lower
}

// oneList returns the literals as the only list, or nil if they cannot serve.
func oneList(lits []string) [][]string {
	if lits = lowerAll(lits); lits == nil {
		return nil
	}
	return [][]string{lits}
}

// lowerAll returns the literals in lower case, or nil if one of them cannot serve to pick events.
func lowerAll(lits []string) []string {
	out := make([]string, 0, len(lits))
	for _, l := range lits {
		l = strings.ToLower(l)
		if l == "" || !isASCII(l) {
			return nil
		}
		out = append(out, l)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

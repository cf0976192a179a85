package parsers

import (
	"errors"
	"strings"
)

var (
	errJSON      = errors.New("not valid JSON")
	errJSONDepth = errors.New("JSON nested too deeply")
	// errJSONRecords keeps a line with several records from losing all but one.
	errJSONRecords = errors.New("several records in one line, of which only one could be read")
)

// maxJSONDepth bounds nesting; the deepest format here needs nine levels.
const maxJSONDepth = 32

// jsonNode is what a format expects at one place of a JSON document: a value for a slot, further keys, or both.
type jsonNode struct {
	kids map[string]*jsonNode
	column
	wire    string // the name to keep the value under in event.Wire.Fields
	mark    uint32 // noted when the key is there: formats are told apart by their keys
	lengths uint64 // a bit for each length that a key of kids has: most unknown keys need no look-up
	single  bool   // a list of records, of which a line may hold one
	fold    bool   // keys are looked up in small letters without - and _ when they are not found as they stand
	// A list of objects that are a key and a value each, as OTLP writes attributes and AWS WAF headers; the names of
	// their two members.
	pairKey, pairValue string
}

// child returns the node of a key, which may be a dotted path in one string.
func (n *jsonNode) child(key string) *jsonNode {
	for {
		if n.lengths>>(uint(len(key))&63)&1 != 0 {
			if k := n.kids[key]; k != nil {
				return k
			}
		}
		if n.fold {
			if k := n.folded(key); k != nil {
				return k
			}
		}
		i := strings.IndexByte(key, '.')
		if i <= 0 {
			return nil
		}
		k := n.kids[key[:i]]
		if k == nil {
			return nil
		}
		n, key = k, key[i+1:]
	}
}

// folded looks a key up without regard to case, dashes and underscores.
func (n *jsonNode) folded(key string) *jsonNode {
	var buf [48]byte
	if len(key) > len(buf) {
		return nil
	}
	folded := appendFolded(buf[:0], key)
	if len(folded) == len(key) && string(folded) == key || n.lengths>>(uint(len(folded))&63)&1 == 0 {
		return nil
	}
	return n.kids[string(folded)]
}

func appendFolded(b []byte, key string) []byte {
	for i := 0; i < len(key); i++ {
		c := key[i]
		if c == '_' || c == '-' {
			continue
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// jsonScanner walks one document in a single pass, puts the values that the tree of nodes asks for into a record and
// skips everything else. Values alias the document unless they are escaped.
type jsonScanner struct {
	s     string
	i     int
	rec   *record
	marks uint32
	depth int
}

// scan reads the one object that s must be.
func (j *jsonScanner) scan(s string, root *jsonNode, rec *record) error {
	j.s, j.i, j.rec, j.marks, j.depth = s, 0, rec, 0, 0
	j.blank()
	if j.i >= len(s) || s[j.i] != '{' {
		return &fieldError{what: "not a JSON object"}
	}
	err := j.object(root)
	if err == nil {
		if j.blank(); j.i < len(s) {
			err = errJSON
		}
	}
	if err != nil {
		return &fieldError{what: err.Error() + " at byte " + formatInt(int64(min(j.i, len(s)))), at: j.i}
	}
	return nil
}

func (j *jsonScanner) blank() {
	for j.i < len(j.s) {
		switch j.s[j.i] {
		case ' ', '\t', '\n', '\r':
			j.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is not blank, 0 at the end.
func (j *jsonScanner) peek() byte {
	if j.i < len(j.s) && j.s[j.i] > ' ' {
		return j.s[j.i]
	}
	j.blank()
	if j.i < len(j.s) {
		return j.s[j.i]
	}
	return 0
}

func (j *jsonScanner) object(n *jsonNode) error {
	if j.depth++; j.depth > maxJSONDepth {
		return errJSONDepth
	}
	j.i++ // {
	if j.peek() == '}' {
		j.i++
		j.depth--
		return nil
	}
	for {
		if j.peek() != '"' {
			return errJSON
		}
		key, _, err := j.str()
		if err != nil {
			return err
		}
		if j.peek() != ':' {
			return errJSON
		}
		j.i++
		if k := n.child(key); k != nil {
			err = j.value(k)
		} else {
			err = j.skip()
		}
		if err != nil {
			return err
		}
		switch j.peek() {
		case ',':
			j.i++
		case '}':
			j.i++
			j.depth--
			return nil
		default:
			return errJSON
		}
	}
}

// value reads the value of a place that the format knows.
func (j *jsonScanner) value(n *jsonNode) error {
	j.marks |= n.mark
	switch j.peek() {
	case '{':
		if n.kids != nil {
			return j.object(n)
		}
		return j.skip()
	case '[':
		return j.array(n)
	case '"':
		v, escaped, err := j.str()
		if err == nil {
			j.take(n, v, escaped)
		}
		return err
	case 0:
		return errJSON
	}
	v, err := j.bare()
	if err == nil && v != "null" {
		j.take(n, v, false)
	}
	return err
}

// take puts a scalar where it belongs.
func (j *jsonScanner) take(n *jsonNode, v string, escaped bool) {
	if !n.wanted() {
		return
	}
	if escaped {
		if n.slot == slotRequest {
			// Kept as the log escaped it: fill undoes the escapes when the line is HTTP.
			j.rec.escapedRequest = true
		} else {
			v = unescape(v)
		}
	} else if n.slot == slotRequest {
		j.rec.escapedRequest = false
	}
	if n.slot != slotNone {
		j.rec.put(n.slot, n.unit, n.rank, v)
	}
	if n.wire != "" && v != "" && v != "-" {
		j.rec.keep(n.wire, v)
	}
}

// array reads a list: of pairs, of records, or of scalars (headers with several values). Of scalars the first counts;
// those of X-Forwarded-For are one chain.
func (j *jsonScanner) array(n *jsonNode) error {
	if j.depth++; j.depth > maxJSONDepth {
		return errJSONDepth
	}
	j.i++ // [
	joined, count, records := "", 0, 0
	for {
		var err error
		switch j.peek() {
		case ']':
			j.i++
			j.depth--
			if count > 0 {
				j.take(n, joined, false)
			}
			return nil
		case ',':
			j.i++
		case '{':
			if records++; n.single && records > 1 {
				return errJSONRecords
			}
			err = j.element(n)
		case '"':
			var v string
			var escaped bool
			v, escaped, err = j.str()
			switch {
			case err != nil || count == 16 || !n.wanted():
			case n.slot == slotAction: // the most telling counts
				j.take(n, v, escaped)
			default:
				joined = join(joined, v, escaped, n.slot)
				count++
			}
		case 0:
			err = errJSON
		default:
			err = j.skip()
		}
		if err != nil {
			return err
		}
	}
}

// wanted says whether the value of a place goes anywhere.
func (n *jsonNode) wanted() bool { return n.slot != slotNone || n.wire != "" }

// join adds a further element of a list to what there is.
func join(joined, v string, escaped bool, s slot) string {
	if escaped {
		v = unescape(v)
	}
	switch {
	case joined == "":
		return v
	case s == slotForward:
		return joined + ", " + v
	}
	return joined
}

// element reads an object that is an element of a list.
func (j *jsonScanner) element(n *jsonNode) error {
	switch {
	case n.pairKey != "":
		return j.pair(n)
	case n.kids != nil:
		return j.object(n)
	}
	return j.skip()
}

// pair reads one {"key": …, "value": …} of a list; the members may stand in any order.
func (j *jsonScanner) pair(n *jsonNode) error {
	key, value := "", -1
	if j.depth++; j.depth > maxJSONDepth {
		return errJSONDepth
	}
	j.i++ // {
	for {
		switch j.peek() {
		case ',':
			j.i++
			continue
		case '}':
			j.i++
			j.depth--
			return j.pairAt(n, key, value)
		case '"':
		default:
			return errJSON
		}
		name, _, err := j.str()
		if err != nil {
			return err
		}
		if j.peek() != ':' {
			return errJSON
		}
		j.i++
		if name == n.pairKey && j.peek() == '"' {
			key, _, err = j.str()
		} else {
			if name == n.pairValue {
				value = j.i
			}
			err = j.skip()
		}
		if err != nil {
			return err
		}
	}
}

// pairAt goes back to a pair's value and reads it as that of key.
func (j *jsonScanner) pairAt(n *jsonNode, key string, at int) error {
	k := n.child(key)
	if k == nil || at < 0 {
		return nil
	}
	end := j.i
	j.i = at
	err := j.pairValue(k)
	j.i = end
	return err
}

// pairValue reads a scalar, or an object with one (OTLP's {"stringValue": "GET"}).
func (j *jsonScanner) pairValue(k *jsonNode) error {
	if j.peek() != '{' {
		return j.value(k)
	}
	j.i++
	if j.peek() != '"' {
		return nil
	}
	if _, _, err := j.str(); err != nil {
		return err
	}
	if j.peek() != ':' {
		return errJSON
	}
	j.i++
	if c := j.peek(); c == '{' || c == '[' {
		return nil
	}
	return j.value(k)
}

// str reads a string and returns what stands between its quotes, and whether it holds escapes. Escapes are not
// checked: nginx without escape=json writes \xHH into JSON.
func (j *jsonScanner) str() (v string, escaped bool, err error) {
	j.i++ // "
	start := j.i
	for {
		k := strings.IndexByte(j.s[j.i:], '"')
		if k < 0 {
			return "", false, errJSON
		}
		j.i += k
		if !escapedAt(j.s[start:], j.i-start) {
			v = j.s[start:j.i]
			j.i++
			return v, escaped || strings.IndexByte(v, '\\') >= 0, nil
		}
		escaped = true
		j.i++
	}
}

// bare reads a number, true, false or null.
func (j *jsonScanner) bare() (string, error) {
	start := j.i
	for j.i < len(j.s) {
		c := j.s[j.i]
		if isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-' || c == '+' {
			j.i++
			continue
		}
		break
	}
	if j.i == start {
		return "", errJSON
	}
	return j.s[start:j.i], nil
}

// skip reads over one value.
func (j *jsonScanner) skip() error {
	switch j.peek() {
	case '"':
		_, _, err := j.str()
		return err
	case '{', '[':
	case 0:
		return errJSON
	default:
		_, err := j.bare()
		return err
	}
	for open := 0; j.i < len(j.s); {
		switch j.s[j.i] {
		case '"':
			if _, _, err := j.str(); err != nil {
				return err
			}
			continue
		case '{', '[':
			if open++; j.depth+open > maxJSONDepth {
				return errJSONDepth
			}
		case '}', ']':
			if open--; open == 0 {
				j.i++
				return nil
			}
		}
		j.i++
	}
	return errJSON
}

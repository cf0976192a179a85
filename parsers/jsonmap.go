package parsers

import (
	"fmt"
	"strings"
)

// newJSONMapping makes the parser of a mapping from event fields to dotted paths.
func newJSONMapping(m map[string]string, o Options) (Parser, error) {
	s := jsonSpec{name: "json", columns: make(map[string]column, len(m))}
	var has uint64
	for field, path := range m {
		c, ok := fieldColumns[field]
		if !ok {
			return nil, fmt.Errorf("format: json: %q is not a field; known are %s", field, knownFields())
		}
		if path == "" || strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") || strings.Contains(path, "..") {
			return nil, fmt.Errorf("format: json: %s: %q is not a dotted path", field, path)
		}
		if before, ok := s.columns[path]; ok && before != c {
			return nil, fmt.Errorf("format: json: %s: the path %q is mapped twice", field, path)
		}
		s.columns[path] = c
		has |= 1 << c.slot
	}
	if err := needColumns(has); err != nil {
		return nil, fmt.Errorf("format: json: the mapping %w", err)
	}
	return s.parser(o), nil
}

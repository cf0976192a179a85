package parsers

import "errors"

func newJSONMapping(m map[string]string, o Options) (Parser, error) {
	return nil, errors.New("format: json: not available")
}

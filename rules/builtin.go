package rules

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed builtin/*.yml
var builtinFiles embed.FS

// BuiltinFiles is the built-in pack as files, to be layered under rules of one's own with LoadAll.
func BuiltinFiles() fs.FS { return builtinFiles }

// Builtin loads the built-in pack.
func Builtin() (*Set, error) {
	s, err := Load(builtinFiles, Options{})
	if err != nil {
		return nil, fmt.Errorf("load built-in rules: %w", err)
	}
	return s, nil
}

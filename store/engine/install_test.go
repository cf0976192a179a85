package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fakePackage is a tarball with a library of the given content, and the pins that fit it.
func fakePackage(t *testing.T, content []byte) (string, pins) {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	for name, data := range map[string][]byte{"package/package.json": []byte("{}"), "package/libchdb.so": content} {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "package.tgz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return path, pins{hex.EncodeToString(sum[:]), int64(len(content))}
}

func TestInstall(t *testing.T) {
	content := bytes.Repeat([]byte("library "), 100_000)
	tarball, want := fakePackage(t, content)
	target := filepath.Join(t.TempDir(), "a", "b", "libchdb.so")
	opts := InstallOptions{Tarball: tarball}
	var wg sync.WaitGroup
	for range 4 { // at the same time
		wg.Go(func() {
			if err := installTo(t.Context(), target, opts, want); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := os.ReadFile(target); err != nil || !bytes.Equal(got, content) {
		t.Fatal("the installed library differs", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(target), ".install-*"))
	if err != nil || len(left) > 0 {
		t.Error("left behind:", left, err)
	}
	if err := installTo(t.Context(), target, InstallOptions{Tarball: "/nonexistent"}, want); err != nil {
		t.Error("an installed library was not left alone:", err)
	}
}

func TestInstallRefuses(t *testing.T) {
	tarball, want := fakePackage(t, []byte("library"))
	cut := filepath.Join(t.TempDir(), "cut.tgz")
	b, err := os.ReadFile(tarball)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx     context.Context
		tarball string
		pins    pins
		message string
	}{
		"another checksum": {t.Context(), tarball, pins{strings.Repeat("0", 64), want.size}, "SHA-256"},
		"a longer library": {t.Context(), tarball, pins{want.library, want.size - 1}, "longer"},
		"a cut package":    {t.Context(), cut, want, "unexpected EOF"},
		"no package":       {t.Context(), "/nonexistent", want, "no such file"},
		"cancelled":        {cancelled, tarball, want, "canceled"},
	} {
		target := filepath.Join(t.TempDir(), "libchdb.so")
		err := installTo(c.ctx, target, InstallOptions{Tarball: c.tarball}, c.pins)
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v, want …%s…", name, err, c.message)
		}
		if _, err := os.Stat(target); err == nil {
			t.Errorf("%s: something was installed", name)
		}
	}
}

// TestPinnedLibrary checks the file that this machine runs against the pins, once, since Install itself does not read
// half a gigabyte at every start.
func TestPinnedLibrary(t *testing.T) {
	if os.Getenv(LibraryEnv) != "" {
		t.Skip(LibraryEnv + " points to another library than the pinned one")
	}
	path, err := LibraryPath()
	skipOrFatal(t, err)
	if testing.Short() {
		t.Skip("hashes half a gigabyte: not in -short")
	}
	if !installed(path, releasePins()) {
		t.Fatalf("%s has not the pinned size", path)
	}
	if err := checkFile(path, librarySHA256); err != nil {
		t.Error(err)
	}
}

func TestLibraryPath(t *testing.T) {
	t.Setenv(LibraryEnv, "/nonexistent/libchdb.so")
	if _, err := LibraryPath(); err == nil || !strings.Contains(err.Error(), LibraryEnv) {
		t.Errorf("got %v", err)
	}
	t.Setenv(LibraryEnv, "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if _, err := LibraryPath(); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("got %v, want ErrNotInstalled", err)
	}
}

func TestConfigValidate(t *testing.T) {
	if errs := (Config{}).Validate(); len(errs) > 0 {
		t.Error("the zero value:", errs)
	}
	bad := Config{MemoryLimit: 1, Threads: -1, Sessions: 1, StopTimeout: -1, Reader: ReaderConfig{Listen: "x", Password: "short", MaxExecutionTime: -1}}
	errs := errors.Join(bad.Validate()...)
	for _, key := range []string{"memory_limit", "threads", "sessions", "stop_timeout", "reader.listen", "reader.password", "reader.max_execution_time"} {
		if !strings.Contains(errs.Error(), "engine."+key+": ") {
			t.Errorf("%s is not named in %v", key, errs)
		}
	}
	if strings.Contains(errs.Error(), "short") {
		t.Error("the password is in the message")
	}
}

package web

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestHandler(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
		kind         string
	}{
		{"GET", "/", 200, "text/html"},
		{"HEAD", "/", 200, "text/html"},
		{"GET", "/static/main.js", 200, "text/javascript"},
		{"GET", "/static/style.css", 200, "text/css"},
		{"GET", "/static/icon.svg", 200, "image/svg+xml"},
		{"GET", "/static", 404, ""},
		{"GET", "/static/../web.go", 404, ""},
		{"GET", "/nowhere", 404, ""},
		{"POST", "/", 404, ""},
	} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status || !strings.HasPrefix(w.Header().Get("Content-Type"), c.kind) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, w.Code, w.Header().Get("Content-Type"), c.status, c.kind)
		}
	}
}

func TestHandlerRevalidates(t *testing.T) {
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest("GET", "/static/main.js", nil))
	r := httptest.NewRequest("GET", "/static/main.js", nil)
	r.Header.Set("If-None-Match", w.Header().Get("ETag"))
	w = httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	if w.Code != http.StatusNotModified {
		t.Fatalf("with the ETag: %d, want 304", w.Code)
	}
}

// What the content security policy would refuse, and what would make the console depend on others, is not in the files.
func TestFilesStandAlone(t *testing.T) {
	forbidden := map[string]*regexp.Regexp{
		"inline script":     regexp.MustCompile(`<script(?:\s[^>]*)?>[^<]`),
		"inline handler":    regexp.MustCompile(`\son\w+="`),
		"inline style":      regexp.MustCompile(`\sstyle="|<style`),
		"another origin":    regexp.MustCompile(`(?:src|href|import|from|url)\s*[=(]?\s*["']?https?://`),
		"HTML out of text":  regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write`),
		"lasting storage":   regexp.MustCompile(`localStorage|document\.cookie|indexedDB`),
		"code out of text":  regexp.MustCompile(`\beval\(|new Function\(`),
		"unfinished pieces": regexp.MustCompile(`TODO|FIXME`),
	}
	seen := 0
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := static.ReadFile(name)
		seen++
		for what, pattern := range forbidden {
			if hit := pattern.Find(content); hit != nil {
				t.Errorf("%s: %s: %q", name, what, hit)
			}
		}
		return err
	})
	if err != nil || seen < 8 {
		t.Fatalf("%d files, %v", seen, err)
	}
}

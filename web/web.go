// Package web holds the console: a page of plain HTML, CSS and JavaScript, embedded, that talks to REST with a key of the
// person who uses it. It knows nothing of the server; nothing it loads comes from elsewhere.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var static embed.FS

// Handler serves the console: its page at /, its files under /static/.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		if name == "" {
			name = "static/index.html"
		}
		content, err := static.ReadFile(name)
		if err != nil || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			http.NotFound(w, r)
			return
		}
		sum := sha256.Sum256(content)
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
		w.Header().Set("Cache-Control", "no-cache")
		if strings.HasSuffix(name, ".js") { // a system's own table of types may say otherwise, and nosniff is on
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}

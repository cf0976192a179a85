package route

import (
	"strings"
	"time"
)

// Other is the route of everything that no template describes: unproven paths, garbage, attacks that hit nothing.
const Other = "{other}"

const (
	maxPath  = 2048 // bytes
	maxDepth = 14   // segments
	// maxFolders is how many folders of a static file's path its template keeps; what lies deeper is counted there.
	maxFolders = 3
)

// parts is a path cut into segments. Empty segments are left out, so that //a/ and /a are one path, and so is what
// follows a semicolon in a segment (RFC 3986 section 3.3 leaves such parameters to the application).
type parts struct {
	seg    [maxDepth]string
	n      int
	static string // the extension of a static file, with its dot, else empty
}

// split cuts path; false when it is too long, too deep or not a path.
func split(path string, p *parts) bool {
	if len(path) > maxPath {
		return false
	}
	if len(path) == 0 || path[0] != '/' {
		path = absolute(path)
		if path == "" {
			return false
		}
	}
	p.n = 0
	for len(path) > 0 {
		path = path[1:] // the slash
		end := strings.IndexByte(path, '/')
		if end < 0 {
			end = len(path)
		}
		s := path[:end]
		path = path[end:]
		if i := strings.IndexByte(s, ';'); i >= 0 {
			s = s[:i]
		}
		if s == "" {
			continue
		}
		if p.n == maxDepth {
			return false
		}
		p.seg[p.n] = s
		p.n++
	}
	p.static = ""
	if p.n > 0 {
		p.static = staticExtension(p.seg[p.n-1])
	}
	return true
}

// absolute returns the path of a request target in absolute form (RFC 9112 section 3.2.2), empty when it is none.
func absolute(target string) string {
	i := strings.Index(target, "://")
	if i < 0 || i > 8 {
		return ""
	}
	rest := target[i+3:]
	if j := strings.IndexByte(rest, '/'); j >= 0 {
		return rest[j:]
	}
	return "/"
}

// staticExtensions are the extensions whose files are one template per folder: what a page loads and what is downloaded.
var staticExtensions = map[string]string{
	".js": ".js", ".mjs": ".mjs", ".css": ".css", ".map": ".map", ".wasm": ".wasm", ".scss": ".css",
	".png": ".png", ".jpg": ".jpg", ".jpeg": ".jpg", ".gif": ".gif", ".svg": ".svg", ".svgz": ".svg", ".webp": ".webp",
	".avif": ".avif", ".ico": ".ico", ".bmp": ".bmp", ".tif": ".tif", ".tiff": ".tif",
	".woff": ".woff", ".woff2": ".woff2", ".ttf": ".ttf", ".otf": ".otf", ".eot": ".eot",
	".mp3": ".mp3", ".mp4": ".mp4", ".webm": ".webm", ".ogg": ".ogg", ".wav": ".wav", ".m4a": ".m4a", ".mov": ".mov",
	".avi": ".avi", ".mpg": ".mpg", ".flv": ".flv", ".swf": ".swf", ".m3u8": ".m3u8", ".ts": ".ts", ".vtt": ".vtt",
	".pdf": ".pdf", ".doc": ".doc", ".docx": ".docx", ".xls": ".xls", ".xlsx": ".xlsx", ".ppt": ".ppt", ".pptx": ".pptx",
	".csv": ".csv", ".zip": ".zip", ".gz": ".gz", ".tgz": ".gz", ".bz2": ".bz2", ".xz": ".xz", ".rar": ".rar", ".7z": ".7z",
	".tar": ".tar", ".jar": ".jar", ".deb": ".deb", ".rpm": ".rpm", ".exe": ".exe", ".dmg": ".dmg", ".iso": ".iso", ".apk": ".apk",
}

// staticExtension returns the extension under which seg is a static file (in lower case, spellings merged), else empty.
func staticExtension(seg string) string {
	i := strings.LastIndexByte(seg, '.')
	if i <= 0 || len(seg)-i > 6 || len(seg)-i < 3 {
		return ""
	}
	var low [6]byte
	ext := seg[i:]
	for k := 0; k < len(ext); k++ {
		c := ext[k]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[k] = c
	}
	return staticExtensions[string(low[:len(ext)])]
}

// Shape returns the template that path's shape alone suggests, and the values of its parameters, without learning and
// without having learned: for looking at one request by itself. Names stay as they are, however many there may be.
func Shape(path string) (string, []string) {
	var p parts
	if path == "*" {
		return path, nil
	}
	if !split(path, &p) {
		return Other, nil
	}
	var b strings.Builder
	var ids []string
	n := p.n
	if p.static != "" {
		n = min(n-1, maxFolders)
	}
	for _, s := range p.seg[:n] {
		b.WriteByte('/')
		switch c := classify(s); {
		case c == classJunk || c == classClimb:
			return Other, nil
		case c.isValue():
			b.WriteString(c.paramName())
			ids = append(ids, s)
		default:
			b.WriteString(s)
		}
	}
	switch {
	case p.static != "":
		return b.String() + "/*" + p.static, nil
	case n == 0:
		return "/", nil
	}
	return b.String(), ids
}

// Alone answers with Shape: for requests that are looked at one by one.
type Alone struct{}

// Template returns what Shape returns, whoever asks and whatever the answer was.
func (Alone) Template(_, _, path string, _ int, _ time.Time) (string, []string) { return Shape(path) }

package send

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Secret is a value that nobody but its receiver may see: "env:NAME" (an environment variable), "file:PATH" (a file's
// content, read whenever it is needed, so that it can be renewed) or the value itself. It prints as "[secret]".
type Secret string

const (
	fromEnv  = "env:"
	fromFile = "file:"
	hidden   = "[secret]"
)

// maxSecret bounds a secret file, in bytes.
const maxSecret = 16 << 10

// Reveal returns the value. Errors name the variable or the file, never the value.
func (s Secret) Reveal() (string, error) {
	text := string(s)
	if name, ok := strings.CutPrefix(text, fromEnv); ok {
		v, set := os.LookupEnv(name)
		if !set || strings.TrimSpace(v) == "" {
			return "", fmt.Errorf("the environment has no %s", name)
		}
		return strings.TrimSpace(v), nil
	}
	path, ok := strings.CutPrefix(text, fromFile)
	if !ok {
		return text, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecret {
		return "", fmt.Errorf("%s: want a file of at most %d bytes", path, maxSecret)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	v := strings.TrimSpace(string(b))
	if v == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return v, nil
}

// String hides the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the value.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the value as it is.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = Secret(b)
	return nil
}

// leaks replaces the secrets in an error's text, should a receiver or a library have repeated one.
func leaks(text string, secrets ...string) string {
	for _, s := range secrets {
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, hidden)
		}
	}
	return text
}

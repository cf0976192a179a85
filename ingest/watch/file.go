package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/renameio/v2"
)

// saved is what the file holds.
type saved struct {
	At      time.Time          `json:"at"`
	Watched *minutes           `json:"watched"`
	Sources map[string]*source `json:"sources"`
}

// Save writes the habits to a file, whole or not at all.
func (w *Watch) Save(path string) error {
	b, err := json.Marshal(saved{At: time.Unix(w.last*60, 0).UTC(), Watched: &w.watched, Sources: w.sources})
	if err != nil {
		return fmt.Errorf("save the habits of sources: %w", err)
	}
	if err := renameio.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("save the habits of sources: %w", err)
	}
	return nil
}

// Load reads the habits that Save wrote. No file is no error; one that cannot be read is, and leaves w as it was.
func (w *Watch) Load(path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load the habits of sources: %w", err)
	}
	s := saved{Watched: &minutes{}}
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("load the habits of sources: %s: %w", path, err)
	}
	if s.Watched == nil || s.At.After(w.began) {
		return fmt.Errorf("load the habits of sources: %s is of %s, which is yet to come", path, s.At.Format(time.RFC3339))
	}
	w.watched, w.sources = *s.Watched, map[string]*source{}
	for name, src := range s.Sources {
		if src != nil && len(w.sources) < maxSources {
			w.sources[name] = src
		}
	}
	w.last = minuteOf(s.At)
	w.advance(w.began)
	return nil
}

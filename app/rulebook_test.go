package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/event"
	"github.com/gatewatch/gatewatch/rules"
)

const ownRule = "title: Own\nname: own\nlogsource: {category: webserver}\ndetection:\n  sel: {cs-uri-stem: /own}\n  condition: sel\n"

// ownRules are those of the folders without the built-in ones, which take long to load under the race detector.
func ownRules(cfg RulesConfig) (*rules.Set, error) {
	return rules.LoadDirs(rules.Options{}, false, cfg.Dirs...)
}

// TestRuleBookTakesOverChanges: on a hangup and on demand the folders are read again, matching and windows go on with the
// new rules, and rules with faults change nothing.
func TestRuleBookTakesOverChanges(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "own.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(ownRule)
	hangup := make(chan os.Signal, 1)
	book, err := newRuleBook(RulesConfig{Dirs: []string{dir}}, ownRules, discard(), hangup, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	windows := book.Set().NewWindows(rules.WindowOptions{})
	answers := make(chan rules.Reloaded, 100)
	go func() { // the owner of the windows
		for {
			select {
			case r := <-book.windows:
				done := windows.Reload(r.set, nil)
				r.done <- done
				answers <- done
			case <-ctx.Done():
				return
			}
		}
	}()
	signed := func(path string) bool {
		var ev event.Event
		ev.Reset()
		ev.Method, ev.Path, ev.Status = "GET", path, 200
		book.Match(&ev)
		for _, id := range ev.Signatures {
			if id == "own" {
				return true
			}
		}
		return false
	}
	if !signed("/own") || signed("/other") {
		t.Fatal("the folder's rule does not match")
	}

	stopped := make(chan error, 1)
	go func() { stopped <- book.Run(ctx) }()
	before := look([]string{dir})
	write(ownRule + "---\ntitle: Other\nname: other\nlogsource: {category: webserver}\ndetection:\n  sel: {cs-uri-stem: /x}\n  condition: sel\n")
	if look([]string{dir}) == before {
		t.Error("a changed file looks the same")
	}
	hangup <- syscall.SIGHUP
	select {
	case done := <-answers:
		if done.Started != 1 || done.Ended != 0 || done.Kept != 1 {
			t.Errorf("%+v, want one rule begun", done)
		}
	case <-ctx.Done():
		t.Fatal("no reload after a hangup")
	}
	if book.Set().Rule("other") == nil {
		t.Error("the new rule is not there")
	}

	write(ownRule + "colour: red\n")
	var faults rules.Faults
	if _, err := book.Reload(ctx); !errors.As(err, &faults) || book.Set().Rule("other") == nil {
		t.Errorf("%v: want faults, and the former rules", err)
	}
	write("title: Own\nname: own\nlogsource: {category: webserver}\ndetection:\n  sel: {cs-uri-stem: /other}\n  condition: sel\n")
	if done, err := book.Reload(ctx); err != nil || done.Started > 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if signed("/own") || !signed("/other") {
		t.Error("matching goes on with the former rule")
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

package parsers

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sampleOptions make every sample of the table readable.
var sampleOptions = Options{WireFields: []string{"request.host"}}

// describe writes an event and what is beside it for the normaliser as JSON.
func describe(ev *event.Event) string {
	var b strings.Builder
	var out bytes.Buffer
	if err := json.Indent(&out, ev.AppendJSON(nil), "", "  "); err != nil {
		return err.Error()
	}
	b.Write(out.Bytes())
	w := ev.Wire
	for _, f := range []struct{ name, value string }{
		{"forwarded for", w.ForwardedFor}, {"authorization", w.Authorization}, {"cookie", w.Cookie}, {"api key", w.APIKey},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "\n%s: %q", f.name, f.value)
		}
	}
	if w.PeerIP.IsValid() {
		fmt.Fprintf(&b, "\npeer: %s", w.PeerIP)
	}
	if len(w.Fields) > 0 {
		fmt.Fprintf(&b, "\nfields: %v", w.Fields)
	}
	return b.String()
}

// TestGolden compares what each format makes of its samples with testdata/NAME.golden.
func TestGolden(t *testing.T) {
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			p, err := f.New(sampleOptions)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, line := range f.Samples {
				var ev event.Event
				ev.Reset()
				err := p.Parse(line, &ev)
				fmt.Fprintf(&b, "%s\n", line)
				switch {
				case errors.Is(err, ErrNoRequest):
					b.WriteString("no request\n\n")
				case err != nil:
					t.Errorf("%v\n%s", err, line)
				default:
					fmt.Fprintf(&b, "%s\n\n", describe(&ev))
				}
			}
			golden(t, filepath.Join("testdata", f.Name+".golden"), b.String())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if string(want) != got {
		t.Errorf("%s differs (go test -update writes it anew); got\n%s", file, got)
	}
}

// TestTable checks what the table promises: unique names, every row complete, every sample recognised as its format,
// and no field in a sample that the row does not list.
func TestTable(t *testing.T) {
	seenNames := map[string]bool{}
	for _, f := range Formats() {
		if seenNames[f.Name] {
			t.Errorf("%s stands twice in the table", f.Name)
		}
		seenNames[f.Name] = true
		if f.Title == "" || f.Family == "" || f.Definition == "" || len(f.Fields) < 3 || len(f.Samples) == 0 {
			t.Errorf("%s: the row is not complete: %d fields, %d samples", f.Name, len(f.Fields), len(f.Samples))
		}
		r, err := Recognize(f.Samples)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		if r.Format != f.Name {
			t.Errorf("the samples of %s are recognised as %s (%.2f); %s has %+v", f.Name, r.Format, r.Confidence, f.Name, scoreOf(r, f.Name))
		}
		if r.Confidence < 0.75 {
			t.Errorf("%s: confidence %.2f", f.Name, r.Confidence)
		}
		listed := map[string]bool{}
		for _, name := range f.Fields {
			listed[name] = true
		}
		for _, name := range r.Fields {
			if !listed[name] && name != "scheme" && name != "host" { // which any absolute target brings

				t.Errorf("%s: the samples carry %s, which the row does not list", f.Name, name)
			}
		}
	}
	for alias, name := range aliases {
		if seenNames[alias] || !seenNames[name] {
			t.Errorf("alias %s of %s: it hides a format, or its format is missing", alias, name)
		}
	}
}

func scoreOf(r Recognition, name string) Score {
	for _, s := range r.Scores {
		if s.Format == name {
			return s
		}
	}
	return Score{}
}

// TestAutoReadsSamples feeds each format's samples to Auto line by line: no line may be lost before it knows.
func TestAutoReadsSamples(t *testing.T) {
	for _, f := range Formats() {
		a := NewAuto(Options{})
		p, err := f.New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range f.Samples {
			var got, want event.Event
			got.Reset()
			want.Reset()
			errGot, errWant := a.Parse(line, &got), p.Parse(line, &want)
			if errGot != nil && errWant == nil {
				t.Errorf("%s sample %d: %v", f.Name, i+1, errGot)
			}
			if errGot == nil && errWant == nil && (!got.Time.Equal(want.Time) || got.Path != want.Path || got.ClientIP != want.ClientIP) {
				t.Errorf("%s sample %d is read as %s: %s %s %s, want %s %s %s", f.Name, i+1, got.Format,
					got.Time, got.ClientIP, got.Path, want.Time, want.ClientIP, want.Path)
			}
		}
		if r := a.Recognition(); r.Format == "" {
			t.Errorf("%s: nothing recognised", f.Name)
		}
	}
}

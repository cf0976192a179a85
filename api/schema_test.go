package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// loadContract reads the contract with its references resolved.
func loadContract(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// answers compares an answer with what the contract says of it: media type, schema, and no member that it does not tell of.
func answers(doc *openapi3.T, name string, res answerTo) error {
	method, path, _ := strings.Cut(name, " ")
	item := doc.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		return fmt.Errorf("not in the contract")
	}
	op := item.GetOperation(method)
	ref := op.Responses.Status(res.StatusCode)
	if ref == nil {
		if ref = op.Responses.Default(); ref == nil {
			return fmt.Errorf("the contract has no %d", res.StatusCode)
		}
	}
	if method == "HEAD" {
		return nil // a recorder keeps what net/http leaves out
	}
	if len(ref.Value.Content) == 0 {
		if res.body != "" {
			return fmt.Errorf("the contract has no body: %.200s", res.body)
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("content type %q: %w", res.Header.Get("Content-Type"), err)
	}
	media := ref.Value.Content[kind]
	if media == nil {
		return fmt.Errorf("the contract has no %s", kind)
	}
	if media.Schema == nil || !strings.Contains(kind, "json") {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(res.body))
	values := 0
	for ; d.More(); values++ {
		var v any
		if err := d.Decode(&v); err != nil {
			return err
		}
		if err := media.Schema.Value.VisitJSON(v, openapi3.MultiErrors()); err != nil {
			return shortly(err)
		}
		if unknown := undocumented(media.Schema.Value, v, ""); len(unknown) > 0 {
			return fmt.Errorf("the contract does not tell of %s", strings.Join(unknown, ", "))
		}
	}
	if values == 0 || values > 1 && kind != "application/x-ndjson" {
		return fmt.Errorf("%d values", values)
	}
	return nil
}

// shortly words the schema's complaints without the schema and the value.
func shortly(err error) error {
	var all openapi3.MultiError
	if !errors.As(err, &all) {
		all = openapi3.MultiError{err}
	}
	var list []string
	for _, e := range all {
		text, _, _ := strings.Cut(e.Error(), "\n")
		list = append(list, text)
	}
	return errors.New(strings.Join(list, "; "))
}

// undocumented lists the members of v that the schema does not have, by their path. A schema without properties is free.
func undocumented(s *openapi3.Schema, v any, at string) (list []string) {
	switch v := v.(type) {
	case []any:
		if s.Items != nil {
			for _, item := range v {
				list = append(list, undocumented(s.Items.Value, item, at+"[]")...)
			}
		}
	case map[string]any:
		known := properties(s)
		if len(known) == 0 {
			return nil
		}
		for name, member := range v {
			if p, ok := known[name]; ok {
				list = append(list, undocumented(p, member, at+"."+name)...)
			} else if s.AdditionalProperties.Schema == nil {
				list = append(list, at+"."+name)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func properties(s *openapi3.Schema) map[string]*openapi3.Schema {
	out := map[string]*openapi3.Schema{}
	for name, p := range s.Properties {
		out[name] = p.Value
	}
	for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
		for name, p := range properties(part.Value) {
			out[name] = p
		}
	}
	return out
}

// Every answer of every operation is what the contract says, and so are the problems.
func TestAnswersAreWhatTheContractSays(t *testing.T) {
	doc := loadContract(t)
	checked := callEach(t, func(c call) {
		if err := answers(doc, c.name, c.answer); err != nil || c.answer.StatusCode/100 != 2 {
			t.Errorf("%s: %d: %v\n%.300s", c.name, c.answer.StatusCode, err, c.answer.body)
		}
		if len(c.Roles) == 0 {
			return
		}
		for what, res := range map[string]answerTo{
			"without a key":         c.bench.ask("", c.method, c.target, c.body, c.headers...),
			"with a junk parameter": c.bench.ask(RoleAdmin, c.method, c.target+"?%zz", c.body, c.headers...),
		} {
			if err := answers(doc, c.name, res); err != nil {
				t.Errorf("%s %s: %d: %v\n%.300s", c.name, what, res.StatusCode, err, res.body)
			}
		}
	})
	if checked < 80 {
		t.Errorf("only %d operations were checked", checked)
	}
}

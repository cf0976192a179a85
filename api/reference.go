package api

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"go.yaml.in/yaml/v3"
)

// referencePolicy lets the reference show its own style and nothing else: it has no scripts and loads nothing.
const referencePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed reference.html
var referenceTemplate string

// shownContract is the contract as the reference shows it.
type shownContract struct {
	Info struct {
		Title       string `yaml:"title"`
		Summary     string `yaml:"summary"`
		Description string `yaml:"description"`
	} `yaml:"info"`
	Tags []struct {
		Name string `yaml:"name"`
	} `yaml:"tags"`
	Paths      map[string]map[string]yaml.Node `yaml:"paths"`
	Components struct {
		Parameters map[string]shownParameter `yaml:"parameters"`
	} `yaml:"components"`

	Groups []shownGroup `yaml:"-"`
}

type shownGroup struct {
	Name       string
	Operations []shownOperation
}

type shownOperation struct {
	Method, Path string
	OperationID  string           `yaml:"operationId"`
	Tags         []string         `yaml:"tags"`
	Summary      string           `yaml:"summary"`
	Description  string           `yaml:"description"`
	Roles        []string         `yaml:"x-roles"`
	Parameters   []shownParameter `yaml:"parameters"`
	Responses    map[string]struct {
		Description string `yaml:"description"`
	} `yaml:"responses"`
}

type shownParameter struct {
	Ref         string `yaml:"$ref"`
	Name        string `yaml:"name"`
	In          string `yaml:"in"`
	Description string `yaml:"description"`
	Example     any    `yaml:"example"`
	Schema      struct {
		Type    any   `yaml:"type"`
		Enum    []any `yaml:"enum"`
		Default any   `yaml:"default"`
	} `yaml:"schema"`
}

// renderReference makes a page out of the contract: operations by tag, in order of path and method.
func renderReference(contract []byte) ([]byte, error) {
	var d shownContract
	if err := yaml.Unmarshal(contract, &d); err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	byTag := map[string][]shownOperation{}
	for path, item := range d.Paths {
		for verb, node := range item {
			if !slices.Contains([]string{"get", "head", "post", "put", "patch", "delete"}, verb) {
				continue
			}
			op := shownOperation{Method: strings.ToUpper(verb), Path: path}
			if err := node.Decode(&op); err != nil {
				return nil, fmt.Errorf("read the contract: %s %s: %w", verb, path, err)
			}
			for i, p := range op.Parameters {
				if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
					op.Parameters[i] = d.Components.Parameters[name]
				}
			}
			tag := "other"
			if len(op.Tags) > 0 {
				tag = op.Tags[0]
			}
			byTag[tag] = append(byTag[tag], op)
		}
	}
	for _, t := range d.Tags {
		if list := byTag[t.Name]; len(list) > 0 {
			slices.SortFunc(list, func(a, b shownOperation) int { return compareText(a.Path+" "+a.Method, b.Path+" "+b.Method) })
			d.Groups = append(d.Groups, shownGroup{t.Name, list})
		}
	}
	page, err := template.New("reference").Parse(referenceTemplate)
	if err != nil {
		return nil, fmt.Errorf("render the reference: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, d); err != nil {
		return nil, fmt.Errorf("render the reference: %w", err)
	}
	return out.Bytes(), nil
}

// showReference answers GET /reference: the contract as a page for people.
func (s *Server) showReference(c echo.Context) error {
	page, err := s.reference()
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Security-Policy", referencePolicy)
	return c.HTMLBlob(http.StatusOK, page)
}

package apidoc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const shopYAML = `
openapi: 3.1.0
info: {title: Shop, version: 2.0.0}
servers:
  - url: https://{host}/api/{version}
    variables:
      host: {default: shop.example.com}
      version: {default: v1}
  - url: http://localhost:8080/api/v1/
security: [{bearer: []}]
paths:
  /login:
    post:
      security: []
      requestBody: {$ref: '#/components/requestBodies/Login'}
      responses: {200: {description: in}}
  /orders/{orderId}:
    parameters: [{$ref: '#/components/parameters/OrderId'}]
    get:
      operationId: getOrder
      responses:
        "200": {content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
    delete: {deprecated: true, responses: {}}
  /orders/search: {get: {responses: {}}}
  /files/{name}.{ext}: {get: {security: [{}, {bearer: []}], responses: {}}}
  /elsewhere: {$ref: 'https://example.com/paths.yaml#/x'}
  x-note: {a: 1}
components:
  parameters:
    OrderId: {name: orderId, in: path, required: true}
  requestBodies:
    Login: {content: {application/json: {schema: {properties: {user: {}, password: {}}}}}}
  schemas:
    Order:
      allOf:
        - {properties: {total: {type: number}, customer: {$ref: '#/components/schemas/Customer'}}}
        - {$ref: '#/components/schemas/Order'}
    Customer: {properties: {iban: {type: string}, orders: {items: {$ref: '#/components/schemas/Order'}}}}
`

func TestRead(t *testing.T) {
	d, err := Read([]byte(shopYAML))
	if err != nil {
		t.Fatal(err)
	}
	want := []Operation{
		{Method: "GET", Route: "/api/v1/files/{name}.{ext}"},
		{Method: "POST", Route: "/api/v1/login", Words: []string{"password", "user"}},
		{Method: "GET", Route: "/api/v1/orders/search", Secured: true},
		{Method: "DELETE", Route: "/api/v1/orders/{orderId}", Deprecated: true, Secured: true, Words: []string{"orderId"}},
		{
			Method: "GET", Route: "/api/v1/orders/{orderId}", OperationID: "getOrder", Secured: true,
			Words: []string{"customer", "iban", "orderId", "orders", "total"},
		},
	}
	if diff := cmp.Diff(want, d.Operations); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	if d.Title != "Shop" || d.Version != "2.0.0" || d.OpenAPI != "3.1.0" || len(d.SHA256) != 64 {
		t.Errorf("%+v", d)
	}
	if len(d.Warnings) != 2 || !strings.Contains(d.Warnings[0], "not followed") {
		t.Errorf("warnings %q", d.Warnings)
	}
	for route, want := range map[string]string{
		"/api/v1/orders/{id}":      "getOrder",
		"/api/v1/orders/me":        "getOrder",
		"/api/v1/orders/{orderId}": "getOrder",
		"/api/v1/orders/search":    "",
	} {
		if op := d.Find("GET", route); op == nil || op.OperationID != want {
			t.Errorf("%s: %+v", route, op)
		}
	}
	for _, route := range []string{"/api/v1/orders", "/orders/{id}", "/api/v1/users/{id}", "/api/v1/files/readme", "/"} {
		if op := d.Find("GET", route); op != nil {
			t.Errorf("%s is %+v", route, op)
		}
	}
	if op := d.Find("GET", "/api/v1/files/a.pdf"); op == nil {
		t.Error("a file is not found")
	}
	if diff := cmp.Diff(4, len(d.Routes())); diff != "" {
		t.Errorf("routes %q", d.Routes())
	}
}

func TestReadJSONAndYAMLAgree(t *testing.T) {
	body := `{"openapi":"3.0.3","info":{"title":"a","version":"1"},"paths":{"/a/{id}":{"get":{"responses":{"200":{}}}}}}`
	fromJSON, err := Read([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	fromYAML, err := Read([]byte("openapi: 3.0.3\ninfo: {title: a, version: 1}\npaths:\n  /a/{id}:\n    get: {responses: {200: {}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromJSON.Operations, fromYAML.Operations); diff != "" {
		t.Error(diff)
	}
}

const head = "openapi: 3.0.3\ninfo: {title: a, version: '1'}\n"

// hostile are documents that must neither take long nor be followed anywhere.
func hostile() map[string]string {
	var chain, laughs, wide strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&chain, `"a%d":{"$ref":"#/components/schemas/a%d"},`, i, i+1)
		fmt.Fprintf(&wide, "  /p%d/{id}: {get: {responses: {200: {content: {a: {schema: {$ref: '#/components/schemas/a'}}}}}}}\n", i)
	}
	laughs.WriteString(head + "x0: &x0 [a, a, a, a, a, a, a, a, a]\n")
	for i := range 12 {
		fmt.Fprintf(&laughs, "x%d: &x%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*x%d,", i), 9))
	}
	get := func(schema string) string {
		return `{"openapi":"3.0.3","info":{"title":"a","version":"1"},"paths":{"/a":{"get":{"requestBody":{"content":{"x":{"schema":` + schema + `}}}}}}`
	}
	branching := `"a":{"allOf":[` + strings.Repeat(`{"$ref":"#/components/schemas/a"},`, 2000) + `{}]}`
	return map[string]string{
		"chain":        get(`{"$ref":"#/components/schemas/a0"}`) + `,"components":{"schemas":{` + chain.String() + `"z":{}}}}`,
		"cycle":        get(`{"$ref":"#/components/schemas/a"}`) + `,"components":{"schemas":{"a":{"$ref":"#/components/schemas/b"},"b":{"$ref":"#/components/schemas/a"}}}}`,
		"path cycle":   `{"openapi":"3.0.3","paths":{"/a":{"$ref":"#/paths/~1b"},"/b":{"$ref":"#/paths/~1a"},"/c":{"get":{}}}}`,
		"self":         get(`{"$ref":"#/"}`) + `}`,
		"branching":    get(`{"$ref":"#/components/schemas/a"}`) + `,"components":{"schemas":{` + branching + `}}}`,
		"nested":       get(strings.Repeat(`{"items":`, 9000)+"{}"+strings.Repeat("}", 9000)) + `}`,
		"too nested":   get(strings.Repeat(`[`, 500_000)) + `}`,
		"laughs":       laughs.String() + "paths: {/a: {get: {}}}\n",
		"own anchor":   head + "x: &x {<<: *x}\npaths: {/a: {get: {}}}\n",
		"many paths":   head + "components: {schemas: {a: {properties: {b: {$ref: '#/components/schemas/a'}}}}}\npaths:\n" + wide.String(),
		"deep YAML":    head + "x: " + strings.Repeat("[", 500_000),
		"file":         `{"openapi":"3.0.3","paths":{"/a":{"$ref":"/etc/passwd"},"/c":{"get":{"requestBody":{"$ref":"http://127.0.0.1:1/x"}}}}}`,
		"huge":         head + strings.Repeat("#", MaxBytes),
		"long pointer": get(`{"$ref":"#/`+strings.Repeat("a/", 100_000)+`"}`) + `}`,
	}
}

func TestHostileDocuments(t *testing.T) {
	for name, doc := range hostile() {
		d, err := Read([]byte(doc))
		var wrong *Error
		switch {
		case err != nil && !errors.As(err, &wrong):
			t.Errorf("%s: %v", name, err)
		case err == nil && len(d.Operations) == 0:
			t.Errorf("%s: nothing was read, and that is no error", name)
		}
		t.Logf("%s: %v", name, err)
	}
	if d, err := Read([]byte(hostile()["file"])); err != nil || len(d.Operations) != 1 || len(d.Warnings) < 2 {
		t.Errorf("outside references: %+v %v", d, err)
	}
}

func TestBadDocuments(t *testing.T) {
	for doc, at := range map[string]string{
		"":                                     "",
		"[]":                                   "",
		"{":                                    "",
		"\xff\xfe":                             "",
		`swagger: "2.0"`:                       "swagger",
		"openapi: 4.0.0\npaths: {}":            "openapi",
		head + "paths: {}":                     "paths",
		head + "paths: {a: {get: {}}}":         "paths.a",
		head + "paths: {'/{a': {get: {}}}":     "paths./{a",
		head + "paths: {'/{a}{b}': {get: {}}}": "paths./{a}{b}",
		head + "paths: {'/{}': {get: {}}}":     "paths./{}",
		head + "paths: {'" + strings.Repeat("/a", 15) + "': {get: {}}}": "paths." + strings.Repeat("/a", 15),
	} {
		_, err := Read([]byte(doc))
		var wrong *Error
		if !errors.As(err, &wrong) || wrong.At != at {
			t.Errorf("%.60q: %v", doc, err)
		}
	}
}

// FuzzRead: whatever comes, it is a document with sound operations or an error, and finding in it never fails.
func FuzzRead(f *testing.F) {
	f.Add([]byte(shopYAML))
	for name, doc := range hostile() {
		if len(doc) < 3000 {
			f.Add([]byte(doc))
		}
		_ = name
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Read(data)
		if err != nil {
			return
		}
		for _, o := range d.Operations {
			if checkPath(o.Route) != nil || o.Method == "" || len(o.Words) > maxWords {
				t.Fatalf("%+v", o)
			}
			if found := d.Find(o.Method, o.Route); found == nil {
				t.Fatalf("%s %s is not found", o.Method, o.Route)
			}
		}
	})
}

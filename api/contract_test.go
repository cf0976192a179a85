package api

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/gatewatch/gatewatch/incident/exception"
)

// operation is what the contract says of one.
type operation struct {
	OperationID string            `yaml:"operationId"`
	Roles       []Role            `yaml:"x-roles"`
	ForServices bool              `yaml:"x-service-keys"` // keys for some services may use it
	Security    *[]map[string]any `yaml:"security"`
	Bouncer     bool              `yaml:"x-bouncer"` // errors and unknown parameters as CrowdSec's bouncers expect
	Parameters  []struct {
		Name string `yaml:"name"`
		In   string `yaml:"in"`
		Ref  string `yaml:"$ref"`
	} `yaml:"parameters"`
	Responses map[string]any `yaml:"responses"`
}

type contract struct {
	OpenAPI    string                          `yaml:"openapi"`
	Paths      map[string]map[string]yaml.Node `yaml:"paths"`
	Components struct {
		Parameters map[string]struct {
			Name string `yaml:"name"`
			In   string `yaml:"in"`
		} `yaml:"parameters"`
	} `yaml:"components"`
}

var verbs = []string{"get", "put", "post", "patch", "delete", "head"}

// operations reads the contract: "METHOD /path" to operation.
func operations(t testing.TB) map[string]operation {
	t.Helper()
	var c contract
	if err := yaml.Unmarshal(OpenAPI(), &c); err != nil {
		t.Fatal(err)
	}
	if c.OpenAPI != "3.1.0" {
		t.Fatalf("openapi %s", c.OpenAPI)
	}
	list := map[string]operation{}
	for path, item := range c.Paths {
		for verb, node := range item {
			if !slices.Contains(verbs, verb) {
				continue
			}
			var op operation
			if err := node.Decode(&op); err != nil {
				t.Fatalf("%s %s: %v", verb, path, err)
			}
			for i, p := range op.Parameters {
				if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
					op.Parameters[i].Name, op.Parameters[i].In = c.Components.Parameters[name].Name, c.Components.Parameters[name].In
				}
			}
			list[strings.ToUpper(verb)+" "+path] = op
		}
	}
	return list
}

var pathParameter = regexp.MustCompile(`:(\w+)`)

// Every operation of the contract is a route with the same roles, and the other way round.
func TestContractAndRoutesAgree(t *testing.T) {
	b := newBench(t)
	ops := operations(t)
	routes, limited := map[string]access{}, map[string]bool{}
	for _, r := range b.routes() {
		name := r.method + " " + strings.Replace(pathParameter.ReplaceAllString(r.path, "{$1}"), "*", "{path}", 1)
		routes[name], limited[name] = r.access, forServices[r.method+" "+r.path]
	}
	ids := map[string]bool{}
	for name, op := range ops {
		if op.ForServices != limited[name] {
			t.Errorf("%s: x-service-keys is %v, the server says otherwise", name, op.ForServices)
		}
		a, ok := routes[name]
		if !ok {
			t.Errorf("%s is in the contract and not served", name)
		}
		if op.OperationID == "" || ids[op.OperationID] {
			t.Errorf("%s: operationId %q is missing or taken", name, op.OperationID)
		}
		ids[op.OperationID] = true
		if public := op.Security != nil && len(*op.Security) == 0; public != (a == nil) || !slices.Equal(op.Roles, []Role(a)) {
			t.Errorf("%s: the contract says %v (public %v), the route %v", name, op.Roles, public, a)
		}
	}
	for name := range routes {
		if _, ok := ops[name]; !ok {
			t.Errorf("%s is served and not in the contract", name)
		}
	}
	if len(ops) < 26 {
		t.Errorf("only %d operations were compared", len(ops))
	}
}

// The document itself is sound: references resolve, parameters and responses are well formed.
func TestContractIsValid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	if doc.Paths.Len() < 20 {
		t.Fatalf("%d paths", doc.Paths.Len())
	}
}

// bodies and targets make each operation succeed.
func (b *bench) example(name string) (target, body string, headers []string) {
	_, path, _ := strings.Cut(name, " ")
	target = strings.ReplaceAll(path, "/incidents/{id}", "/incidents/"+b.first)
	target = strings.ReplaceAll(target, "/jobs/{id}", "/jobs/job_1")
	if strings.Contains(target, "/keys/{id}") {
		target = "/v1/keys/key_" + b.secrets[RoleAgent][3:11]
	}
	target = strings.Replace(strings.Replace(target, "/decisions/{id}", "/decisions/1", 1), "{path}", "orders/1", 1)
	if strings.Contains(target, "/suppressions/{id}") {
		target = "/v1/suppressions/" + b.exceptions.List(exception.Suppress)[0].ID
	}
	if strings.Contains(target, "/allowlists/{id}") {
		target = "/v1/allowlists/" + b.exceptions.List(exception.Allow)[0].ID
	}
	target = strings.ReplaceAll(target, "/endpoints/{id}", "/endpoints/"+ordersID)
	target = strings.ReplaceAll(target, "{service}", "shop")
	target = strings.ReplaceAll(target, "{pseudonym}", alice.Pseudonym)
	target = strings.ReplaceAll(target, "/policies/{id}", "/policies/guarded")
	target = strings.ReplaceAll(target, "/entities/{type}/{value}", "/entities/client_ip/203.0.113.3")
	switch name {
	case "PATCH /v1/endpoints/{id}":
		body = `{"owner":"team orders","sensitivity":"high"}`
	case "PUT /v1/policies/{id}":
		body = `{"route":"/orders/*","auth":true,"rate":{"requests":100,"per":"1m","by":"user"}}`
	case "PUT /v1/openapi/{service}":
		body = shopDocument
	case "GET /v1/ingest/position":
		target += "?source=import:access.log&generation=7"
	case "POST /v1/incidents/bulk":
		body = `{"ids":["` + b.first + `"],"status":"acknowledged"}`
	case "POST /v1/suppressions", "POST /v1/allowlists":
		body = `{"cidr":"198.51.100.0/24","reason":"our scanner"}`
	case "POST /v1/decisions":
		body = `{"value":"198.51.100.7","duration":"1h","reason":"seen elsewhere"}`
	case "POST /v1/rules/backtest":
		body = `{"rule":"brute-force","from":"2026-03-01T00:00:00Z","to":"2026-03-02T00:00:00Z"}`
	case "POST /v1/notifications/test", "POST /v1/notifications/retry":
		body = `{"channel":"soc"}`
	case "POST /v1/baselines/accept":
		body = `{"entity":{"type":"user","value":"u-1"},"since":"2026-03-01T00:00:00Z","reason":"a new import"}`
	case "POST /v1/baselines/rollback":
		body = `{"version":"v1","reason":"it learned an attack"}`
	case "POST /v1/usage-metrics":
		body = `{"remediation_components":[{"type":"custom","metrics":[{"items":[{"name":"dropped","value":3,"unit":"request"}]}]}]}`
	case "PATCH /v1/incidents/{id}":
		body = `{"status":"acknowledged"}`
	case "POST /v1/incidents/{id}/notes":
		body = `{"text":"seen"}`
	case "POST /v1/keys":
		body = `{"name":"another","role":"viewer"}`
	case "POST /v1/privacy/erasures":
		body = `{"kind":"user","value":"alice","reason":"her request of March"}`
	case "POST /v1/ingest/identities":
		body = `{"identities":[{"pseudonym":"` + alice.Pseudonym + `","kind":"user","box":"` + base64.StdEncoding.EncodeToString(alice.Box) + `"}]}`
	case "POST /v1/ingest/firehose":
		body = `{"requestId":"r-1","timestamp":1772366400000,"records":[]}`
	case "POST /v1/logs":
		body, headers = `{"resourceLogs":[]}`, []string{"Content-Type", "application/json"}
	case "POST /v1/ingest/cloudflare":
		body = `{"content":"tests"}`
	case "POST /v1/ingest/raw":
		body = `203.0.113.9 - - [01/Mar/2026:12:00:00 +0000] "GET /orders/1 HTTP/1.1" 200 12 "-" "curl/8.5.0"` + "\n"
	case "POST /v1/ingest/events":
		body = `{"time":"2026-03-01T12:00:00Z","method":"GET","path":"/orders/1","status":200,"client_ip":"203.0.113.9","position":"0"}` + "\n"
	}
	return target, body, headers
}

// call is one operation of the contract, called as an administrator would.
type call struct {
	operation
	name, method, target, body string
	headers                    []string
	answer                     answerTo
	bench                      *bench
}

// callEach calls every operation on a server of its own, and gives it to fn with the answer.
func callEach(t *testing.T, fn func(c call)) (called int) {
	for name, op := range operations(t) {
		if op.OperationID == "streamIncidents" {
			continue // it does not end; see the tests of the stream
		}
		c := call{operation: op, name: name, bench: newBench(t)}
		c.method, _, _ = strings.Cut(name, " ")
		c.target, c.body, c.headers = c.bench.example(name)
		c.answer = c.bench.ask(RoleAdmin, c.method, c.target, c.body, c.headers...)
		called++
		fn(c)
	}
	return called
}

// Every operation of the contract can be called, answers with a status that the contract has, and every parameter of its
// query is known to the handler.
func TestEveryOperationAnswers(t *testing.T) {
	called := callEach(t, func(c call) {
		res := c.answer
		if res.StatusCode/100 != 2 {
			t.Errorf("%s: %d %s", c.name, res.StatusCode, res.body)
		}
		if _, ok := c.Responses[strconv.Itoa(res.StatusCode)]; !ok {
			t.Errorf("%s: the contract has no %d", c.name, res.StatusCode)
		}
		if c.Bouncer {
			if res := c.bench.ask(RoleAdmin, c.method, c.target+"?no_such=1", c.body, c.headers...); res.StatusCode/100 != 2 {
				t.Errorf("%s: an unknown parameter gave %d", c.name, res.StatusCode)
			}
			return
		}
		more := "?"
		if strings.Contains(c.target, "?") {
			more = "&"
		}
		if strings.HasPrefix(c.target, "/v1/") {
			if res := c.bench.ask(RoleAdmin, c.method, c.target+more+"no_such=1", c.body); res.StatusCode != 400 || !res.problem(t).names("no_such") {
				t.Errorf("%s: an unknown parameter gave %d", c.name, res.StatusCode)
			}
		}
		for _, p := range c.Parameters {
			if p.In != "query" {
				continue
			}
			res := c.bench.ask(RoleAdmin, c.method, c.target+more+p.Name+"=%01%FF", c.body)
			if res.StatusCode != 400 || !res.problem(t).names(p.Name) {
				t.Errorf("%s: %s=junk gave %d %s", c.name, p.Name, res.StatusCode, res.body)
			}
		}
	})
	if called < 80 {
		t.Errorf("only %d operations were called", called)
	}
}

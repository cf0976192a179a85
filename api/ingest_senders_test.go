package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
)

const combinedLine = `203.0.113.9 - - [01/Mar/2026:12:00:00 +0000] "GET /orders/1 HTTP/1.1" 200 12 "-" "curl/8.5.0"`

// TestSenders: bodies as gateways and shippers post them to /v1/ingest/raw.
func TestSenders(t *testing.T) {
	kong := `{"request":{"method":"GET","uri":"/orders/1","size":"90"},"response":{"status":200,"size":"12"},"latencies":{"request":3,"proxy":2},"client_ip":"203.0.113.9","started_at":1772366400000}`
	apisix := `{"request":{"method":"GET","uri":"/orders/1"},"response":{"status":200,"size":12},"client_ip":"203.0.113.9","start_time":1772366400000,"latency":3,"apisix_latency":1}`
	wrapped := `{"message":` + quoted(combinedLine) + `,"timestamp":"2026-03-01T12:00:01Z","host":"web-1"}`
	fluent := `{"date":1772366401.5,"log":` + quoted(combinedLine) + `}`
	for name, c := range map[string]struct {
		body  string
		lines int
	}{
		"Kong http-log, one":         {kong, 1},
		"Kong http-log, queued":      {"[" + kong + "," + kong + "]", 2},
		"APISIX http-logger, batch":  {"[" + apisix + "," + apisix + "," + apisix + "]", 3},
		"APISIX http-logger, lines":  {apisix + "\n" + apisix, 2},
		"Vector, text":               {combinedLine + "\n" + combinedLine + "\n", 2},
		"Vector, JSON":               {"[" + wrapped + "," + wrapped + "]", 2},
		"Fluent Bit, json":           {"[" + fluent + "," + fluent + "]", 2},
		"Fluent Bit, json_lines":     {fluent + "\n" + fluent + "\n", 2},
		"Fluent Bit, json_stream":    {fluent + fluent, 2},
		"Logstash, json":             {wrapped, 1},
		"Logstash, json_batch":       {"[" + wrapped + ", " + wrapped + "]", 2},
		"Fastly, newline delimited":  {combinedLine + "\n" + combinedLine, 2},
		"Fastly, array of JSON":      {"[" + apisix + "\n," + apisix + "\n]", 2},
		"list of lines":              {"[" + quoted(combinedLine) + "]", 1},
		"an object over many lines ": {strings.ReplaceAll(kong, `,"`, ",\n  \""), 1},
	} {
		b := newBench(t)
		res := b.ask(RoleAgent, "POST", "/v1/ingest/raw?source=edge", c.body)
		var out pushed
		res.into(t, &out)
		if res.StatusCode != 200 || out.Events != c.lines || out.Failed != 0 {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
			continue
		}
		for _, e := range b.sink.batches[0].Events {
			if e.Path != "/orders/1" || e.Status != 200 || e.ClientIP.String() != "203.0.113.9" || !e.Time.Equal(noon) {
				t.Errorf("%s: %s", name, e.AppendJSON(nil))
			}
		}
	}
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestFirehose: the request id comes back, deliveries are keyed by it, records may be compressed and CloudWatch's.
func TestFirehose(t *testing.T) {
	b := newBench(t)
	cw := `{"messageType":"DATA_MESSAGE","logGroup":"gw","logEvents":[{"id":"1","timestamp":1,"message":` + quoted(combinedLine) + `},{"id":"2","timestamp":2,"message":` + quoted(combinedLine+"\n") + `}]}`
	body := fmt.Sprintf(`{"requestId":"r-81","timestamp":1772366400000,"records":[{"data":%q},{"data":%q},{"data":%q}]}`,
		base64.StdEncoding.EncodeToString([]byte(combinedLine+"\n")),
		base64.StdEncoding.EncodeToString([]byte(compress(t, "gzip", cw))),
		base64.StdEncoding.EncodeToString([]byte(`{"messageType":"CONTROL_MESSAGE","logGroup":"gw","logEvents":[{"message":"CWL CONTROL MESSAGE"}]}`)))
	ask := func(body string, headers ...string) answerTo {
		return b.ask("", "POST", "/v1/ingest/firehose", compress(t, "gzip", body), append(headers, "Content-Encoding", "gzip")...)
	}
	if res := ask(body); res.StatusCode != 401 {
		t.Errorf("without a key: %d", res.StatusCode)
	}
	headers := []string{
		firehoseKey, b.secrets[RoleAgent], firehoseRequestID, "r-81", firehoseSource, "arn:aws:firehose:eu-west-1:1:deliverystream/edge",
		firehoseAttributes, `{"commonAttributes":{"service":"shop","format":"combined"}}`,
	}
	res := ask(body, headers...)
	var got firehoseAnswer
	res.into(t, &got)
	if res.StatusCode != 200 || got.RequestID != "r-81" || got.Timestamp != noon.UnixMilli() && got.Timestamp == 0 || got.ErrorMessage != "" {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	batch := b.sink.batches[0]
	if batch.Key != "r-81" || batch.Source != "firehose/edge" || len(batch.Events) != 3 || batch.Failed != 0 || batch.Events[2].Service != "shop" {
		t.Errorf("batch %+v", batch)
	}
	b.sink.fail = fmt.Errorf("away")
	res = ask(body, headers...)
	res.into(t, &got)
	if res.StatusCode != 503 || got.ErrorMessage == "" || got.RequestID != "r-81" {
		t.Errorf("store away: %d %s", res.StatusCode, res.body)
	}
	if res := ask(`{"requestId":`, headers...); res.StatusCode != 400 {
		t.Errorf("broken: %d %s", res.StatusCode, res.body)
	}
}

// TestCloudflareLogpush: the test upload is taken and stores nothing, batches are read.
func TestCloudflareLogpush(t *testing.T) {
	b := newBench(t)
	push := func(body string) answerTo {
		return b.ask(RoleAgent, "POST", "/v1/ingest/cloudflare?service=shop", compress(t, "gzip", body), "Content-Encoding", "gzip")
	}
	if res := push("{\"content\":\"tests\"}\n"); res.StatusCode != 200 || len(b.sink.batches) != 0 {
		t.Errorf("test upload: %d %s, %d batches", res.StatusCode, res.body, len(b.sink.batches))
	}
	line := `{"ClientIP":"203.0.113.9","ClientRequestHost":"shop.example.com","ClientRequestMethod":"GET","ClientRequestURI":"/orders/1?a=b","EdgeStartTimestamp":"2026-03-01T12:00:00Z","EdgeResponseStatus":200,"EdgeResponseBytes":12}`
	res := push(strings.Repeat(line+"\n", 3) + "junk\n")
	var out pushed
	res.into(t, &out)
	if res.StatusCode != 200 || out.Events != 3 || out.Failed != 1 {
		t.Errorf("batch: %d %s", res.StatusCode, res.body)
	}
	if e := b.sink.batches[0].Events[0]; e.Path != "/orders/1" || e.Host != "shop.example.com" || e.Service != "shop" {
		t.Errorf("%s", e.AppendJSON(nil))
	}
	if key := b.sink.batches[0].Key; key != "" {
		t.Errorf("records without Ray ID have the key %q", key)
	}
	known := strings.Replace(line, "{", `{"RayID":"92c1f0b2de5e0b1a",`, 1) + "\n"
	for _, body := range []string{known, known, strings.Replace(known, "92c1", "92c2", 1)} {
		push(body)
	}
	if s := b.sink.batches[1:]; len(s) != 3 || s[0].Key == "" || s[0].Key != s[1].Key || s[1].Key == s[2].Key {
		t.Errorf("keys of two equal uploads and another: %d batches, %q %q %q", len(s), s[0].Key, s[1].Key, s[2].Key)
	}
}

// TestFastlyChallenge: the ids are hashed, as Fastly compares them.
func TestFastlyChallenge(t *testing.T) {
	b := newBench(t, func(d *Deps) { d.Config.FastlyServices = []string{"SU1Z0isxPaozGVKXdv0eY", "*"} })
	res := b.ask("", "GET", fastlyChallengePath, "")
	// printf %s SU1Z0isxPaozGVKXdv0eY | sha256sum
	if want := "*\n"; res.StatusCode != 200 || !strings.HasSuffix(res.body, want) || len(res.body) != 64+1+2 {
		t.Errorf("%d %q", res.StatusCode, res.body)
	}
}

func text(v string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: v}}
}

// TestOTLP: attributes, lines in the body, a body that is a map; protobuf and JSON; partial success.
func TestOTLP(t *testing.T) {
	attr := func(k string, v *common.AnyValue) *common.KeyValue { return &common.KeyValue{Key: k, Value: v} }
	req := &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{attr("service.name", text("shop"))}},
		ScopeLogs: []*logs.ScopeLogs{{LogRecords: []*logs.LogRecord{
			{TimeUnixNano: uint64(noon.UnixNano()), TraceId: []byte("0123456789abcdef"), Attributes: []*common.KeyValue{
				attr("http.request.method", text("GET")), attr("url.path", text("/orders/1")), attr("client.address", text("203.0.113.9")),
				attr("http.response.status_code", &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 200}}),
			}},
			{Body: text(combinedLine), Attributes: []*common.KeyValue{attr("log.file.path", text("/var/log/nginx/access.log"))}},
			{Body: &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: &common.KeyValueList{Values: []*common.KeyValue{
				attr("time", text("2026-03-01T12:00:00Z")), attr("method", text("GET")), attr("path", text("/orders/1")), attr("ip", text("203.0.113.9")),
				attr("status", &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 200}}),
			}}}}},
		}}},
	}}}
	proto1, err := proto.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	asJSON := `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeLogs":[{"logRecords":[
	 {"timeUnixNano":"1772366400000000000","traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","attributes":[
	   {"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/orders/1"}},
	   {"key":"client.address","value":{"stringValue":"203.0.113.9"}},{"key":"http.response.status_code","value":{"intValue":"200"}}]}]}]}]}`
	for name, c := range map[string]struct {
		kind, body string
		events     int
	}{"protobuf": {"application/x-protobuf", string(proto1), 3}, "JSON": {"application/json", asJSON, 1}} {
		b := newBench(t)
		res := b.ask(RoleAgent, "POST", "/v1/logs", compress(t, "gzip", c.body), "Content-Encoding", "gzip", "Content-Type", c.kind)
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != c.kind || (res.body != "" && res.body != "{}") {
			t.Errorf("%s: %d %q", name, res.StatusCode, res.body)
		}
		n := 0
		for _, batch := range b.sink.batches {
			for _, e := range batch.Events {
				n++
				if e.Path != "/orders/1" || e.Status != 200 || e.ClientIP.String() != "203.0.113.9" || !e.Time.Equal(noon) || e.Service != "shop" {
					t.Errorf("%s: %s", name, e.AppendJSON(nil))
				}
			}
			if !strings.HasPrefix(batch.Source, "otlp/shop") {
				t.Errorf("%s: source %q", name, batch.Source)
			}
		}
		if n != c.events {
			t.Errorf("%s: %d events, want %d", name, n, c.events)
		}
	}

	b := newBench(t)
	observed := strings.Replace(asJSON, `"timeUnixNano"`, `"observedTimeUnixNano":"1772366400000000007","timeUnixNano"`, 1)
	for _, body := range []string{observed, observed, strings.Replace(observed, "0007", "0008", 1), asJSON} {
		b.ask(RoleAgent, "POST", "/v1/logs", body, "Content-Type", "application/json")
	}
	if s := b.sink.batches; len(s) != 4 || s[0].Key == "" || s[0].Key != s[1].Key || s[1].Key == s[2].Key || s[3].Key != "" {
		t.Errorf("keys of two equal requests, another, and one without identity: %q %q %q %q", s[0].Key, s[1].Key, s[2].Key, s[3].Key)
	}

	b = newBench(t)
	junk := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"this is no request"}}]}]}]}`
	if res := b.ask(RoleAgent, "POST", "/v1/logs", junk, "Content-Type", "application/json"); res.StatusCode != 200 || !strings.Contains(res.body, `"rejectedLogRecords":"1"`) {
		t.Errorf("partial success: %d %s", res.StatusCode, res.body)
	}
	for _, c := range []struct {
		kind, body string
		status     int
	}{{"text/plain", "", 415}, {"application/json", "{", 400}, {"application/x-protobuf", "\xff\xff", 400}} {
		if res := b.ask(RoleAgent, "POST", "/v1/logs", c.body, "Content-Type", c.kind); res.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.kind, res.StatusCode, c.status)
		}
	}
	b.sink.fail = fmt.Errorf("away")
	res := b.ask(RoleAgent, "POST", "/v1/logs", string(proto1), "Content-Type", "application/x-protobuf")
	if num, _, n := protowire.ConsumeTag([]byte(res.body)); res.StatusCode != 503 || n < 0 || num != 1 || res.Header.Get("Retry-After") == "" {
		t.Errorf("store away: %d %q", res.StatusCode, res.body)
	}
}

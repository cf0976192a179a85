package parsers

import "strings"

// jsonGeneric reads any JSON object whose keys are known names.
func jsonGeneric() Format {
	return jsonFormat(Format{
		Name: "json", Title: "JSON with known names (nginx and Apache in JSON, mod_log_json, others)",
		Definition: "names of nginx variables, ECS, OpenTelemetry and common usage, see the list of names; others by a mapping",
		general:    true,
		Samples: []string{
			`{"time_iso8601":"2025-03-10T13:55:36+00:00","remote_addr":"203.0.113.9","remote_user":"","request":"GET /api/items/7?full=1 HTTP/1.1","status":"200","body_bytes_sent":"512","request_time":"0.034","upstream_response_time":"0.030","http_referrer":"","http_user_agent":"curl/8.5.0","host":"api.example.com","http_x_forwarded_for":"203.0.113.9, 10.0.0.2"}`,
			`{"timestamp":1741614937123,"clientIp":"198.51.100.7","httpMethod":"POST","path":"/v2/orders","queryString":"dry=1","statusCode":201,"responseSize":88,"duration_ms":12.5,"userAgent":"python-requests/2.32","requestId":"r-81","userId":"u-17"}`,
			`{"ts":"2025-03-10T13:55:38.250Z","level":"info","msg":"\u0022done\u0022","ip":"2001:db8::5","method":"GET","url":"/health?x=%20","status":204,"bytes":0,"latency":"1.25ms"}`,
			`{"time_local":"10/Mar/2025:13:55:39 +0000","remote_addr":"198.51.100.23","request":"\u0016\u0003\u0001","status":400,"body_bytes_sent":157}`,
			`{"time":"[10/Mar/2025:13:55:40 +0000]","remoteIP":"203.0.113.9","vhost":"shop.example.com","remote_user":"-","verb":"GET","request":"/cart","query":"?item=7","httpversion":"HTTP/1.1","response":200,"bytes":"512","duration_usec":34057,"referer":"-","agent":"curl/8.5.0"}`,
			`{"msec":"1741614940.500","remote_addr":"203.0.113.9","request":"GET /a\x22b HTTP/1.1","status":200,"upstream_response_time":"0.010, 0.020 : 0.005"}`,
		},
	}, jsonSpec{columns: genericNames(), fold: true, prepare: prepareGeneric, roots: []string{"properties", "fields", "@fields", "jsonPayload", "context", "nginx.access", "apache.access", "apache2.access"}})
}

// prepareGeneric makes allowance for names that mean one thing to most people and another to some: a request_time
// that is a date is the time, a status that is a word is none.
func prepareGeneric(r *record) error {
	r.lenient = true
	r.putGenericTime()
	v, ok := r.get(slotDuration)
	if _, known := r.get(slotHint); ok && known && r.unit[slotDuration] == unitAuto {
		r.unit[slotDuration] = unitMilli
	}
	if _, has := r.get(slotTime); ok && !has && strings.ContainsAny(v, ":/") {
		r.put(slotTime, unitAuto, 0, v)
	}
	if status, ok := r.get(slotStatus); ok && !isDigit(status[0]) {
		r.has &^= 1 << slotStatus
	}
	if request, ok := r.get(slotRequest); ok && request[0] == '/' && strings.IndexByte(request, ' ') < 0 {
		r.has &^= 1 << slotRequest // Apache's %U%q under the name of the request line
		r.put(slotTarget, unitNone, 0, request)
	}
	r.putGenericRequest()
	r.unquote(slotReferer)
	r.unquote(slotAgent)
	r.putLoginFailure()
	return nil
}

// unquote takes the quotes off a value that a collector cut out of a line with them.
func (r *record) unquote(s slot) {
	v, ok := r.get(s)
	if !ok || len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return
	}
	if r.val[s] = v[1 : len(v)-1]; r.val[s] == "" || r.val[s] == "-" {
		r.has &^= 1 << s
	}
}

// putGenericTime joins a date and a time of day in keys of their own; a date alone is a whole time.
func (r *record) putGenericTime() {
	date, ok := r.get(slotDate)
	if !ok {
		return
	}
	v, has := r.get(slotTime)
	switch {
	case !has:
		r.put(slotTime, unitAuto, 0, date)
	case len(v) >= 8 && len(v) <= 15 && v[2] == ':' && v[5] == ':':
		r.put(slotClock, unitNone, 0, v)
		r.has &^= 1 << slotTime
		return
	}
	r.has &^= 1 << slotDate
}

// putGenericRequest corrects columns whose name is used for several things: a URL in the place of a target, which is no
// request to a proxy where the column is not nginx's; a client called host; a scheme called protocol; Heroku's service, which is a time.
func (r *record) putGenericRequest() {
	if v, ok := r.get(slotTarget); ok && r.rank[slotTarget] < 4 && v[0] != '/' && strings.Contains(v, "://") {
		r.has &^= 1 << slotTarget
		r.put(slotURL, unitNone, 1, v)
	}
	const client = 1<<slotClient | 1<<slotPeer | 1<<slotForward
	if v, ok := r.get(slotHost); ok && r.has&client == 0 {
		if _, ok := parseIP(v); ok { // the Common Log Format's %h, which is the client
			r.has &^= 1 << slotHost
			r.put(slotClient, unitNone, 1, v)
		}
	}
	if v, ok := r.get(slotProtocol); ok && (strings.EqualFold(v, "https") || strings.EqualFold(v, "http")) {
		r.has &^= 1 << slotProtocol
		r.put(slotScheme, unitNone, 1, v)
	}
	if v, ok := r.get(slotService); ok && isDigit(v[0]) && strings.HasSuffix(v, "ms") {
		r.has &^= 1 << slotService
		r.put(slotDuration, unitGo, 1, v)
	}
}

// ecs is the Elastic Common Schema as Filebeat ships it.
func ecs() Format {
	return jsonFormat(Format{
		Name: "ecs", Title: "Elastic Common Schema JSON (Filebeat)",
		Definition: "elastic.co/guide/en/ecs/current/ecs-http.html and ecs-url.html",
		Samples: []string{
			`{"@timestamp":"2025-03-10T13:55:36.120Z","ecs":{"version":"8.11.0"},"service":{"name":"shop"},"source":{"ip":"203.0.113.9","address":"203.0.113.9"},"user":{"name":"anna"},"url":{"original":"/cart?item=7","path":"/cart","query":"item=7","domain":"shop.example.com","scheme":"https"},"http":{"version":"1.1","request":{"method":"GET","referrer":"https://shop.example.com/","id":"q1"},"response":{"status_code":200,"body":{"bytes":512}}},"user_agent":{"original":"Mozilla/5.0","name":"Firefox"},"event":{"duration":34000000,"dataset":"nginx.access"},"tls":{"version":"1.3","version_protocol":"tls"}}`,
			`{"@timestamp":"2025-03-10T13:55:37Z","ecs.version":"1.12.0","client.ip":"198.51.100.7","http.request.method":"POST","url.path":"/login","http.response.status_code":401,"http.response.bytes":31,"user_agent.original":"curl/8.5.0"}`,
		},
	}, jsonSpec{columns: jsonNames(), fold: true, marks: []string{"@timestamp", "ecs.version", "http.response.status_code"}})
}

// otel is OpenTelemetry's HTTP conventions in JSON: OTLP log records and spans, singly or with the envelope that the
// collector's file exporter writes (one record a line), and flat attributes.
func otel() Format {
	columns := jsonNames()
	columns["resource.attributes.service.name"] = column{slotService, 0, 4}
	envelope := []string{"resourceLogs.scopeLogs.logRecords", "resourceSpans.scopeSpans.spans"}
	lists := map[string][2]string{"attributes": {"key", "value"}, "resource.attributes": {"key", "value"}}
	roots := []string{"attributes", "Attributes"}
	for _, e := range envelope {
		roots = append(roots, e, e+".attributes")
		lists[e+".attributes"] = [2]string{"key", "value"}
	}
	for _, e := range []string{"resourceLogs", "resourceSpans"} {
		columns[e+".resource.attributes.service.name"] = column{slotService, 0, 4}
		lists[e+".resource.attributes"] = [2]string{"key", "value"}
	}
	return jsonFormat(Format{
		Name: "otel", Title: "OpenTelemetry HTTP log records and spans (JSON)",
		Definition: "opentelemetry.io/docs/specs/semconv/http/http-spans and opentelemetry.io/docs/specs/otlp (JSON encoding)",
		Samples: []string{
			`{"timeUnixNano":"1741614936120000000","severityText":"INFO","attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/items/7"}},{"key":"url.query","value":{"stringValue":"a=1"}},{"key":"http.response.status_code","value":{"intValue":"200"}},{"key":"client.address","value":{"stringValue":"203.0.113.9"}},{"key":"user_agent.original","value":{"stringValue":"curl/8.5.0"}},{"key":"network.protocol.version","value":{"stringValue":"2"}}],"traceId":"5b8efff798038103d269b633813fc60c"}`,
			`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}}]},"scopeSpans":[{"scope":{"name":"http"},"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","kind":2,"startTimeUnixNano":"1741614936000000000","endTimeUnixNano":"1741614936034500000","attributes":[{"key":"http.method","value":{"stringValue":"POST"}},{"key":"http.target","value":{"stringValue":"/orders?x=1"}},{"key":"http.status_code","value":{"intValue":"500"}},{"key":"http.route","value":{"stringValue":"/orders"}},{"key":"http.client_ip","value":{"stringValue":"198.51.100.7"}}]}]}]}]}`,
			`{"Timestamp":"2025-03-10T13:55:38Z","Attributes":{"http.request.method":"GET","url.full":"https://api.example.com/v1/users/9?k=v","http.response.status_code":404,"network.peer.address":"10.0.0.2","http.response.body.size":19,"enduser.id":"u-9"}}`,
		},
	}, jsonSpec{
		columns: columns, roots: roots, fold: true, pairs: lists,
		single: append([]string{"resourceLogs", "resourceLogs.scopeLogs", "resourceSpans", "resourceSpans.scopeSpans"}, envelope...),
		marks:  nil, oneOf: otelMarks(roots),
	})
}

// otelMarks are the keys one of which shows that a document uses attributes of OpenTelemetry.
func otelMarks(roots []string) []string {
	var marks []string
	for _, r := range roots {
		if r != "" && (r[len(r)-1] == 's') {
			marks = append(marks, r+".http.request.method", r+".http.method", r+".http.response.status_code", r+".http.status_code")
		}
	}
	return marks
}

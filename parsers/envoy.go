package parsers

import (
	"fmt"
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// envoyOperators says what Envoy's command operators mean, without their arguments
// (envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage).
var envoyOperators = map[string]column{
	"START_TIME":                             {slotTime, unitAuto, 1},
	"PROTOCOL":                               {slotProtocol, 0, 1},
	"RESPONSE_CODE":                          {slotStatus, 0, 1},
	"BYTES_RECEIVED":                         {slotBytesIn, 0, 1},
	"BYTES_SENT":                             {slotBytesOut, 0, 1},
	"DURATION":                               {slotDuration, unitMilli, 1},
	"UPSTREAM_HOST":                          {slotUpstream, 0, 2},
	"UPSTREAM_CLUSTER":                       {slotUpstream, 0, 1},
	"UPSTREAM_CLUSTER_RAW":                   {slotUpstream, 0, 1},
	"ROUTE_NAME":                             {},
	"RESPONSE_FLAGS":                         {slotAction, 0, 1},
	"RESPONSE_FLAGS_LONG":                    {slotAction, 0, 1},
	"RESPONSE_CODE_DETAILS":                  {slotAction, 0, 2},
	"DOWNSTREAM_REMOTE_ADDRESS":              {slotClient, 0, 2},
	"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": {slotClient, 0, 3},
	"DOWNSTREAM_DIRECT_REMOTE_ADDRESS":       {slotPeer, 0, 1},
	"DOWNSTREAM_TLS_VERSION":                 {slotTLS, 0, 1},
	"REQUESTED_SERVER_NAME":                  {slotHost, 0, 0},
	"REQ(:METHOD)":                           {slotMethod, 0, 1},
	"REQ(:PATH)":                             {slotTarget, 0, 1},
	"REQ(X-ENVOY-ORIGINAL-PATH?:PATH)":       {slotTarget, 0, 2},
	"REQ(:AUTHORITY)":                        {slotHost, 0, 2},
	"REQ(HOST)":                              {slotHost, 0, 2},
	"REQ(:SCHEME)":                           {slotScheme, 0, 2},
	"REQ(X-FORWARDED-PROTO)":                 {slotScheme, 0, 1},
	"REQ(X-FORWARDED-FOR)":                   {slotForward, 0, 1},
	"REQ(USER-AGENT)":                        {slotAgent, 0, 1},
	"REQ(REFERER)":                           {slotReferer, 0, 1},
	"REQ(X-REQUEST-ID)":                      {slotRequestID, 0, 1},
	"REQ(AUTHORIZATION)":                     {slotAuth, 0, 1},
	"REQ(COOKIE)":                            {slotCookie, 0, 1},
	"REQ(X-API-KEY)":                         {slotAPIKey, 0, 1},
	"RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)":    {slotUpTime, unitMilli, 1},
	"RESPONSE_DURATION":                      {slotUpTime, unitMilli, 0},
}

// compileEnvoy compiles an access log format string of Envoy's: text with %OPERATORS(…)%.
func compileEnvoy(name, format string) (pattern, error) {
	b := builder{p: pattern{name: name}}
	for i := 0; i < len(format); {
		if format[i] != '%' {
			b.lit(format[i : i+1])
			i++
			continue
		}
		if strings.HasPrefix(format[i:], "%%") {
			b.lit("%")
			i += 2
			continue
		}
		end := envoyEnd(format[i+1:])
		if end < 0 {
			return pattern{}, fmt.Errorf("character %d: %% without a closing %%", i+1)
		}
		op := format[i+1 : i+1+end]
		if err := b.field(op, envoyColumn(op)); err != nil {
			return pattern{}, fmt.Errorf("character %d: %w", i+1, err)
		}
		i += end + 2
	}
	p, err := b.done()
	p.finish = envoyFinish
	return p, err
}

// envoyFinish recognises TCP connections, which Envoy logs with the same format: "- - -" and status 0.
func envoyFinish(_ *record, ev *event.Event) error {
	if ev.Method == "" && ev.Path == "" && ev.Status == 0 {
		return ErrNoRequest
	}
	return nil
}

// envoyEnd finds the percent sign that closes an operator; those within its parentheses belong to them.
func envoyEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '%':
			if depth <= 0 {
				return i
			}
		}
	}
	return -1
}

func envoyColumn(op string) column {
	if i := strings.LastIndex(op, "):"); i >= 0 { // a maximum length
		op = op[:i+1]
	}
	if c, ok := envoyOperators[op]; ok {
		return c
	}
	if strings.HasPrefix(op, "START_TIME(") {
		return column{slotTime, unitAuto, 1}
	}
	return envoyOperators[strings.ToUpper(op)]
}

const (
	envoyRequest = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% `
	envoyHeaders = `"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"`
	envoyDocs    = "envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage"
)

// envoy is Envoy's default format string.
func envoy() Format {
	return patternFormat(Format{
		Name: "envoy", Title: "Envoy (default text)", Family: "envoy", Definition: envoyDocs + "#default-format-string",
		Samples: []string{
			`[2025-03-10T13:55:36.120Z] "GET /v1/items/7?x=1 HTTP/2" 200 - 0 512 34 30 "203.0.113.9, 10.0.0.2" "okhttp/4.12.0" "8a1b-6c0f" "api.example.com" "10.1.2.3:8080"`,
			`[2025-03-10T13:55:37.000Z] "POST /v1/orders HTTP/1.1" 503 UH 120 19 0 - "-" "curl/8.5.0" "77aa" "api.example.com:8443" "-"`,
		},
	}, compileEnvoy, envoyRequest+`%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% `+envoyHeaders)
}

// istio is Istio's default format string.
func istio() Format {
	return patternFormat(Format{
		Name: "istio", Title: "Istio (default text)", Family: "envoy",
		Definition: "istio.io/latest/docs/tasks/observability/logs/access-log (default access log format)",
		Samples: []string{
			`[2025-03-10T13:55:36.120Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "203.0.113.9" "curl/8.5.0" "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin.example.com:8000" "10.44.1.27:80" outbound|8000||httpbin.example.com 10.44.1.23:37652 10.0.45.184:8000 203.0.113.9:46520 - default`,
			`[2025-03-10T13:55:37.000Z] "- - -" 0 - - - "-" 0 0 5 - "-" "-" "-" "-" "10.44.1.27:443" outbound|443||x.example.com 10.44.1.23:37652 10.0.45.184:443 10.44.1.23:46520 x.example.com -`,
		},
	}, compileEnvoy, envoyRequest+`%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% `+
		envoyHeaders+` %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%`)
}

// envoyJSON is the JSON encoding that Istio, Envoy Gateway and Contour use.
func envoyJSON() Format {
	return jsonFormat(Format{
		Name: "envoy_json", Title: "Envoy, Istio, Envoy Gateway, Contour (JSON)",
		Definition: "istio.io/latest/docs/tasks/observability/logs/access-log (JSON); gateway.envoyproxy.io/docs/tasks/observability/proxy-accesslog",
		Samples: []string{
			`{"start_time":"2025-03-10T13:55:36.120Z","method":"GET","path":"/v1/items/7?x=1","protocol":"HTTP/2","response_code":200,"response_flags":"-","bytes_received":0,"bytes_sent":512,"duration":34,"upstream_service_time":"30","x_forwarded_for":"203.0.113.9","user_agent":"okhttp/4.12.0","request_id":"8a1b-6c0f","authority":"api.example.com","upstream_host":"10.1.2.3:8080","upstream_cluster":"outbound|8080||items","downstream_remote_address":"203.0.113.9:46520","requested_server_name":null}`,
			`{"start_time":"2025-03-10T13:55:38Z","method":"GET","x-envoy-origin-path":"/admin","response_code":404,"user-agent":"curl/8.5.0","downstream_remote_address":"198.51.100.4:51234",":authority":"www.example.com"}`,
			`{"start_time":"2025-03-10T13:55:37Z","method":"GET","x-envoy-origin-path":"/get","protocol":"HTTP/1.1","response_code":"404","response_flags":"NR","bytes_received":"0","bytes_sent":"0","duration":"1","x-envoy-upstream-service-time":null,"x-forwarded-for":"198.51.100.4","user-agent":"curl/8.5.0","x-request-id":"77aa",":authority":"www.example.com","upstream_host":null,"downstream_remote_address":"198.51.100.4:51234"}`,
		},
	}, jsonSpec{
		fold: true, marks: []string{"start_time", "response_code"},
		oneOf: []string{"response_flags", "downstream_remote_address", "upstream_cluster", "x-envoy-origin-path", "x-envoy-upstream-service-time"},
		columns: map[string]column{
			"start_time": {slotTime, unitAuto, 1}, "method": {slotMethod, 0, 1}, "path": {slotTarget, 0, 1},
			"x-envoy-origin-path": {slotTarget, 0, 2}, "x-envoy-original-path": {slotTarget, 0, 2}, "uri_path": {slotTarget, 0, 0},
			"protocol": {slotProtocol, 0, 1}, "response_code": {slotStatus, 0, 1}, "bytes_received": {slotBytesIn, 0, 1},
			"bytes_sent": {slotBytesOut, 0, 1}, "duration": {slotDuration, unitMilli, 1}, "upstream_service_time": {slotUpTime, unitMilli, 1},
			"x-envoy-upstream-service-time": {slotUpTime, unitMilli, 1}, "x_forwarded_for": {slotForward, 0, 1}, "user_agent": {slotAgent, 0, 1},
			"request_id": {slotRequestID, 0, 1}, "x-request-id": {slotRequestID, 0, 1}, "authority": {slotHost, 0, 2},
			":authority": {slotHost, 0, 2}, "upstream_host": {slotUpstream, 0, 2}, "upstream_cluster": {slotUpstream, 0, 1},
			"downstream_remote_address": {slotClient, 0, 1}, "requested_server_name": {slotHost, 0, 0}, "referer": {slotReferer, 0, 1},
			"scheme": {slotScheme, 0, 1}, "downstream_tls_version": {slotTLS, 0, 1}, "authorization": {slotAuth, 0, 1},
			"downstream_direct_remote_address": {slotPeer, 0, 1}, "x_api_key": {slotAPIKey, 0, 1},
			"response_flags": {slotAction, 0, 1}, "response_code_details": {slotAction, 0, 2},
		},
		finish: envoyFinish,
	})
}

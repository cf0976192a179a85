package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// tyk is a record of Tyk's analytics, as Tyk Pump writes them.
func tyk() Format {
	return jsonFormat(Format{
		Name: "tyk", Title: "Tyk analytics records (Tyk Pump)",
		Definition: "github.com/TykTechnologies/tyk-pump, analytics/analytics.go (AnalyticsRecord)",
		Samples: []string{
			`{"method":"GET","host":"api.example.com:8080","path":"/items/7","raw_path":"/items/7","content_length":0,"user_agent":"curl/8.5.0","day":10,"month":3,"year":2025,"hour":13,"response_code":200,"api_key":"9d1b2c","timestamp":"2025-03-10T13:55:36.12Z","api_version":"v1","api_name":"items","api_id":"a1","org_id":"o1","oauth_id":"","request_time":34,"latency":{"total":34,"upstream":30},"ip_address":"203.0.113.9","alias":"mobile-app","track_path":false}`,
			`{"Method":"POST","Host":"api.example.com","Path":"/login","RawPath":"/login","ContentLength":64,"UserAgent":"okhttp/4.12.0","ResponseCode":401,"APIKey":"","TimeStamp":"2025-03-10T13:55:37Z","APIName":"auth","RequestTime":12,"IPAddress":"198.51.100.4"}`,
		},
	}, jsonSpec{
		fold: true, marks: []string{"api_name", "ip_address", "response_code"},
		columns: map[string]column{
			"timestamp": {slotTime, 0, 1}, "method": {slotMethod, 0, 1}, "host": {slotHost, 0, 1}, "raw_path": {slotTarget, 0, 2},
			"path": {slotTarget, 0, 1}, "content_length": {slotBytesIn, 0, 1}, "user_agent": {slotAgent, 0, 1}, "response_code": {slotStatus, 0, 1},
			"api_key": {slotAPIKey, 0, 1}, "api_name": {slotService, 0, 1}, "request_time": {slotDuration, unitMilli, 1},
			"latency.total": {slotDuration, unitMilli, 2}, "latency.upstream": {slotUpTime, unitMilli, 1}, "ip_address": {slotClient, 0, 1},
			"alias": {slotUser, 0, 1}, "oauth_id": {slotUser, 0, 0},
		},
	})
}

// gravitee is what Gravitee's file reporter writes in JSON, versions 3 and 4.
func gravitee() Format {
	return jsonFormat(Format{
		Name: "gravitee", Title: "Gravitee (file reporter, JSON)",
		Definition: "github.com/gravitee-io/gravitee-reporter-common, freemarker/json (request and v4-metrics)",
		Samples: []string{
			`{"type":"request","date":"2025.03.10","@timestamp":"2025-03-10T13:55:36.120Z","id":"8a1b","transaction":"8a1b","api":"a1","application":"app1","uri":"/items/7?x=1","path":"/7","method":"GET","status":200,"response-time":34,"api-response-time":30,"proxy-latency":4,"request-content-length":0,"response-content-length":512,"remote-address":"203.0.113.9","local-address":"10.0.0.2","endpoint":"http://items.internal/7","host":"api.example.com","user-agent":"curl/8.5.0","user":"anna","api-key":"9d1b"}`,
			`{"type":"v4-metrics","@timestamp":"2025-03-10T13:55:37.000Z","request-id":"77aa","api-id":"a2","http-method":"POST","uri":"/orders","host":"api.example.com","status":201,"gateway-response-time-ms":40,"endpoint-response-time-ms":35,"request-content-length":64,"response-content-length":88,"remote-address":"198.51.100.4","user-agent":"okhttp/4.12.0","application-id":"app2"}`,
		},
	}, jsonSpec{
		fold: true, marks: []string{"remote-address", "@timestamp"},
		oneOf: []string{"api-response-time", "proxy-latency", "gateway-response-time-ms"},
		columns: map[string]column{
			"@timestamp": {slotTime, 0, 2}, "id": {slotRequestID, 0, 1}, "request-id": {slotRequestID, 0, 2}, "api": {slotService, 0, 1},
			"api-id": {slotService, 0, 1}, "api-name": {slotService, 0, 2}, "uri": {slotTarget, 0, 2}, "path": {slotTarget, 0, 1},
			"method": {slotMethod, 0, 1}, "http-method": {slotMethod, 0, 1}, "status": {slotStatus, 0, 1},
			"response-time": {slotDuration, unitMilli, 1}, "gateway-response-time-ms": {slotDuration, unitMilli, 2},
			"api-response-time": {slotUpTime, unitMilli, 1}, "endpoint-response-time-ms": {slotUpTime, unitMilli, 2},
			"request-content-length": {slotBytesIn, 0, 1}, "response-content-length": {slotBytesOut, 0, 1}, "remote-address": {slotClient, 0, 1},
			"endpoint": {slotUpstream, 0, 1}, "host": {slotHost, 0, 1}, "user-agent": {slotAgent, 0, 1}, "user": {slotUser, 0, 3},
			"application": {slotUser, 0, 1}, "application-id": {slotUser, 0, 1}, "api-key": {slotAPIKey, 0, 1},
		},
		finish: graviteeFinish,
	})
}

// graviteeMethods are the numbers that Gravitee's templates write in place of a method
// (github.com/gravitee-io/gravitee-common, http/HttpMethod).
var graviteeMethods = [...]string{"OTHER", "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}

func graviteeFinish(_ *record, ev *event.Event) error {
	if m := ev.Method; len(m) == 1 && isDigit(m[0]) {
		ev.Method = graviteeMethods[m[0]-'0']
	}
	return nil
}

// graviteeText is what Gravitee's first file reporter writes as text.
func graviteeText() Format {
	return textFormat(Format{
		Name: "gravitee_text", Title: "Gravitee (file reporter, text)", Family: "gravitee",
		Definition: "github.com/gravitee-io/gravitee-reporter-file, README (line format)",
		Samples: []string{
			`[2025-03-10T13:55:36.120+0000] (10.0.0.2) 203.0.113.9 items 9d1b2c GET /items/7?full=1 200 512 34`,
			`[2025-03-10T14:55:37.001+0100] (10.0.0.2) 2001:db8::7 orders - POST /orders 401 -1 3`,
		},
	}, nil, `[$time] ($local_addr) $client_ip $service $api_key $method $target $status $bytes_out $duration_ms`)
}

// krakend is the access log that KrakenD and other servers on Gin write.
func krakend() Format {
	return scanFormat(Format{
		Name: "krakend", Title: "KrakenD (Gin access log)", Family: "gin",
		Definition: "krakend.io/docs/logging; github.com/gin-gonic/gin logger.go (defaultLogFormatter)",
		Samples: []string{
			`[GIN] 2025/03/10 - 13:55:36 | 200 |   34.123456ms |     203.0.113.9 | GET      "/items/7?full=1"`,
			`[GIN] 2025/03/10 - 13:55:37 | 500 |        1m2.5s |     2001:db8::7 | POST     "/orders"`,
			`[GIN-debug] GET    /items/:id                --> main.items (3 handlers)`,
		},
	}, scanParser{scan: scanGin, escapes: true}, slotTime, slotStatus, slotDuration, slotClient, slotMethod, slotTarget)
}

func scanGin(line string, r *record) error {
	rest, ok := strings.CutPrefix(line, "[GIN] ")
	if !ok {
		if strings.HasPrefix(line, "[GIN-debug]") {
			return ErrNoRequest
		}
		return bad("want [GIN]")
	}
	if len(rest) < 23 || rest[10:13] != " - " {
		return &fieldError{what: "want 2006/01/02 - 15:04:05", at: 6}
	}
	r.put(slotDate, unitNone, 1, rest[:10])
	r.put(slotClock, unitNone, 1, rest[13:21])
	columns := []slot{slotNone, slotStatus, slotDuration, slotClient}
	rest = rest[21:]
	for _, s := range columns {
		v, after, ok := strings.Cut(rest, "|")
		if !ok {
			return &fieldError{what: "want five columns between bars", at: len(line) - len(rest)}
		}
		if s != slotNone {
			r.put(s, unitGo, 1, strings.TrimSpace(v))
		}
		rest = after
	}
	t := tokens{s: rest}
	method, _ := t.next()
	target, ok := t.next()
	if !ok {
		return &fieldError{what: "want a method and a quoted path", at: len(line) - len(rest)}
	}
	r.put(slotMethod, unitNone, 1, method)
	r.put(slotTarget, unitNone, 1, target)
	return nil
}

// fastly is the JSON of Fastly's own examples; its format is the customer's choice.
func fastly() Format {
	return jsonFormat(Format{
		Name: "fastly", Title: "Fastly (the documentation's JSON)",
		Definition: "docs.fastly.com/en/guides/custom-log-formats and useful-log-formats",
		Samples: []string{
			`{"timestamp":"2025-03-10T13:55:36+0000","client_ip":"203.0.113.9","geo_country":"germany","geo_city":"berlin","host":"www.example.com","url":"/a?x=1","request_method":"GET","request_protocol":"HTTP/2","request_referer":"https://www.example.com/","request_user_agent":"Mozilla/5.0","response_state":"HIT","response_status":200,"response_reason":"OK","response_body_size":1024,"fastly_server":"cache-fra-1","fastly_is_edge":true}`,
		},
	}, jsonSpec{
		marks: []string{"response_status"}, oneOf: []string{"fastly_server", "fastly_is_edge", "response_state"},
		columns: map[string]column{
			"timestamp": {slotTime, 0, 2}, "time_start": {slotTime, 0, 1}, "client_ip": {slotClient, 0, 1}, "host": {slotHost, 0, 1},
			"url": {slotTarget, 0, 1}, "request_method": {slotMethod, 0, 1}, "request_protocol": {slotProtocol, 0, 1},
			"request_referer": {slotReferer, 0, 1}, "request_user_agent": {slotAgent, 0, 1}, "response_status": {slotStatus, 0, 1},
			"response_body_size": {slotBytesOut, 0, 1}, "req_body_size": {slotBytesIn, 0, 1}, "time_elapsed": {slotDuration, unitMicro, 1},
			"tls_client_protocol": {slotTLS, 0, 1}, "service_id": {slotService, 0, 1}, "request_x_forwarded_for": {slotForward, 0, 1},
		},
	})
}

// cloudflare is Logpush's dataset of HTTP requests.
func cloudflare() Format {
	return jsonFormat(Format{
		Name: "cloudflare", Title: "Cloudflare Logpush (HTTP requests)",
		Definition: "developers.cloudflare.com/logs/reference/log-fields/zone/http_requests",
		Samples: []string{
			`{"ClientIP":"203.0.113.9","ClientRequestHost":"www.example.com","ClientRequestMethod":"GET","ClientRequestURI":"/a?x=1","ClientRequestPath":"/a","ClientRequestProtocol":"HTTP/2","ClientRequestReferer":"https://www.example.com/","ClientRequestUserAgent":"Mozilla/5.0","ClientRequestBytes":900,"ClientRequestScheme":"https","ClientSSLProtocol":"TLSv1.3","EdgeStartTimestamp":"2025-03-10T13:55:36Z","EdgeEndTimestamp":"2025-03-10T13:55:36.5Z","EdgeResponseStatus":200,"EdgeResponseBytes":1024,"EdgeTimeToFirstByteMs":30,"OriginIP":"192.0.2.10","OriginResponseDurationMs":25,"RayID":"8a1b6c0f","ZoneName":"example.com"}`,
			`{"ClientIP":"2001:db8::7","ClientRequestHost":"www.example.com","ClientRequestMethod":"POST","ClientRequestURI":"/login","EdgeStartTimestamp":1741614937000000000,"EdgeEndTimestamp":1741614937020000000,"EdgeResponseStatus":403,"EdgeResponseBytes":64,"RayID":"77aa","OriginResponseTime":0}`,
		},
	}, jsonSpec{
		marks: []string{"ClientRequestMethod", "EdgeResponseStatus"},
		columns: map[string]column{
			"EdgeStartTimestamp": {slotTime, unitAuto, 1}, "EdgeEndTimestamp": {slotEnd, unitAuto, 1}, "ClientIP": {slotClient, 0, 1},
			"ClientRequestHost": {slotHost, 0, 1}, "ClientRequestMethod": {slotMethod, 0, 1}, "ClientRequestURI": {slotTarget, 0, 2},
			"ClientRequestPath": {slotPath, 0, 1}, "ClientRequestProtocol": {slotProtocol, 0, 1}, "ClientRequestReferer": {slotReferer, 0, 1},
			"ClientRequestUserAgent": {slotAgent, 0, 1}, "ClientRequestBytes": {slotBytesIn, 0, 1}, "ClientRequestScheme": {slotScheme, 0, 1},
			"ClientSSLProtocol": {slotTLS, 0, 1}, "EdgeResponseStatus": {slotStatus, 0, 1}, "EdgeResponseBytes": {slotBytesOut, 0, 2},
			"EdgeResponseBodyBytes": {slotBytesOut, 0, 3}, "OriginIP": {slotUpstream, 0, 1}, "OriginResponseDurationMs": {slotUpTime, unitMilli, 2},
			"OriginResponseTime": {slotUpTime, unitNano, 1}, "RayID": {slotRequestID, 0, 1}, "ZoneName": {slotService, 0, 1},
			"SecurityAction": {slotAction, 0, 3}, "SecurityActions": {slotAction, 0, 2}, "FirewallMatchesActions": {slotAction, 0, 1},
			"WAFAction": {slotAction, 0, 0}, "SecuritySources": {slotMessage, 0, 2}, "FirewallMatchesSources": {slotMessage, 0, 1},
		},
		prepare: cloudflarePrepare,
	})
}

// cloudflarePrepare tells by the product that spoke whether a block was a firewall's, a limit's or a rule of access
// (developers.cloudflare.com/logs/reference/security-fields, SecuritySources).
func cloudflarePrepare(r *record) error {
	source, ok := r.get(slotMessage)
	if word, _ := r.get(slotAction); !ok || word != event.ActionWAFBlock {
		return nil
	}
	switch strings.ToLower(source) {
	case "ratelimit", "l7ddos", "dos":
		r.put(slotAction, unitNone, 9, event.ActionRateLimit)
	case "asn", "country", "ip", "iprange", "zonelockdown", "uablock", "firewallrules", "firewallcustom":
		r.put(slotAction, unitNone, 9, event.ActionDeny)
	}
	return nil
}

// gcpLB is a request in Google Cloud Logging: load balancers, Cloud Run, App Engine, API Gateway.
func gcpLB() Format {
	return jsonFormat(Format{
		Name: "gcp", Title: "Google Cloud load balancer and other httpRequest entries",
		Definition: "cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest; cloud.google.com/load-balancing/docs/https/https-logging-monitoring",
		Samples: []string{
			`{"httpRequest":{"requestMethod":"GET","requestUrl":"https://api.example.com/items/7?x=1","requestSize":"412","status":200,"responseSize":"934","userAgent":"okhttp/4.12.0","remoteIp":"203.0.113.9","serverIp":"10.0.0.5","latency":"0.034057s","referer":"https://shop.example.com/","protocol":"HTTP/2"},"insertId":"1x","jsonPayload":{"statusDetails":"response_sent_by_backend"},"resource":{"type":"http_load_balancer","labels":{"backend_service_name":"items","forwarding_rule_name":"fr","project_id":"p"}},"timestamp":"2025-03-10T13:55:36.120456Z","severity":"INFO","logName":"projects/p/logs/requests","trace":"projects/p/traces/8a1b","receiveTimestamp":"2025-03-10T13:55:37Z"}`,
			`{"httpRequest":{"requestMethod":"POST","requestUrl":"/login","status":401,"remoteIp":"198.51.100.4:55123","latency":"0.5s"},"resource":{"type":"cloud_run_revision","labels":{"service_name":"auth"}},"timestamp":"2025-03-10T13:55:37Z"}`,
		},
	}, jsonSpec{
		marks: []string{"httpRequest.requestMethod", "timestamp"},
		columns: map[string]column{
			"timestamp": {slotTime, 0, 2}, "receiveTimestamp": {slotTime, 0, 1}, "httpRequest.requestMethod": {slotMethod, 0, 1},
			"httpRequest.requestUrl": {slotURL, 0, 1}, "httpRequest.requestSize": {slotBytesIn, 0, 1}, "httpRequest.status": {slotStatus, 0, 1},
			"httpRequest.responseSize": {slotBytesOut, 0, 1}, "httpRequest.userAgent": {slotAgent, 0, 1}, "httpRequest.remoteIp": {slotClient, 0, 1},
			"httpRequest.serverIp": {slotUpstream, 0, 1}, "httpRequest.latency": {slotDuration, unitGo, 1}, "httpRequest.referer": {slotReferer, 0, 1},
			"httpRequest.protocol": {slotProtocol, 0, 1}, "resource.labels.backend_service_name": {slotService, 0, 2},
			"resource.labels.service_name": {slotService, 0, 2}, "resource.labels.module_id": {slotService, 0, 1}, "trace": {slotRequestID, 0, 1},
			"jsonPayload.statusDetails": {slotAction, 0, 1}, "jsonPayload.enforcedSecurityPolicy.outcome": {slotMessage, 0, 1},
			"jsonPayload.enforcedSecurityPolicy.configuredAction": {slotAction, 0, 2},
			"jsonPayload.previewSecurityPolicy.outcome":           {slotAction, unitPreview, 0},
		},
		prepare: gcpPrepare,
	})
}

// gcpPrepare tells what Cloud Armor did (cloud.google.com/armor/docs/request-logging): the configured action counts only
// where the outcome is DENY.
func gcpPrepare(r *record) error {
	outcome, ok := r.get(slotMessage)
	word, _ := r.get(slotAction)
	switch {
	case ok && outcome != "DENY" && word != event.ActionWAFAlert:
		r.has &^= 1 << slotAction
	case outcome == "DENY" && word != event.ActionRateLimit && word != event.ActionChallenge:
		r.put(slotAction, unitNone, 9, event.ActionWAFBlock)
	}
	return nil
}

// azureAppGateway is the access log of Azure Application Gateway, both generations.
func azureAppGateway() Format {
	return jsonFormat(Format{
		Name: "azure_appgateway", Title: "Azure Application Gateway access log",
		Definition: "learn.microsoft.com/azure/application-gateway/monitor-application-gateway-reference (access log)",
		Samples: []string{
			`{"timeStamp":"2025-03-10T13:55:36+00:00","resourceId":"/SUBSCRIPTIONS/X/APPLICATIONGATEWAYS/GW","operationName":"ApplicationGatewayAccess","category":"ApplicationGatewayAccessLog","properties":{"instanceId":"appgw_1","clientIP":"203.0.113.9","clientPort":50001,"httpMethod":"GET","originalRequestUriWithArgs":"/items/7?x=1","requestUri":"/items/7","requestQuery":"x=1","userAgent":"curl/8.5.0","httpStatus":200,"httpVersion":"HTTP/1.1","receivedBytes":412,"sentBytes":934,"timeTaken":0.034,"sslEnabled":"on","sslProtocol":"TLSv1.3","serverRouted":"10.0.0.5:443","serverResponseLatency":"0.030","originalHost":"api.example.com","host":"items.internal","transactionId":"8a1b"}}`,
			`{"time":"2025-03-10T13:55:37Z","operationName":"ApplicationGatewayAccess","category":"ApplicationGatewayAccessLog","properties":{"clientIP":"198.51.100.4","httpMethod":"POST","requestUri":"/login","requestQuery":"","userAgent":"-","httpStatus":403,"httpVersion":"HTTP/1.1","receivedBytes":65,"sentBytes":553,"timeTaken":205,"sslEnabled":"off","host":"api.example.com"}}`,
		},
	}, jsonSpec{
		marks: []string{"properties.httpMethod", "properties.httpStatus", "properties.requestUri"},
		columns: map[string]column{
			"timeStamp": {slotTime, 0, 2}, "time": {slotTime, 0, 1}, "properties.clientIP": {slotClient, 0, 1},
			"properties.httpMethod": {slotMethod, 0, 1}, "properties.originalRequestUriWithArgs": {slotTarget, 0, 2},
			"properties.requestUri": {slotTarget, 0, 1}, "properties.requestQuery": {slotQuery, 0, 1}, "properties.userAgent": {slotAgent, 0, 1},
			"properties.httpStatus": {slotStatus, 0, 1}, "properties.httpVersion": {slotProtocol, 0, 1}, "properties.receivedBytes": {slotBytesIn, 0, 1},
			"properties.sentBytes": {slotBytesOut, 0, 1}, "properties.timeTaken": {slotDuration, unitAuto, 1}, "properties.sslEnabled": {slotScheme, 0, 1},
			"properties.sslProtocol": {slotTLS, 0, 1}, "properties.serverRouted": {slotUpstream, 0, 1},
			"properties.serverResponseLatency": {slotUpTime, unitSec, 1}, "properties.originalHost": {slotHost, 0, 2},
			"properties.host": {slotHost, 0, 1}, "properties.transactionId": {slotRequestID, 0, 1}, "backendPoolName": {slotService, 0, 1},
		},
		finish: appGatewayFinish,
	})
}

// appGatewayFinish parts the client's query from the server variables that version 1 appends to it.
func appGatewayFinish(_ *record, ev *event.Event) error {
	const first = "X-AzureApplicationGateway-CACHE-HIT="
	own, variables, ok := strings.Cut(ev.Query, first)
	if !ok {
		return nil
	}
	ev.Query = strings.TrimSuffix(own, "&")
	for v := range strings.SplitSeq(variables, "&") {
		if server, ok := strings.CutPrefix(v, "SERVER-ROUTED="); ok && ev.Upstream == "" {
			ev.Upstream = server
		}
	}
	return nil
}

// azureFrontDoor is the access log of Azure Front Door.
func azureFrontDoor() Format {
	return jsonFormat(Format{
		Name: "azure_frontdoor", Title: "Azure Front Door access log",
		Definition: "learn.microsoft.com/azure/frontdoor/monitor-front-door-reference (access log)",
		Samples: []string{
			`{"time":"2025-03-10T13:55:36.120Z","resourceId":"/SUBSCRIPTIONS/X/PROFILES/FD","category":"FrontDoorAccessLog","operationName":"Microsoft.Cdn/Profiles/AccessLog/Write","properties":{"trackingReference":"8a1b6c0f","httpMethod":"GET","httpVersion":"2.0","requestUri":"https://www.example.com:443/a?x=1","requestBytes":"412","responseBytes":"934","userAgent":"Mozilla/5.0","clientIp":"203.0.113.9","clientPort":"50001","socketIp":"10.0.0.2","timeTaken":"0.034","requestProtocol":"HTTPS","securityProtocol":"TLS 1.3","httpStatusCode":"200","httpStatusDetails":"200","originIp":"192.0.2.10:443","originName":"origin.example.com","hostName":"www.example.com","referer":"https://www.example.com/"}}`,
		},
	}, jsonSpec{
		marks: []string{"properties.httpMethod", "properties.httpStatusCode", "properties.requestUri"},
		columns: map[string]column{
			"time": {slotTime, 0, 1}, "properties.trackingReference": {slotRequestID, 0, 1}, "properties.httpMethod": {slotMethod, 0, 1},
			"properties.httpVersion": {slotProtocol, 0, 1}, "properties.requestUri": {slotURL, 0, 1}, "properties.requestBytes": {slotBytesIn, 0, 1},
			"properties.responseBytes": {slotBytesOut, 0, 1}, "properties.userAgent": {slotAgent, 0, 1}, "properties.clientIp": {slotClient, 0, 1},
			"properties.socketIp": {slotPeer, 0, 1}, "properties.timeTaken": {slotDuration, unitSec, 1}, "properties.requestProtocol": {slotScheme, 0, 1},
			"properties.securityProtocol": {slotTLS, 0, 1}, "properties.httpStatusCode": {slotStatus, 0, 1}, "properties.originIp": {slotUpstream, 0, 1},
			"properties.hostName": {slotHost, 0, 1}, "properties.referer": {slotReferer, 0, 1}, "properties.endpoint": {slotService, 0, 1},
		},
	})
}

// azureAPIM is the gateway log of Azure API Management.
func azureAPIM() Format {
	return jsonFormat(Format{
		Name: "azure_apim", Title: "Azure API Management gateway log",
		Definition: "learn.microsoft.com/azure/api-management/monitor-api-management-reference (GatewayLogs)",
		Samples: []string{
			`{"time":"2025-03-10T13:55:36.120Z","category":"GatewayLogs","operationName":"Microsoft.ApiManagement/GatewayLogs","callerIpAddress":"203.0.113.9","correlationId":"8a1b","durationMs":34,"properties":{"method":"GET","url":"https://api.example.com/items/7?x=1","backendResponseCode":200,"responseCode":200,"responseSize":934,"requestSize":412,"cache":"none","backendTime":30,"apiId":"items","operationId":"get-item","userId":"anna","clientProtocol":"HTTP/1.1","clientTlsVersion":"1.3","backendUrl":"https://items.internal/7","apimSubscriptionId":"sub-1","requestHeaders":{"User-Agent":"curl/8.5.0"}}}`,
		},
	}, jsonSpec{
		fold: true, marks: []string{"callerIpAddress", "properties.method", "properties.responseCode"},
		columns: map[string]column{
			"time": {slotTime, 0, 1}, "callerIpAddress": {slotClient, 0, 1}, "correlationId": {slotRequestID, 0, 1},
			"durationMs": {slotDuration, unitMilli, 1}, "properties.method": {slotMethod, 0, 1}, "properties.url": {slotURL, 0, 1},
			"properties.responseCode": {slotStatus, 0, 1}, "properties.responseSize": {slotBytesOut, 0, 1}, "properties.requestSize": {slotBytesIn, 0, 1},
			"properties.backendTime": {slotUpTime, unitMilli, 1}, "properties.apiId": {slotService, 0, 1}, "properties.userId": {slotUser, 0, 2},
			"properties.apimSubscriptionId": {slotUser, 0, 1}, "properties.clientProtocol": {slotProtocol, 0, 1},
			"properties.clientTlsVersion": {slotTLS, 0, 1}, "properties.backendUrl": {slotUpstream, 0, 1},
			"properties.requestHeaders.User-Agent": {slotAgent, 0, 1}, "properties.requestHeaders.Referer": {slotReferer, 0, 1},
			"properties.requestHeaders.X-Forwarded-For": {slotForward, 0, 1},
		},
	})
}

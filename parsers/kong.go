package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// kong is what Kong's file-log, http-log, tcp-log and udp-log plugins write.
func kong() Format {
	return jsonFormat(Format{
		Name: "kong", Title: "Kong (file-log, http-log and its kin)",
		Definition: "docs.konghq.com/gateway/latest/plan-and-deploy/logging (log format); kong.pdk.log.serialize",
		Samples: []string{
			`{"request":{"id":"8a1b6c0f","method":"GET","uri":"/items/7?full=1","url":"https://api.example.com:8443/items/7?full=1","size":"412","querystring":{"full":"1"},"headers":{"host":"api.example.com","user-agent":"okhttp/4.12.0","referer":"https://shop.example.com/","x-forwarded-for":"203.0.113.9","authorization":"REDACTED"},"tls":{"version":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384"}},"upstream_uri":"/7?full=1","upstream_status":"200","response":{"status":200,"size":"934","headers":{"content-type":"application/json"}},"tries":[{"ip":"10.0.0.5","port":8080,"balancer_latency":0}],"latencies":{"proxy":30,"kong":4,"request":34},"client_ip":"203.0.113.9","started_at":1741614936120,"service":{"name":"items","host":"items.internal","id":"s1"},"route":{"name":"items-v1","paths":["/items"],"id":"r1"},"consumer":{"username":"mobile-app","id":"c1","custom_id":"cust-9"},"authenticated_entity":{"id":"k1"},"workspace":"default"}`,
			`{"request":{"method":"POST","uri":"/login","url":"http://api.example.com:8000/login","size":210,"headers":{"host":"api.example.com","user-agent":"curl/8.5.0"}},"response":{"status":401,"size":120},"latencies":{"proxy":-1,"kong":2,"request":2},"client_ip":"198.51.100.4","started_at":1741614937000}`,
		},
	}, jsonSpec{
		marks:  []string{"latencies", "started_at"},
		foldAt: []string{"request.headers"},
		columns: map[string]column{
			"started_at": {slotTime, unitMilli, 1}, "client_ip": {slotClient, 0, 1}, "request.method": {slotMethod, 0, 1},
			"request.uri": {slotTarget, 0, 1}, "request.url": {slotURL, 0, 1}, "request.size": {slotBytesIn, 0, 1}, "request.id": {slotRequestID, 0, 2},
			"request.tls.version": {slotTLS, 0, 1}, "request.headers.host": {slotHost, 0, 1}, "request.headers.user-agent": {slotAgent, 0, 1},
			"request.headers.referer": {slotReferer, 0, 1}, "request.headers.x-forwarded-for": {slotForward, 0, 1},
			"request.headers.authorization": {slotAuth, 0, 1}, "request.headers.cookie": {slotCookie, 0, 1},
			"request.headers.apikey": {slotAPIKey, 0, 2}, "request.headers.x-api-key": {slotAPIKey, 0, 1},
			"request.headers.x-request-id": {slotRequestID, 0, 1}, "response.status": {slotStatus, 0, 1}, "response.size": {slotBytesOut, 0, 1},
			"latencies.request": {slotDuration, unitMilli, 1}, "latencies.proxy": {slotUpTime, unitMilli, 1},
			"service.name": {slotService, 0, 2}, "service.host": {slotService, 0, 1}, "tries.ip": {slotUpstream, 0, 1},
			"consumer.username": {slotUser, 0, 2}, "consumer.custom_id": {slotUser, 0, 3}, "consumer.id": {slotUser, 0, 1},
		},
		finish: kongFinish,
	})
}

// kongFinish takes the scheme from the URL, and drops what Kong has redacted.
func kongFinish(r *record, ev *event.Event) error {
	if u, ok := r.get(slotURL); ok && ev.Scheme == "" {
		if scheme, _, ok := strings.Cut(u, "://"); ok {
			ev.Scheme = scheme
		}
	}
	if strings.EqualFold(ev.Wire.Authorization, "REDACTED") {
		ev.Wire.Authorization = ""
	}
	return nil
}

// apisix is what APISIX's http-logger, file-logger and kafka-logger send unless told otherwise.
func apisixJSON() Format {
	return jsonFormat(Format{
		Name: "apisix_json", Title: "Apache APISIX (http-logger, file-logger)",
		Definition: "apisix.apache.org/docs/apisix/plugins/http-logger (log_format, default entry)",
		Samples: []string{
			`{"request":{"method":"GET","uri":"/hello?x=1","url":"http://api.example.com:9080/hello?x=1","size":90,"headers":{"host":"api.example.com","user-agent":"curl/8.5.0","x-forwarded-for":"203.0.113.9"},"querystring":{"x":"1"}},"response":{"status":200,"size":118,"headers":{"server":"APISIX"}},"server":{"hostname":"gw-1","version":"3.9.0"},"client_ip":"203.0.113.9","service_id":"hello","route_id":"1","consumer":{"username":"anna"},"upstream":"10.0.0.5:1982","start_time":1741614936120,"latency":34.5,"apisix_latency":4.5,"upstream_latency":30}`,
		},
	}, jsonSpec{
		marks:  []string{"start_time", "apisix_latency"},
		foldAt: []string{"request.headers"},
		columns: map[string]column{
			"start_time": {slotTime, unitMilli, 1}, "client_ip": {slotClient, 0, 1}, "request.method": {slotMethod, 0, 1},
			"request.uri": {slotTarget, 0, 1}, "request.url": {slotURL, 0, 1}, "request.size": {slotBytesIn, 0, 1},
			"request.headers.host": {slotHost, 0, 1}, "request.headers.user-agent": {slotAgent, 0, 1}, "request.headers.referer": {slotReferer, 0, 1},
			"request.headers.x-forwarded-for": {slotForward, 0, 1}, "request.headers.authorization": {slotAuth, 0, 1},
			"request.headers.cookie": {slotCookie, 0, 1}, "request.headers.apikey": {slotAPIKey, 0, 1}, "request.headers.x-request-id": {slotRequestID, 0, 1},
			"response.status": {slotStatus, 0, 1}, "response.size": {slotBytesOut, 0, 1}, "latency": {slotDuration, unitMilli, 1},
			"upstream_latency": {slotUpTime, unitMilli, 1}, "service_id": {slotService, 0, 1}, "upstream": {slotUpstream, 0, 1},
			"consumer.username": {slotUser, 0, 1},
		},
		finish: kongFinish,
	})
}

package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// ingressNginx is the default of the Kubernetes ingress controller.
func ingressNginx() Format {
	return textFormat(Format{
		Name: "ingress_nginx", Title: "ingress-nginx", Family: familyCLF,
		Definition: "kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format",
		Samples: []string{
			`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /v1/carts/7?full=1 HTTP/2.0" 200 512 "https://shop.example.com/" "Mozilla/5.0" 840 0.034 [shop-cart-8080] [] 10.1.2.3:8080 512 0.030 200 8a1b6c0f4e4d4f7f9a0b`,
			`2001:db8::7 - anna [10/Mar/2025:13:55:37 +0000] "POST /v1/orders HTTP/1.1" 502 150 "-" "okhttp/4.12.0" 1200 1.204 [shop-orders-8080] [] 10.1.2.4:8080, 10.1.2.5:8080 0, 150 0.600, 0.602 502, 502 77aa`,
		},
	}, nil,
		nginxCombinedFormat+` $request_length $request_time [$proxy_upstream_name] [$alternative] $upstream_addr $upstream_lengths $upstream_response_time $upstream_statuses $req_id`,
		`$peer_ip - [$client_ip] - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$alternative] $upstream_addr $upstream_lengths $upstream_response_time $upstream_statuses $req_id`,
		nginxCombinedFormat+` $request_length $request_time [$proxy_upstream_name] $upstream_addr $upstream_lengths $upstream_response_time $upstream_statuses`,
		`$peer_ip - [$client_ip] - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] $upstream_addr $upstream_lengths $upstream_response_time $upstream_statuses`,
	)
}

// kongText is the access log of Kong's proxy.
func kongText() Format {
	return textFormat(Format{
		Name: "kong_text", Title: "Kong (the proxy's access log)", Family: familyCLF,
		Definition: "github.com/Kong/kong, kong/templates/nginx_kong.lua (log_format kong_log_format)",
		Samples: []string{
			`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /items/7?x=1 HTTP/1.1" 200 512 "-" "curl/8.5.0" kong_request_id: "7afd4ca2b5c0fe1c7a7a3a2f6f1f2d3e"`,
			`2001:db8::7 - - [10/Mar/2025:13:55:37 +0000] "POST /login HTTP/2.0" 401 48 "https://shop.example.com/" "okhttp/4.12.0" kong_request_id: "7afd4ca2b5c0fe1c7a7a3a2f6f1f2d3f"`,
		},
	}, nil, nginxCombinedFormat+` kong_request_id: "$request_id"`)
}

// nginxHost are combined lines with the virtual host before them, and perhaps a request id, as hosting panels and
// BunkerWeb write them.
func nginxHost() Format {
	return textFormat(Format{
		Name: "host_combined", Title: "combined behind the virtual host (BunkerWeb, hosting panels)", Family: familyCLF,
		Definition: "docs.bunkerweb.io (LOG_FORMAT); github.com/bunkerity/bunkerweb",
		Samples: []string{
			`shop.example.com 203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /cart HTTP/1.1" 200 512 "-" "curl/8.5.0"`,
			`shop.example.com 203.0.113.9 - 8f0e21 anna [10/Mar/2025:13:55:37 +0000] "GET /cart HTTP/1.1" 200 512 "-" "curl/8.5.0"`,
			`shop.example.com 203.0.113.9 - 8f0e22 - [10/Mar/2025:13:55:38 +0000] "\x16\x03\x01" 400 157 "-" "-"`,
			`shop.example.com 2001:db8::9 - - [10/Mar/2025:13:55:39 +0000] "GET /x HTTP/1.1" 404 162 "-" "curl/8.5.0" "-"`,
		},
	}, hostBefore,
		`$host $remote_addr - $request_id $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`,
		`$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`,
		`$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"`,
	)
}

// hostBefore refuses a list of addresses in the host's place.
func hostBefore(r *record, _ *event.Event) error {
	if v, _ := r.get(slotHost); strings.HasSuffix(v, ",") {
		return bad("a list of addresses in the host's place")
	}
	return nil
}

// nginxTimed are combined and main with the request's and the upstream's time behind them, the most common additions.
func nginxTimed() Format {
	return textFormat(Format{
		Name: "nginx_timed", Title: "nginx combined or main with request and upstream times, Rack common with its time", Family: familyCLF,
		Definition: nginxDocs + " (the variables; their order is common usage)",
		Samples: []string{
			`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /v1/items HTTP/1.1" 200 812 "-" "okhttp/4.12.0" 0.034 0.030`,
			`10.0.3.7 - - [10/Mar/2025:13:55:37 +0000] "GET /v1/items HTTP/1.1" 200 812 "-" "okhttp/4.12.0" "203.0.113.9" 0.034 0.030`,
			`10.0.3.7 - - [10/Mar/2025:13:55:38 +0000] "GET /v1/items HTTP/1.1" 200 812 "-" "okhttp/4.12.0" "203.0.113.9" rt=0.034 uct="0.001" uht="0.020" urt="0.030"`,
			`10.0.3.7 - - [10/Mar/2025:13:55:39 +0000] "GET /v1/items HTTP/1.1" 200 812 "-" "okhttp/4.12.0" 0.034`,
			`203.0.113.9 - - [10/Mar/2025:13:55:40 +0000] "GET /v1/items HTTP/1.1" 200 - 0.0123`,
		},
	}, fractionalSeconds,
		nginxCombinedFormat+` $request_time $upstream_response_time`,
		nginxMainFormat+` $request_time $upstream_response_time`,
		nginxCombinedFormat+` rt=$request_time uct="$uct" uht="$uht" urt="$upstream_response_time"`,
		nginxMainFormat+` rt=$request_time uct="$uct" uht="$uht" urt="$upstream_response_time"`,
		nginxCombinedFormat+` $request_time`,
		nginxMainFormat+` $request_time`,
		`$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent $request_time`,
	)
}

// fractionalSeconds refuses a request time without a point, which nginx always writes: it is Apache's or Jetty's, in some unit.
func fractionalSeconds(r *record, _ *event.Event) error {
	if v, ok := r.get(slotDuration); ok && strings.IndexByte(v, '.') < 0 {
		return bad("want the request time in seconds with milliseconds")
	}
	return nil
}

// proxyManager is Nginx Proxy Manager's proxy and standard formats.
func proxyManager() Format {
	return scanFormat(Format{
		Name: "nginx_proxy_manager", Title: "Nginx Proxy Manager", Family: familyCLF,
		Definition: "github.com/NginxProxyManager/nginx-proxy-manager, docker/rootfs/etc/nginx/conf.d/include/log-proxy.conf",
		Samples: []string{
			`[10/Mar/2025:13:55:36 +0000] - 200 200 - GET https shop.example.com "/cart?item=7" [Client 203.0.113.9] [Length 2048] [Gzip 1.20] [Sent-to 10.0.0.50] "Mozilla/5.0" "https://shop.example.com/"`,
			`[10/Mar/2025:13:55:37 +0000] 404 - GET http api.example.com "/v1/health" [Client 2001:db8::7] [Length 512] [Gzip -] "curl/8.5.0" "-"`,
			`[10/Mar/2025:13:55:38 +0000] 400 - - http localhost-nginx-proxy-manager "-" [Client 203.0.113.9] [Length 150] [Gzip -] "-" "-"`,
		},
	}, scanParser{scan: scanProxyManager, escapes: true},
		slotTime, slotStatus, slotMethod, slotScheme, slotHost, slotTarget, slotClient, slotBytesOut, slotUpstream, slotAgent, slotReferer)
}

// scanProxyManager reads: [time] cache upstream_status status - METHOD scheme host "target" [Client …] [Length …] [Gzip …]
// [Sent-to …] "agent" "referer"; the standard format has the status alone before the dash and no [Sent-to].
func scanProxyManager(line string, r *record) error {
	end := strings.IndexByte(line, ']')
	if line[0] != '[' || end < 20 {
		return bad("want [time]")
	}
	r.put(slotTime, unitCLF, 1, line[1:end])
	t := tokens{s: line, at: end + 1}
	status, method, scheme := "", "", ""
	for n := 0; scheme == ""; n++ {
		v, ok := t.next()
		switch {
		case !ok || n > 6:
			return &fieldError{what: "want a status, a dash, a method and a scheme", at: end}
		case (v == "http" || v == "https") && status != "" && method != "":
			scheme = v
		case len(v) == 3 && isDigit(v[0]):
			status = v
		default:
			method = v // the last before the scheme; a dash or junk where the request is not HTTP
		}
	}
	r.put(slotStatus, unitNone, 1, status)
	r.put(slotMethod, unitNone, 1, method)
	var v [2]string
	if t.fill(v[:]) < 2 || v[1] == "" {
		return &fieldError{what: "want host and target", at: t.at}
	}
	r.put(slotScheme, unitNone, 1, scheme)
	r.put(slotHost, unitNone, 1, v[0])
	r.put(slotTarget, unitNone, 1, v[1])
	r.putProxyManagerTail(&t)
	if _, ok := r.get(slotClient); !ok {
		return &fieldError{what: "want [Client …]", at: t.at}
	}
	return nil
}

// putProxyManagerTail reads the labelled and quoted columns behind the target.
func (r *record) putProxyManagerTail(t *tokens) {
	agent := false
	for {
		v, ok := t.next()
		if !ok {
			return
		}
		name, value, _ := strings.Cut(v, " ")
		quoted := t.s[t.at-1] == '"'
		switch {
		case quoted && !agent:
			r.put(slotAgent, unitNone, 1, v)
			agent = true
		case quoted:
			r.put(slotReferer, unitNone, 1, v)
		case name == "Client":
			r.put(slotClient, unitNone, 1, value)
		case name == "Length":
			r.put(slotBytesOut, unitNone, 1, value)
		case name == "Sent-to":
			r.put(slotUpstream, unitNone, 1, value)
		}
	}
}

// npmplus is the fork NPMplus.
func npmplus() Format {
	return textFormat(Format{
		Name: "npmplus", Title: "NPMplus", Family: familyCLF,
		Definition: "github.com/ZoeyVid/NPMplus, rootfs/usr/local/nginx/conf/nginx.conf",
		Samples: []string{
			`[10/Mar/2025:13:55:36 +0000] shop.example.com 203.0.113.9 0.227 "REPORT /dav/calendar/ HTTP/2.0" 207 125 440 - Mozilla/5.0 (Windows NT 10.0; Win64; x64)`,
			`[10/Mar/2025:13:55:37 +0000] _ 198.51.100.4 0.811 "\x16\x03\x02" 400 122 282 - -`,
		},
	}, nil,
		`[$time_local] $host $remote_addr $request_time "$request" $status $body_bytes_sent $bytes_sent $http_referer $http_user_agent`)
}

// apisixText is APISIX's access log on disk, which is OpenResty's.
func apisixText() Format {
	return textFormat(Format{
		Name: "apisix", Title: "Apache APISIX access log", Family: familyCLF,
		Definition: "github.com/apache/apisix, conf/config-default.yaml (nginx_config.http.access_log_format)",
		Samples: []string{
			`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] api.example.com "GET /get?a=1 HTTP/1.1" 200 299 0.008 "-" "curl/8.5.0" 10.0.0.9:80 200 0.007 "http://httpbin.example.com/get"`,
			`203.0.113.9 - - [10/Mar/2025:13:55:37 +0000] api.example.com:9080 "GET /none HTTP/1.1" 404 36 0.000 "-" "curl/8.5.0" - - - "http://api.example.com"`,
		},
	}, nil,
		`$remote_addr - $remote_user [$time_local] $http_host "$request" $status $body_bytes_sent $request_time "$http_referer" "$http_user_agent" $upstream_addr $upstream_status $upstream_response_time "$upstream_url" "$apisix_request_id"`,
		`$remote_addr - $remote_user [$time_local] $http_host "$request" $status $body_bytes_sent $request_time "$http_referer" "$http_user_agent" $upstream_addr $upstream_status $upstream_response_time "$upstream_url"`,
		`$remote_addr - $remote_user [$time_local] $http_host "$request" $status $body_bytes_sent $request_time "$http_referer" "$http_user_agent" $upstream_addr $upstream_status $upstream_response_time`)
}

package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// lighttpd is lighttpd's default: combined with the virtual host in the place of the identity.
func lighttpd() Format {
	return textFormat(Format{
		Name: "lighttpd", Title: "lighttpd", Family: familyCLF,
		Definition: "redmine.lighttpd.net/projects/lighttpd/wiki/Mod_accesslog (accesslog.format)",
		Samples: []string{
			`203.0.113.9 www.example.com - [10/Mar/2025:13:55:36 +0000] "GET /a.html?x=1 HTTP/1.1" 200 1024 "-" "curl/8.5.0"`,
			`2001:db8::7 www.example.com:8080 anna [10/Mar/2025:13:55:37 +0000] "GET /private HTTP/1.1" 401 0 "-" "curl/8.5.0"`,
		},
	}, needHost, `$remote_addr $host $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`)
}

// needHost refuses lines without a host: they are plain combined.
func needHost(r *record, _ *event.Event) error {
	if c, _ := r.get(slotClient); strings.HasSuffix(c, ",") {
		return bad("a list of addresses in the client's place")
	}
	if v, ok := r.get(slotHost); !ok || strings.IndexByte(v, '.') < 0 && v != "localhost" {
		return bad("no host after the client")
	}
	return nil
}

// varnish is varnishncsa's default: combined, with the absolute URL in the request line.
func varnish() Format {
	return textFormat(Format{
		Name: "varnish", Title: "Varnish (varnishncsa)", Family: familyCLF, Fields: []string{"scheme", "host"},
		Definition: "varnish-cache.org/docs/trunk/reference/varnishncsa.html",
		Samples: []string{
			`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET http://www.example.com/a?x=1 HTTP/1.1" 200 1024 "-" "curl/8.5.0"`,
			`2001:db8::7 - anna [10/Mar/2025:13:55:37 +0000] "POST http://www.example.com:8080/login HTTP/1.1" 302 0 "https://www.example.com/" "Mozilla/5.0"`,
		},
	}, varnishRequest, nginxCombinedFormat)
}

// varnishRequest refuses a request line without host: varnishncsa always writes one.
func varnishRequest(r *record, ev *event.Event) error {
	if ev.Path == "" || ev.Host == "" {
		return bad("the request line has no absolute URL")
	}
	return absoluteByDesign(r, ev)
}

// litespeed quotes the host or writes combined.
func litespeed() Format {
	return textFormat(Format{
		Name: "litespeed", Title: "LiteSpeed and OpenLiteSpeed", Family: familyCLF,
		Definition: "docs.openlitespeed.org/config/advanced (access log format); the default is combined",
		Samples: []string{
			`"203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /index.php?p=1 HTTP/1.1" 200 195 "-" "Mozilla/5.0 (X11; Linux x86_64)""`,
			`"shop.example.com" 203.0.113.9 - - [10/Mar/2025:13:55:37 +0000] "GET /index.php HTTP/1.1" 200 195 "-" "Mozilla/5.0 (X11; Linux x86_64)"`,
		},
	}, nil,
		`"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""`,
		`"$host" $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`)
}

// reactorNetty is the access log of Spring Cloud Gateway and other servers on Reactor Netty.
func reactorNetty() Format {
	return textFormat(Format{
		Name: "spring", Title: "Spring Cloud Gateway, WebFlux (Reactor Netty access log)", Family: familyCLF,
		Definition: "projectreactor.io/docs/netty (HTTP access log); reactor.netty.http.server.logging.AccessLog",
		Samples: []string{
			`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /orders/7?full=1 HTTP/1.1" 200 512 34`,
			`2001:db8::7 - anna [2025-03-10T13:55:37.120Z] "POST /orders HTTP/2.0" 201 64 12`,
			`203.0.113.9 - - [10/Mar/2025:13:55:38 +0000] "GET /orders/8 HTTP/1.1" 200 512 8080 34`,
		},
	}, wholeMillis,
		`$remote_addr - $remote_user [$time] "$request" $status $bytes_out $duration_ms`,
		`$remote_addr - $remote_user [$time] "$request" $status $bytes_out $port $duration_ms`)
}

// wholeMillis refuses a duration with a fraction: Reactor Netty writes whole milliseconds, Rack's CommonLogger seconds.
func wholeMillis(r *record, _ *event.Event) error {
	if v, ok := r.get(slotDuration); ok && strings.IndexByte(v, '.') >= 0 {
		return bad("want the duration in whole milliseconds")
	}
	return nil
}

// tomcat is Tomcat's AccessLogValve with the durations that Spring Boot's examples add.
func tomcat() Format {
	return textFormat(Format{
		Name: "tomcat", Title: "Tomcat access log valve, Spring Boot", Family: familyCLF,
		Definition: "tomcat.apache.org/tomcat-10.1-doc/config/valve.html#Access_Logging (common and combined are read as such)",
		Samples: []string{
			`203.0.113.9 - anna [10/Mar/2025:13:55:36 +0000] "GET /app/orders/7 HTTP/1.1" 200 512 (34 ms)`,
			`tomcat 203.0.113.9 - - [10/Mar/2025:13:55:37 +0000] "GET /app/ HTTP/1.1" 404 - http-nio-8080-exec-1 34`,
		},
	}, nil,
		`$remote_addr $ident $remote_user [$time_local] "$request" $status $bytes_out ($duration_ms ms)`,
		`$tag $remote_addr $ident $remote_user [$time_local] "$request" $status $bytes_out $thread $duration_ms`)
}

// traefikCLF is Traefik's default.
func traefikCLF() Format {
	return textFormat(Format{
		Name: "traefik_clf", Title: "Traefik (CLF)", Family: familyCLF,
		Definition: "doc.traefik.io/traefik/observability/access-logs",
		Samples: []string{
			`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /api/items?x=1 HTTP/2.0" 200 357 "-" "curl/8.5.0" 190 "items@docker" "http://10.0.0.5:8080" 34ms`,
			`203.0.113.9 - anna [10/Mar/2025:13:55:37 +0000] "GET /none HTTP/1.1" 404 19 "-" "-" 191 "-" "-" 0ms`,
			`203.0.113.9 - - [10/Mar/2025:13:55:38 +0000] "GET / HTTP/1.1" - - "-" "curl/8.5.0" 192 "web@docker" "-" 5ms`,
		},
	}, nil,
		`$client_ip - $user_basic [$time_clf] "$request" $status $bytes_out "$referer" "$user_agent" $count "$service" "$upstream" ${duration_ms}ms`)
}

// apiGatewayCLF is AWS API Gateway's CLF, and the CSV of the same variables.
func apiGatewayText() Format {
	return textFormat(Format{
		Name: "aws_apigateway", Title: "AWS API Gateway (CLF and CSV)", Family: familyCLF, Fields: []string{"route"},
		Definition: "docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html (access log formats)",
		Samples: []string{
			`203.0.113.9 - anna [10/Mar/2025:13:55:36 +0000] "GET /items/{id} HTTP/1.1" 200 512 c6af9ac6-7b61-11e6-9a41-93e8deadbeef`,
			`203.0.113.9,-,anna,10/Mar/2025:13:55:37 +0000,GET,/items/{id},HTTP/1.1,200,512,c6af9ac6-7b61-11e6-9a41-93e8deadbeef`,
		},
	}, apiGatewayTextFinish,
		`$client_ip $caller $user [$time_clf] "$request" $status $bytes_out $request_id $extended_id`,
		`$client_ip $caller $user [$time_clf] "$request" $status $bytes_out $request_id`,
		`$client_ip,$caller,$user,$time_clf,$method,$path,$protocol,$status,$bytes_out,$request_id,$extended_id`,
		`$client_ip,$caller,$user,$time_clf,$method,$path,$protocol,$status,$bytes_out,$request_id`)
}

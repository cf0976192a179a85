package parsers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/event"
)

// read gives what Auto makes of one line that it has never seen, as the fields' JSON names.
func readStranger(t *testing.T, line string) map[string]any {
	t.Helper()
	var ev event.Event
	ev.Reset()
	if err := NewAuto(Options{Year: 2025}).Parse(line, &ev); err != nil {
		t.Errorf("%v\n%s", err, line)
		return nil
	}
	var got map[string]any
	if err := json.Unmarshal(ev.AppendJSON(nil), &got); err != nil {
		t.Fatal(err)
	}
	if ev.Wire.ForwardedFor != "" {
		got["forwarded_for"] = ev.Wire.ForwardedFor
	}
	return got
}

// expect checks fields written as "name=value name=value"; a name without value must be absent.
func expect(t *testing.T, line, want string) {
	t.Helper()
	got := readStranger(t, line)
	if got == nil {
		return
	}
	for _, w := range strings.Fields(want) {
		name, value, has := strings.Cut(w, "=")
		have, is := got[name]
		if n, ok := have.(float64); ok {
			have = formatFloat(n)
		}
		if is != has || has && fmt.Sprint(have) != value {
			t.Errorf("%s: got %v, want %s\n%s", name, have, value, line)
		}
	}
}

func formatFloat(f float64) string {
	if f == float64(int64(f)) {
		return fmt.Sprint(int64(f))
	}
	return fmt.Sprint(f)
}

// TestGatewayActions reads what gateways say that they did.
func TestGatewayActions(t *testing.T) {
	const (
		nginx  = "2025/03/10 13:55:36 [error] 31#31: *7 %s, client: 203.0.113.9, server: a.example, request: \"GET /x HTTP/1.1\", host: \"a.example\""
		apache = "[Mon Mar 10 13:55:36.120456 2025] [%s] [pid 812] [client 203.0.113.9:50229] %s"
		cloud  = `{"ClientIP":"203.0.113.9","ClientRequestHost":"a.example","ClientRequestMethod":"GET","ClientRequestURI":"/x","EdgeStartTimestamp":"2025-03-10T13:55:36Z","EdgeResponseStatus":403,%s}`
		waf    = `{"timestamp":1741614936120,%s,"httpRequest":{"clientIp":"203.0.113.9","headers":[],"uri":"/","args":"","httpVersion":"HTTP/2.0","httpMethod":"GET","requestId":"2"}}`
		armor  = `{"timestamp":"2025-03-10T13:55:36Z","httpRequest":{"requestMethod":"GET","requestUrl":"https://a.example/x","status":403,"remoteIp":"203.0.113.9"},"jsonPayload":{%s}}`
		proxy  = `203.0.113.9:55032 [10/Mar/2025:13:55:36.120] fe be/<NOSRV> 0/-1/-1/-1/0 %s - - %s 1/1/0/0/0 0/0 "GET /admin HTTP/1.1"`
		envoy  = `[2025-03-10T13:55:36.120Z] "GET /x HTTP/1.1" %s 0 18 0 - "203.0.113.9" "ua" "r" "a.example" "-"`
	)
	for _, tc := range []struct{ line, want string }{
		{fmt.Sprintf(nginx, `limiting connections by zone "addr"`), "rate_limit"},
		{fmt.Sprintf(nginx, `limiting requests, excess: 5.428 by zone "z"`), "rate_limit"},
		{fmt.Sprintf(nginx, `limiting requests, dry run, excess: 5.428 by zone "z"`), ""},
		{fmt.Sprintf(nginx, `delaying request, excess: 0.152, by zone "one"`), "delay"},
		{fmt.Sprintf(nginx, `access forbidden by rule`), "deny"},
		{fmt.Sprintf(nginx, `open() "/x" failed (2: No such file or directory)`), ""},
		{fmt.Sprintf(nginx, `[client 203.0.113.9] ModSecurity: Access denied with code 403 (phase 2). [id "949110"] [severity "2"] [hostname "10.0.0.4"] [uri "/x"] [unique_id "16"]`), "waf_block"},
		{fmt.Sprintf(nginx, `[client 203.0.113.9] ModSecurity: Warning. [id "942100"] [severity "2"] [hostname "10.0.0.4"] [uri "/x"] [unique_id "16"]`), "waf_alert"},
		{fmt.Sprintf(nginx, `[client 203.0.113.9] ModSecurity: Warning. [id "920350"] [severity "4"] [hostname "10.0.0.4"] [uri "/x"] [unique_id "16"]`), "waf_notice"},
		{fmt.Sprintf(nginx, `NAXSI_FMT: ip=203.0.113.9&server=a&uri=/x&learning=0&vers=0.56&total_blocked=2&block=1&cscore0=$SQL`), "waf_block"},
		{fmt.Sprintf(nginx, `NAXSI_FMT: ip=203.0.113.9&server=a&uri=/x&learning=1&vers=0.56&total_blocked=2&block=1&cscore0=$SQL`), "waf_alert"},
		{fmt.Sprintf(apache, "authz_core:error", "AH01630: client denied by server configuration: /var/www/x"), "deny"},
		{fmt.Sprintf(apache, "evasive20:error", "client denied by server configuration: /var/www/x"), "rate_limit"},
		{fmt.Sprintf(apache, "qos:error", "mod_qos(031): access denied, QS_SrvMaxConnPerIP rule: max=10"), "rate_limit"},
		{fmt.Sprintf(apache, ":error", `[client 203.0.113.9] ModSecurity: Warning. Matched phrase "x" at ARGS. [severity "CRITICAL"] [uri "/x"]`), "waf_alert"},
		{fmt.Sprintf(apache, "core:info", "AH00128: File does not exist: /var/www/x"), ""},
		{fmt.Sprintf(cloud, `"SecurityAction":"block","SecuritySources":["firewallManaged"]`), "waf_block"},
		{fmt.Sprintf(cloud, `"SecurityAction":"block","SecuritySources":["rateLimit"]`), "rate_limit"},
		{fmt.Sprintf(cloud, `"SecurityAction":"block","SecuritySources":["country"]`), "deny"},
		{fmt.Sprintf(cloud, `"SecurityActions":["skip","log"],"SecuritySources":["firewallCustom","firewallManaged"]`), "waf_alert"},
		{fmt.Sprintf(cloud, `"SecurityAction":"managed_challenge"`), "challenge"},
		{fmt.Sprintf(cloud, `"SecurityAction":""`), ""},
		{fmt.Sprintf(waf, `"action":"BLOCK","terminatingRuleType":"REGULAR"`), "waf_block"},
		{fmt.Sprintf(waf, `"action":"BLOCK","terminatingRuleType":"RATE_BASED"`), "rate_limit"},
		{fmt.Sprintf(waf, `"action":"ALLOW","terminatingRuleType":"REGULAR","nonTerminatingMatchingRules":[{"ruleId":"a","action":"COUNT"}]`), "waf_notice"},
		{fmt.Sprintf(waf, `"action":"CAPTCHA","terminatingRuleType":"REGULAR"`), "challenge"},
		{fmt.Sprintf(armor, `"enforcedSecurityPolicy":{"configuredAction":"DENY","outcome":"DENY"},"statusDetails":"denied_by_security_policy"`), "waf_block"},
		{fmt.Sprintf(armor, `"enforcedSecurityPolicy":{"configuredAction":"THROTTLE","outcome":"DENY"},"statusDetails":"denied_by_security_policy"`), "rate_limit"},
		{fmt.Sprintf(armor, `"enforcedSecurityPolicy":{"configuredAction":"THROTTLE","outcome":"ACCEPT"}`), ""},
		{fmt.Sprintf(armor, `"enforcedSecurityPolicy":{"configuredAction":"ALLOW","outcome":"ACCEPT"},"previewSecurityPolicy":{"outcome":"DENY"}`), "waf_alert"},
		{fmt.Sprintf(proxy, "403 192", "PR--"), "deny"},
		{fmt.Sprintf(proxy, "429 192", "PR--"), "rate_limit"},
		{fmt.Sprintf(proxy, "400 192", "PR--"), ""},
		{fmt.Sprintf(proxy, "500 192", "PT--"), "deny"},
		{fmt.Sprintf(proxy, "200 192", "----"), ""},
		{fmt.Sprintf(envoy, "429 RL"), "rate_limit"},
		{fmt.Sprintf(envoy, "403 UAEX"), "deny"},
		{fmt.Sprintf(envoy, "503 UH"), ""},
		{`https 2025-03-10T13:55:36.120456Z app/shop/50dc 203.0.113.9:2817 - -1 -1 -1 403 - 34 366 "GET https://a.example:443/x HTTP/1.1" "ua" - - - "-" "a.example" "-" 0 2025-03-10T13:55:36.086000Z "waf" "-" "-" "-" "-" "-" "-"`, "waf_block"},
		{`{"remote_addr":"203.0.113.9","time_local":"10/Mar/2025:13:55:36 +0000","request":"GET /x HTTP/1.1","status":"503","limit_req_status":"REJECTED"}`, "rate_limit"},
		{`{"remote_addr":"203.0.113.9","time_local":"10/Mar/2025:13:55:36 +0000","request":"GET /x HTTP/1.1","status":"200","limit_req_status":"PASSED"}`, ""},
	} {
		if got, _ := readStranger(t, tc.line)["gateway_action"].(string); got != tc.want {
			t.Errorf("got %q, want %q\n%s", got, tc.want, tc.line)
		}
	}
}

// TestErrorLogVariants reads Apache's complaints, with their numbers and as older versions write them.
func TestErrorLogVariants(t *testing.T) {
	const apache = "[Mon Mar 10 13:55:36 2025] [error] [client 203.0.113.9] "
	for _, tc := range []struct{ line, want string }{
		{apache + `user root: authentication failure for "/phpmyadmin": Password Mismatch`, "user=root path=/phpmyadmin status=401 auth_scheme=basic"},
		{apache + "user root not found: /phpmyadmin", "user=root path=/phpmyadmin status=401"},
		{apache + "Digest: user `anna' in realm `priv' not found: /private/", "user=anna path=/private/ status=401"},
		{apache + "Invalid URI in request GET /../../etc/passwd HTTP/1.1", "method=GET path=/../../etc/passwd status=400"},
		{apache + `Invalid method in request \x16\x03\x01`, `request_line=\x16\x03\x01 method path`},
		{`[Mon Mar 10 13:55:36.120456 2025] [auth_digest:error] [pid 812] [client 203.0.113.9:50229] AH01794: user anna: password mismatch: /private/, referer: http://a.example/`, "user=anna path=/private/ status=401 referer=http://a.example/"},
		{`[Mon Mar 10 13:55:36.120456 2025] [authnz_ldap:info] [pid 812] [client 203.0.113.9:50229] AH01695: auth_ldap authenticate: user anna authentication failed; URI /private/ [User not found][No such object]`, "user=anna path=/private/ status=401"},
		{`[2025-03-10 13:55:36.120456] [authz_core:error] [pid 812] [client 2001:db8::7:50229] AH01630: client denied by server configuration: /x`, "time=2025-03-10T13:55:36.120456Z client_ip=2001:db8::7 status=403"},
		{`[Mon Mar 10 13:55:36.120456 2025] [ssl:error] [pid 812] [remote 203.0.113.9:50229] AH02042: rejecting client initiated renegotiation`, "client_ip=203.0.113.9"},
		{`2025/03/10 13:55:36 [error] 31#31: *7 open() "/x" failed (2: No such file or directory), client: unix:, server: a.example, request: "GET /x HTTP/1.1", host: "a.example"`, "method=GET path=/x status=404 client_ip"},
		{`Mar 10 13:55:36 web httpd[1]: [authz_core:error] [pid 1:tid 2] [client 203.0.113.9:5000] AH01630: client denied by server configuration: /x`, "time=2025-03-10T13:55:36Z client_ip=203.0.113.9 status=403 gateway_action=deny"},
		{`2025/03/10 13:55:36 [error] 31#31: *7 client intended to send too large body: 10485761 bytes, client: 203.0.113.9, server: a.example, request: "POST /up HTTP/1.1", host: "a.example"`, "method=POST path=/up status=413"},
	} {
		expect(t, tc.line, tc.want)
	}
}

// TestStrangers reads lines of servers and applications that have no format of their own here.
func TestStrangers(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{`203.0.113.9 - - [10/Mar/2025 13:55:36] "GET /x?y=1 HTTP/1.1" 200 -`, "client_ip=203.0.113.9 method=GET path=/x query=y=1 status=200 bytes_out"},
		{"203.0.113.9 - - [10/Mar/2025 13:55:36] \"\x1b[33mGET /x HTTP/1.1\x1b[0m\" 404 -", "method=GET path=/x status=404 request_line"},
		{`INFO:werkzeug:203.0.113.9 - - [10/Mar/2025 13:55:36] "GET /x HTTP/1.1" 200 -`, "client_ip=203.0.113.9 method=GET path=/x status=200"},
		{`2025-03-10 13:55:36,120 INFO uvicorn.access 203.0.113.9:5000 - "GET /x HTTP/1.1" 200`, "time=2025-03-10T13:55:36.12Z client_ip=203.0.113.9 path=/x status=200"},
		{`[10/Mar/2025 13:55:36] WARNING [django.server:212] "GET /x HTTP/1.1" 404 179`, "path=/x status=404 bytes_out=179 client_ip"},
		{`[pid: 1|app: 0|req: 1/1] 203.0.113.9 () {44 vars in 614 bytes} [Mon Mar 10 13:55:36 2025] GET /x?y=1 => generated 512 bytes in 34 msecs (HTTP/1.1 200) 2 headers in 79 bytes`, "client_ip=203.0.113.9 path=/x status=200 bytes_out=512 duration_ms=34"},
		{`Started GET "/x?y=1" for 203.0.113.9 at 2025-03-10 13:55:36 +0100`, "time=2025-03-10T12:55:36Z client_ip=203.0.113.9 method=GET path=/x query=y=1"},
		{`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /x HTTP/1.1" 200 - 0.0123`, "path=/x status=200 duration_ms=12.3"},
		{`203.0.113.9 - - [Mon, 10 Mar 2025 13:55:36 GMT] "GET /x HTTP/1.1" 200 5 "https://a.example/" "ua"`, "path=/x bytes_out=5 referer=https://a.example/ user_agent=ua"},
		{`2025/03/10 13:55:36 [host/abc-000001] "GET http://a.example/x HTTP/1.1" from 203.0.113.9:5000 - 200 5B in 1.5ms`, "client_ip=203.0.113.9 host=a.example path=/x status=200 bytes_out=5 duration_ms=1.5 request_line"},
		{`[10/Mar/2025:13:55:36 +0000] 203.0.113.9 TLSv1.2 ECDHE-RSA "GET / HTTP/1.1" 404`, "client_ip=203.0.113.9 path=/ bytes_out=404 tls_version=TLSv1.2 status"},
		{`[2025-03-10T13:55:36+00:00] 203.0.113.9 "GET /x HTTP/1.1" 200 5 "-" "ua"`, "client_ip=203.0.113.9 path=/x status=200 bytes_out=5 user_agent=ua"},
		{`[I 2025-03-10 13:55:36.123 ServerApp] 302 GET /api/x (203.0.113.9) 1.23ms`, "client_ip=203.0.113.9 path=/api/x status=302 duration_ms=1.23"},
		{`203.0.113.9, 198.51.100.8, 10.0.0.2 - - [10/Mar/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 5 "-" "ua"`, "client_ip=198.51.100.8 path=/ host user"},
		{`203.0.113.9, 10.0.0.2 - - [10/Mar/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 5 "-" "ua"`, "client_ip=203.0.113.9 path=/ host"},
		{`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 "-" "ua"`, "path=/ status=200 bytes_out referer user_agent=ua"},
		{`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 5 "-" "ua" 1234`, "path=/ status=200 user_agent=ua duration_ms"},
		{`{"log":"INFO:     203.0.113.9:50312 - \"GET /x HTTP/1.1\" 200 OK\n","stream":"stdout","time":"2025-03-10T13:55:36.1Z"}`, "time=2025-03-10T13:55:36.1Z client_ip=203.0.113.9 path=/x status=200"},
		{`2025-03-10T13:55:36.1Z stdout F GET /x 200 3.2 ms - 5`, "time=2025-03-10T13:55:36.1Z path=/x status=200 duration_ms=3.2"},
		{`Mar 10 13:55:36 web app[1]: 203.0.113.9 - GET /x HTTP/1.1 200 5 - 3.2 ms`, "time=2025-03-10T13:55:36Z client_ip=203.0.113.9 path=/x status=200 bytes_out=5 duration_ms=3.2"},
		{`{"__REALTIME_TIMESTAMP":"1741614936120456","SYSLOG_IDENTIFIER":"app","MESSAGE":"203.0.113.9 - \"GET /x HTTP/1.1\" 200"}`, "time=2025-03-10T13:55:36.120456Z client_ip=203.0.113.9 status=200"},
		{`<134>1 2025-03-10T13:55:36.1Z h app - - - {"method":"GET","path":"/x","status":200,"ip":"203.0.113.9"}`, "time=2025-03-10T13:55:36.1Z client_ip=203.0.113.9 path=/x"},
		{`2025-03-10T13:55:36.120456+00:00 heroku[router]: at=info method=GET path="/x?y=1" host=a.example request_id=86 fwd="203.0.113.9" dyno=web.1 connect=1ms service=18ms status=200 bytes=13 protocol=https tls_version=tls1.3`, "scheme=https host=a.example path=/x status=200 duration_ms=18 forwarded_for=203.0.113.9 service"},
		{`<158>1 2025-03-10T13:55:36.120456+00:00 host heroku router - at=error code=H12 desc="Request timeout" method=GET path="/x" host=a.example fwd="203.0.113.9" status=503 bytes=0`, "path=/x status=503 client_ip=203.0.113.9"},
		{`{"method":"GET","path":"/x","controller":"X","action":"show","status":200,"duration":58.33,"@timestamp":"2025-03-10T13:55:36.1Z","ip":"203.0.113.9"}`, "path=/x duration_ms=58.33"},
		{`{"level":30,"time":1741614936120,"pid":1,"req":{"id":1,"method":"GET","url":"/x?y=1","headers":{"host":"a.example","user-agent":"ua"},"remoteAddress":"203.0.113.9","remotePort":5},"res":{"statusCode":200},"responseTime":12.5}`, "client_ip=203.0.113.9 host=a.example path=/x query=y=1 status=200 duration_ms=12.5 user_agent=ua"},
		{`{"Timestamp":"2025-03-10T13:55:36.12Z","MessageTemplate":"HTTP","Properties":{"RequestMethod":"GET","RequestPath":"/x","StatusCode":200,"Elapsed":1.5,"ClientIp":"203.0.113.9"}}`, "client_ip=203.0.113.9 path=/x status=200 duration_ms=1.5"},
		{`{"@t":"2025-03-10T13:55:36.12Z","@mt":"HTTP","RequestMethod":"GET","RequestPath":"/x","StatusCode":200,"Elapsed":1.5,"ClientIp":"203.0.113.9"}`, "path=/x status=200 duration_ms=1.5"},
		{`{"time":"2025-03-10T13:55:36.12Z","remote_ip":"203.0.113.9","method":"GET","uri":"/x","status":200,"latency":1500000,"latency_human":"1.5ms","bytes_out":5}`, "path=/x duration_ms=1.5"},
		{`{"timestamp":1741614936120,"host":"a.example","path":"/x","proxy":{"method":"GET","scheme":"https","host":"a.example","path":"/x?y=1","userAgent":["ua"],"statusCode":200,"clientIp":"203.0.113.9"}}`, "method=GET path=/x query=y=1 status=200 client_ip=203.0.113.9 user_agent=ua"},
		{`{"timestamp":"2025-03-10T13:55:36.12Z","client_ip":"203.0.113.9","method":"GET","status_code":200,"url":"https://a.example/x?y=1"}`, "scheme=https host=a.example path=/x query=y=1 request_line"},
		{`time="2025-03-10T13:55:36Z" level=error msg="Unsuccessful 1FA authentication attempt by user 'anna'" method=POST path=/api/firstfactor remote_ip=203.0.113.9`, "client_ip=203.0.113.9 user=anna method=POST path=/api/firstfactor status=401"},
		{`{"level":"error","method":"POST","msg":"Unsuccessful 1FA authentication attempt by user 'anna'","path":"/api/firstfactor","remote_ip":"203.0.113.9","time":"2025-03-10T13:55:36Z"}`, "user=anna path=/api/firstfactor status=401"},
		{`{"level":"info","msg":"Invalid username or password","remote_ip":"203.0.113.9","time":"2025-03-10T13:55:36Z"}`, "client_ip=203.0.113.9 status=401 method"},
		{`{"@timestamp":"2025-03-10T13:55:36.120Z","nginx":{"access":{"remote_ip":"203.0.113.9","method":"GET","url":"/x","response_code":"200","body_sent":{"bytes":"5"},"agent":"ua"}}}`, "client_ip=203.0.113.9 path=/x status=200 bytes_out=5 user_agent=ua"},
		{`{"host":"203.0.113.9","user-identifier":"-","datetime":"10/Mar/2025:13:55:36 +0000","method":"GET","request":"/x","protocol":"HTTP/1.1","status":200,"bytes":5,"referer":"-"}`, "client_ip=203.0.113.9 path=/x host"},
		{`{"ts":"2025-03-10T13:55:36.120Z","client_addr":"203.0.113.9:5","http_method":"GET","http_path":"/x","http_status":200,"bytes_written":5}`, "client_ip=203.0.113.9 path=/x bytes_out=5"},
		{`{"@timestamp":"2025-03-10T13:55:36Z","clientip":"203.0.113.9","ident":"-","auth":"-","verb":"GET","request":"/x?y=1","httpversion":"1.1","response":"200","bytes":"5","referrer":"\"-\"","agent":"\"ua\""}`, "client_ip=203.0.113.9 path=/x referer user_agent=ua"},
		{`{"cs-method":"GET","cs-uri-stem":"/x","c-ip":"203.0.113.9","sc-status":200,"cs(User-Agent)":"a+b","date":"2025-03-10","time":"13:55:36"}`, "client_ip=203.0.113.9 path=/x status=200 time=2025-03-10T13:55:36Z"},
		{`{"date":"2025-03-10","time":"13:55:36","ip":"203.0.113.9","method":"GET","path":"/x","status":200}`, "time=2025-03-10T13:55:36Z path=/x"},
		{`logger=context userId=1 uname=admin t=2025-03-10T13:55:36.12Z level=info msg="Request Completed" method=GET path=/api/x status=302 remote_addr=203.0.113.9 time_ms=1 duration=1.5ms size=29`, "time=2025-03-10T13:55:36.12Z user=admin path=/api/x status=302 duration_ms=1.5"},
		{`<131>Mar 10 13:55:36 f5 ASM:unit_hostname="f5",http_class_name="/Common/x",violations="Illegal URL, Illegal method",request_status="blocked",response_code="0",ip_client="203.0.113.9",method="GET",protocol="HTTPS",query_string="y=1",uri="/x",date_time="2025-03-10 13:55:36"`, "client_ip=203.0.113.9 scheme=https path=/x query=y=1 gateway_action=waf_block"},
	} {
		expect(t, tc.line, tc.want)
	}
}

// TestNoStrangers: lines that speak of requests without being one are no events.
func TestNoStrangers(t *testing.T) {
	for _, line := range []string{
		`2025-03-10 13:55:36 ERROR could not GET https://api.example/x: timeout after 500 ms`,
		`2025-03-10 13:55:36 INFO worker 3 got POST from the queue, 200 left`,
		`Mar 10 13:55:36 web sshd[1]: Failed password for root from 203.0.113.9 port 22 ssh2`,
		`GET /x 200 3.2 ms - 5`,
		`{"time":"2025-03-10T13:55:36Z","level":"info","msg":"job done","duration":12}`,
		`{"time":"2025-03-10T13:55:36Z","level":"info","msg":"peer is up","remote_ip":"203.0.113.9"}`,
	} {
		var ev event.Event
		ev.Reset()
		if err := NewAuto(Options{Year: 2025}).Parse(line, &ev); err == nil {
			t.Errorf("%s: %s %s\n%s", ev.Format, ev.Method, ev.Path, line)
		}
	}
}

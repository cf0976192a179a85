package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// awsALB is the access log of an Application Load Balancer.
func awsALB() Format {
	return scanFormat(Format{
		Name: "aws_alb", Title: "AWS Application Load Balancer", Family: "aws_elb",
		Definition: "docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html",
		Samples: []string{
			`https 2025-03-10T13:55:36.120456Z app/shop/50dc6c495c0c9188 203.0.113.9:2817 10.0.0.66:9000 0.001 0.030 0.003 200 200 412 934 "GET https://shop.example.com:443/cart?item=7 HTTP/2.0" "Mozilla/5.0 (X11)" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "shop.example.com" "arn:aws:acm:eu-central-1:123456789012:certificate/x" 1 2025-03-10T13:55:36.086000Z "forward" "-" "-" "10.0.0.66:9000" "200" "-" "-" TID_1`,
			`http 2025-03-10T13:55:37.000000Z app/shop/50dc6c495c0c9188 198.51.100.4:40001 - -1 -1 -1 400 - 0 272 "- http://shop.example.com:80- -" "-" - - - "-" "-" "-" - 2025-03-10T13:55:37.000000Z "-" "-" "-" "-" "-" "-" "-"`,
		},
	}, scanParser{scan: scanALB, finish: absoluteByDesign, escapes: true}, elbSlots...)
}

var elbSlots = []slot{
	slotTime, slotClient, slotUpstream, slotDuration, slotUpTime, slotStatus, slotBytesIn, slotBytesOut,
	slotRequest, slotURL, slotAgent, slotTLS, slotService, slotRequestID, slotAction,
}

func scanALB(line string, r *record) error {
	kind, rest, ok := strings.Cut(line, " ")
	switch kind {
	case "http", "https", "h2", "grpcs", "ws", "wss":
	default:
		return bad("want http, https, h2, grpcs, ws or wss")
	}
	t := tokens{s: rest}
	if !ok {
		return &fieldError{what: "want a time after the type", at: len(kind)}
	}
	if err := r.putELB(&t); err != nil {
		return err
	}
	var v [4]string // target group, trace id, domain, certificate
	t.fill(v[:])
	if _, name, ok := strings.Cut(v[0], "targetgroup/"); ok {
		name, _, _ = strings.Cut(name, "/")
		r.put(slotService, unitNone, 2, name)
	}
	r.put(slotRequestID, unitNone, 1, v[1])
	r.put(slotHost, unitNone, 1, v[2])
	var w [3]string // priority of the rule, creation time, actions
	if t.fill(w[:]) == 3 && w[2] == "waf" {
		status, _ := r.get(slotStatus)
		r.put(slotAction, unitNone, 1, albActions[status])
	}
	return nil
}

// albActions are what AWS WAF did where it alone answered (actions_executed is "waf"), by the status: blocked, a CAPTCHA, a
// challenge.
var albActions = map[string]string{"403": event.ActionWAFBlock, "405": event.ActionChallenge, "202": event.ActionChallenge}

// putELB reads the columns that both load balancers have, from the time to the TLS version.
func (r *record) putELB(t *tokens) error {
	var v [4]string // time, balancer, client, target
	if t.fill(v[:]) < 4 || len(v[0]) < 20 || v[0][10] != 'T' {
		return &fieldError{what: "want time, load balancer, client:port and target:port", at: t.at}
	}
	r.put(slotTime, unitNone, 1, v[0])
	name := strings.TrimPrefix(v[1], "app/")
	name, _, _ = strings.Cut(name, "/")
	r.put(slotService, unitNone, 1, name)
	r.put(slotClient, unitNone, 1, v[2])
	r.put(slotUpstream, unitNone, 1, v[3])
	start := t.at + 1
	var times [3]string
	if t.fill(times[:]) < 3 || start >= t.at {
		return &fieldError{what: "want three processing times", at: t.at}
	}
	if times[1] != "-1" { // else nobody answered and the parts do not add up
		r.put(slotDuration, unitSec, 1, t.s[start:t.at])
		r.put(slotUpTime, unitSec, 1, times[1])
	}
	var w [8]string // status, target status, received, sent, request, agent, cipher, protocol
	if t.fill(w[:5]) < 5 {
		return &fieldError{what: "want statuses, sizes and a quoted request", at: t.at}
	}
	t.fill(w[5:])
	r.put(slotStatus, unitNone, 1, w[0])
	r.put(slotBytesIn, unitNone, 1, w[2])
	r.put(slotBytesOut, unitNone, 1, w[3])
	if !strings.HasPrefix(w[4], "- ") {
		r.put(slotRequest, unitNone, 1, w[4])
	}
	r.put(slotAgent, unitNone, 1, w[5])
	r.put(slotTLS, unitNone, 1, w[7])
	return nil
}

// awsELB is the access log of a Classic Load Balancer.
func awsELB() Format {
	return scanFormat(Format{
		Name: "aws_elb", Title: "AWS Classic Load Balancer", Family: "aws_elb",
		Definition: "docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html",
		Samples: []string{
			`2025-03-10T13:55:36.120456Z my-elb 203.0.113.9:2817 10.0.0.1:80 0.000073 0.030048 0.000057 200 200 0 29 "GET http://www.example.com:80/a?x=1 HTTP/1.1" "curl/8.5.0" - -`,
			`2025-03-10T13:55:37.120456Z my-elb 198.51.100.4:40001 - -1 -1 -1 503 0 0 0 "GET https://www.example.com:443/ HTTP/1.1" "-" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2`,
		},
	}, scanParser{scan: func(line string, r *record) error {
		if len(line) < 40 || line[4] != '-' || line[10] != 'T' {
			return bad("want a time")
		}
		t := tokens{s: line}
		return r.putELB(&t)
	}, finish: absoluteByDesign, escapes: true}, elbSlots...)
}

// awsS3 is S3's server access log.
func awsS3() Format {
	return scanFormat(Format{
		Name: "aws_s3", Title: "AWS S3 server access log", Family: "aws_s3",
		Definition: "docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html",
		Samples: []string{
			`79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be bucket-1 [10/Mar/2025:13:55:36 +0000] 203.0.113.9 arn:aws:iam::123456789012:user/anna 3E57427F3EXAMPLE REST.GET.OBJECT docs/7.pdf "GET /bucket-1/docs/7.pdf?versionId=1 HTTP/1.1" 200 - 2326 2326 34 30 "-" "aws-cli/2.15" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader bucket-1.s3.eu-central-1.example.com TLSv1.2 - -`,
			`79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be bucket-1 [10/Mar/2025:13:55:37 +0000] 198.51.100.4 - 7B4A0FABBEXAMPLE REST.GET.BUCKET - "GET /bucket-1/ HTTP/1.1" 403 AccessDenied 243 - 12 - "-" "curl/8.5.0" -`,
		},
	}, scanParser{scan: scanS3, escapes: true},
		slotTime, slotService, slotClient, slotUser, slotRequestID, slotRequest, slotStatus, slotBytesOut, slotDuration,
		slotUpTime, slotReferer, slotAgent, slotHost, slotTLS)
}

func scanS3(line string, r *record) error {
	var v [17]string
	t := tokens{s: line}
	if len(line) < 64 || t.fill(v[:]) < 17 || len(v[2]) != 26 {
		return bad("want seventeen columns, the third a [time]")
	}
	for i, s := range [...]slot{
		slotNone, slotService, slotTime, slotClient, slotUser, slotRequestID, slotNone, slotNone, slotRequest, slotStatus, slotNone,
		slotBytesOut, slotNone, slotDuration, slotUpTime, slotReferer, slotAgent,
	} {
		u := unitNone
		switch s {
		case slotNone:
			continue
		case slotTime:
			u = unitCLF
		case slotDuration, slotUpTime:
			u = unitMilli
		}
		r.put(s, u, 1, v[i])
	}
	var w [7]string // version, host id, signature, cipher, authentication, host, TLS
	if t.fill(w[:]) == 7 {
		r.put(slotHost, unitNone, 1, w[5])
		r.put(slotTLS, unitNone, 1, w[6])
	}
	return nil
}

// awsWAF is the log of AWS WAF.
func awsWAF() Format {
	return jsonFormat(Format{
		Name: "aws_waf", Title: "AWS WAF",
		Definition: "docs.aws.amazon.com/waf/latest/developerguide/logging-fields.html",
		Samples: []string{
			`{"timestamp":1741614936120,"formatVersion":1,"webaclId":"arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/shop/1","terminatingRuleId":"Default_Action","terminatingRuleType":"REGULAR","action":"BLOCK","httpSourceName":"ALB","httpSourceId":"123456789012-app/shop/50dc6c495c0c9188","responseCodeSent":403,"httpRequest":{"clientIp":"203.0.113.9","country":"DE","headers":[{"name":"Host","value":"shop.example.com"},{"name":"User-Agent","value":"sqlmap/1.8"},{"name":"x-forwarded-for","value":"198.51.100.7"}],"uri":"/cart","args":"item=7%27","httpVersion":"HTTP/1.1","httpMethod":"GET","requestId":"1-8a1b"}}`,
			`{"timestamp":1741614937120,"action":"ALLOW","httpSourceName":"CF","responseCodeSent":null,"httpRequest":{"clientIp":"2001:db8::7","headers":[],"uri":"/","args":"","httpVersion":"HTTP/2.0","httpMethod":"POST","requestId":"2"}}`,
		},
	}, jsonSpec{
		marks:  []string{"action", "httpRequest.clientIp"},
		foldAt: []string{"httpRequest.headers"},
		pairs:  map[string][2]string{"httpRequest.headers": {"name", "value"}},
		columns: map[string]column{
			"timestamp": {slotTime, unitMilli, 1}, "httpRequest.clientIp": {slotClient, 0, 1}, "httpRequest.uri": {slotTarget, 0, 1},
			"httpRequest.args": {slotQuery, 0, 1}, "httpRequest.httpVersion": {slotProtocol, 0, 1}, "httpRequest.httpMethod": {slotMethod, 0, 1},
			"httpRequest.requestId": {slotRequestID, 0, 1}, "httpRequest.host": {slotHost, 0, 1}, "responseCodeSent": {slotStatus, 0, 1},
			"httpSourceId": {slotService, 0, 1}, "httpRequest.headers.host": {slotHost, 0, 2}, "httpRequest.headers.user-agent": {slotAgent, 0, 1},
			"httpRequest.headers.referer": {slotReferer, 0, 1}, "httpRequest.headers.x-forwarded-for": {slotForward, 0, 1},
			"httpRequest.headers.authorization": {slotAuth, 0, 1}, "httpRequest.headers.cookie": {slotCookie, 0, 1},
			"httpRequest.headers.x-api-key": {slotAPIKey, 0, 1},
			"action":                        {slotAction, 0, 2}, "nonTerminatingMatchingRules.action": {slotAction, 0, 1},
			"ruleGroupList.nonTerminatingMatchingRules.action": {slotAction, 0, 1}, "terminatingRuleType": {slotMessage, 0, 1},
		},
		prepare: awsWAFPrepare,
	})
}

// awsWAFPrepare calls what a rate-based rule refused by its name.
func awsWAFPrepare(r *record) error {
	kind, _ := r.get(slotMessage)
	if word, _ := r.get(slotAction); word == event.ActionWAFBlock && kind == "RATE_BASED" {
		r.put(slotAction, unitNone, 9, event.ActionRateLimit)
	}
	return nil
}

// apiGatewayJSON is API Gateway's JSON example and the variables that people add.
func apiGatewayJSON() Format {
	return jsonFormat(Format{
		Name: "aws_apigateway_json", Title: "AWS API Gateway (JSON)", Fields: []string{"path"},
		Definition: "docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html (access log formats, $context variables)",
		Samples: []string{
			`{"requestId":"c6af9ac6-7b61-11e6-9a41-93e8deadbeef","ip":"203.0.113.9","caller":"-","user":"anna","requestTime":"10/Mar/2025:13:55:36 +0000","requestTimeEpoch":1741614936120,"httpMethod":"GET","resourcePath":"/items/{id}","path":"/prod/items/7","status":"200","protocol":"HTTP/1.1","responseLength":"512","responseLatency":34,"integrationLatency":"30","domainName":"api.example.com","userAgent":"curl/8.5.0"}`,
			`{"requestId":"77aa","ip":"198.51.100.4","requestTime":"10/Mar/2025:13:55:37 +0000","httpMethod":"POST","routeKey":"POST /orders","status":"403","protocol":"HTTP/1.1","responseLength":"23"}`,
		},
	}, jsonSpec{
		marks: []string{"requestId", "httpMethod", "requestTime"}, oneOf: []string{"resourcePath", "routeKey"},
		columns: map[string]column{
			"requestTimeEpoch": {slotTime, unitAuto, 2}, "requestTime": {slotTime, unitCLF, 1}, "requestId": {slotRequestID, 0, 2},
			"extendedRequestId": {slotRequestID, 0, 1}, "ip": {slotClient, 0, 1}, "sourceIp": {slotClient, 0, 2}, "user": {slotUser, 0, 2},
			"caller": {slotUser, 0, 1}, "principalId": {slotUser, 0, 3}, "httpMethod": {slotMethod, 0, 1}, "path": {slotTarget, 0, 3},
			"resourcePath": {slotRoute, 0, 2}, "routeKey": {slotRoute, 0, 1}, "protocol": {slotProtocol, 0, 1}, "status": {slotStatus, 0, 1},
			"responseLength": {slotBytesOut, 0, 1}, "responseLatency": {slotDuration, unitMilli, 1}, "integrationLatency": {slotUpTime, unitMilli, 1},
			"domainName": {slotHost, 0, 1}, "userAgent": {slotAgent, 0, 1}, "apiId": {slotService, 0, 1}, "stage": {}, "apiKeyId": {slotAPIKey, 0, 1},
		},
		finish: apiGatewayFinish,
	})
}

// apiGatewayFinish takes the method off a route key ("GET /items/{id}"), and lets the template stand for a path that
// was not logged.
func apiGatewayFinish(_ *record, ev *event.Event) error {
	if _, path, ok := strings.Cut(ev.Route, " "); ok {
		ev.Route = path
	}
	if ev.Route == "$default" {
		ev.Route = ""
	}
	if ev.Path == "" {
		ev.Path = ev.Route
	}
	return nil
}

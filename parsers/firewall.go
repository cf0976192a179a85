package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// The logs of firewalls in front of a service: what matched, and what they did.

// cloudflareFirewall is Logpush's dataset of firewall events.
func cloudflareFirewall() Format {
	return jsonFormat(Format{
		Name: "cloudflare_firewall", Title: "Cloudflare Logpush (firewall events)",
		Definition: "developers.cloudflare.com/logs/reference/log-fields/zone/firewall_events",
		Samples: []string{
			`{"Action":"block","ClientASN":64496,"ClientCountry":"de","ClientIP":"203.0.113.9","ClientRequestHost":"www.example.com","ClientRequestMethod":"GET","ClientRequestPath":"/search","ClientRequestProtocol":"HTTP/2","ClientRequestQuery":"?q=%27%20or%201=1","ClientRequestScheme":"https","ClientRequestUserAgent":"curl/8.5.0","Datetime":"2025-03-10T13:55:36Z","EdgeResponseStatus":403,"Kind":"firewall","MatchIndex":0,"OriginResponseStatus":0,"RayID":"8a1b6c0f","RuleID":"100008","Source":"waf"}`,
			`{"Action":"managed_challenge","ClientIP":"2001:db8::7","ClientRequestHost":"www.example.com","ClientRequestMethod":"POST","ClientRequestPath":"/login","ClientRequestQuery":"","Datetime":1741614937000000000,"EdgeResponseStatus":403,"RayID":"77aa","Source":"ratelimit"}`,
		},
	}, jsonSpec{
		marks: []string{"Action", "Source", "ClientRequestPath", "Datetime"},
		columns: map[string]column{
			"Datetime": {slotTime, unitAuto, 1}, "ClientIP": {slotClient, 0, 1}, "ClientRequestHost": {slotHost, 0, 1},
			"ClientRequestMethod": {slotMethod, 0, 1}, "ClientRequestPath": {slotPath, 0, 1}, "ClientRequestQuery": {slotQuery, 0, 1},
			"ClientRequestScheme": {slotScheme, 0, 1}, "ClientRequestProtocol": {slotProtocol, 0, 1}, "ClientRequestUserAgent": {slotAgent, 0, 1},
			"ClientRefererHost": {slotReferer, 0, 1}, "EdgeResponseStatus": {slotStatus, 0, 1}, "RayID": {slotRequestID, 0, 1},
			"Action": {slotAction, 0, 1}, "Source": {slotMessage, 0, 1}, "ZoneName": {slotService, 0, 1},
		},
		prepare: cloudflarePrepare,
	})
}

// azureWAF is the firewall log of Azure Application Gateway and of Front Door.
func azureWAF() Format {
	return jsonFormat(Format{
		Name: "azure_waf", Title: "Azure Web Application Firewall (Application Gateway, Front Door)",
		Definition: "learn.microsoft.com/azure/web-application-firewall/ag/web-application-firewall-logs and afds/waf-front-door-monitor",
		Samples: []string{
			`{"resourceId":"/SUBSCRIPTIONS/X/APPLICATIONGATEWAYS/GW","operationName":"ApplicationGatewayFirewall","time":"2025-03-10T13:55:36.1494499Z","category":"ApplicationGatewayFirewallLog","properties":{"instanceId":"appgw_0","clientIp":"203.0.113.9","clientPort":"0","requestUri":"/search?q=%27","ruleSetType":"OWASP CRS","ruleSetVersion":"3.2","ruleId":"949110","ruleGroup":"REQUEST-949-BLOCKING-EVALUATION","message":"Mandatory rule. Inbound Anomaly Score Exceeded (Total Score: 5)","action":"Blocked","site":"Global","details":{"message":"Greater and Equal to Tx:inbound_anomaly_score_threshold","data":"","file":"rules/949.conf","line":"80"},"hostname":"shop.example.com","transactionId":"16861477007022634343"}}`,
			`{"time":"2025-03-10T13:55:37.120Z","category":"FrontDoorWebApplicationFirewallLog","operationName":"Microsoft.Cdn/Profiles/WebApplicationFirewallLog/Write","properties":{"clientIP":"198.51.100.7","clientPort":"52097","socketIP":"198.51.100.7","requestUri":"https://www.example.com:443/?q=%27%20or%201=1","ruleName":"Microsoft_DefaultRuleSet-2.1-SQLI-942100","policy":"shop","action":"Log","host":"www.example.com","trackingReference":"0p4crYAAA","policyMode":"detection","details":{"matches":[],"msg":"SQL Injection Attack"}}}`,
		},
	}, jsonSpec{
		marks: []string{"properties.requestUri", "properties.action"}, oneOf: []string{"properties.ruleId", "properties.ruleName"}, fold: true,
		columns: map[string]column{
			"time": {slotTime, 0, 1}, "timeStamp": {slotTime, 0, 2}, "properties.clientIp": {slotClient, 0, 1}, "properties.socketIP": {slotPeer, 0, 1},
			"properties.requestUri": {slotURL, 0, 1}, "properties.hostname": {slotHost, 0, 1}, "properties.host": {slotHost, 0, 1},
			"properties.transactionId": {slotRequestID, 0, 1}, "properties.trackingReference": {slotRequestID, 0, 1},
			"properties.policy": {slotService, 0, 1}, "properties.action": {slotAction, 0, 1},
		},
	})
}

// modsecurityAudit is the audit log in JSON of ModSecurity 2 and 3 and of Coraza, one transaction a line.
func modsecurityAudit() Format {
	return jsonFormat(Format{
		Name: "modsecurity_audit", Title: "ModSecurity and Coraza audit log (JSON)", Fields: []string{"gateway_action"},
		Definition: "github.com/owasp-modsecurity/ModSecurity, Reference Manual (SecAuditLogFormat JSON); coraza.io/docs/seclang/directives#secauditlogformat",
		Samples: []string{
			`{"transaction":{"client_ip":"203.0.113.9","time_stamp":"Mon Mar 10 13:55:36 2025","server_id":"1a","client_port":57484,"host_ip":"10.0.0.5","host_port":80,"unique_id":"174161493634.640243","request":{"method":"GET","http_version":1.1,"uri":"/?q=%27%20or%201=1","headers":{"Host":"shop.example.com","User-Agent":"curl/8.5.0"}},"response":{"http_code":403,"headers":{}},"producer":{"modsecurity":"ModSecurity v3.0.12 (Linux)","secrules_engine":"Enabled"},"messages":[{"message":"SQL Injection Attack Detected via libinjection","details":{"ruleId":"942100","severity":"2"}},{"message":"Inbound Anomaly Score Exceeded","details":{"ruleId":"949110","severity":"0"}}]}}`,
			`{"transaction":{"time":"10/Mar/2025:13:55:37.120456 +0000","transaction_id":"YC0f","remote_address":"198.51.100.7","remote_port":40112,"local_address":"10.0.0.5","local_port":443},"request":{"request_line":"GET /etc/passwd HTTP/1.1","headers":{"Host":"shop.example.com","User-Agent":"curl/8.5.0"}},"response":{"protocol":"HTTP/1.1","status":404,"headers":{}},"audit_data":{"messages":["Warning. Matched phrase \"etc/passwd\" at REQUEST_FILENAME. [id \"930120\"] [severity \"CRITICAL\"]"],"engine_mode":"DETECTION_ONLY"}}`,
			`{"transaction":{"timestamp":"2025/03/10 13:55:38","unix_timestamp":1741614938120000000,"id":"ZejqEsaPeNyWfRKL","client_ip":"2001:db8::7","request":{"method":"POST","protocol":"HTTP/1.1","uri":"/login","headers":{"host":["shop.example.com"],"user-agent":["curl/8.5.0"]}},"response":{"status":403},"is_interrupted":true},"messages":[{"message":"Inbound Anomaly Score Exceeded","data":{"id":949110,"severity":2}}]}`,
		},
	}, jsonSpec{
		marks: []string{"transaction"}, oneOf: []string{"transaction.client_ip", "transaction.remote_address"},
		foldAt: []string{"transaction.request.headers", "request.headers"},
		columns: map[string]column{
			"transaction.time_stamp": {slotTime, unitApache, 1}, "transaction.time": {slotTime, unitCLF, 1}, "transaction.timestamp": {slotTime, 0, 1},
			"transaction.unix_timestamp": {slotTime, unitAuto, 2}, "transaction.client_ip": {slotClient, 0, 1}, "transaction.remote_address": {slotClient, 0, 1},
			"transaction.unique_id": {slotRequestID, 0, 1}, "transaction.transaction_id": {slotRequestID, 0, 1}, "transaction.id": {slotRequestID, 0, 1},
			"transaction.request.method": {slotMethod, 0, 1}, "transaction.request.uri": {slotTarget, 0, 1}, "transaction.request.http_version": {slotProtocol, 0, 1},
			"transaction.request.protocol": {slotProtocol, 0, 2}, "transaction.request.headers.host": {slotHost, 0, 1},
			"transaction.request.headers.user-agent": {slotAgent, 0, 1}, "transaction.request.headers.referer": {slotReferer, 0, 1},
			"transaction.request.headers.x-forwarded-for": {slotForward, 0, 1}, "transaction.request.headers.authorization": {slotAuth, 0, 1},
			"transaction.request.headers.cookie": {slotCookie, 0, 1}, "transaction.response.http_code": {slotStatus, 0, 1},
			"transaction.response.status": {slotStatus, 0, 1}, "transaction.messages.details.severity": {slotAction, unitSeverity, 1},
			"transaction.is_interrupted": {slotMessage, 0, 1}, "messages.data.severity": {slotAction, unitSeverity, 1},
			"request.request_line": {slotRequest, 0, 1}, "request.headers.host": {slotHost, 0, 1}, "request.headers.user-agent": {slotAgent, 0, 1},
			"request.headers.referer": {slotReferer, 0, 1}, "request.headers.x-forwarded-for": {slotForward, 0, 1},
			"request.headers.authorization": {slotAuth, 0, 1}, "request.headers.cookie": {slotCookie, 0, 1}, "response.status": {slotStatus, 0, 1},
			"audit_data.messages": {slotAction, unitFirewall, 1}, "audit_data.action.intercepted": {slotMessage, 0, 1},
		},
		finish: modsecurityAuditFinish,
	})
}

// modsecurityAuditFinish calls a transaction blocked that the log says was interrupted, or, where it does not say, one that a
// rule of weight matched and that was answered with ModSecurity's own 403.
func modsecurityAuditFinish(r *record, ev *event.Event) error {
	interrupted, says := r.get(slotMessage)
	version, third := r.get(slotProtocol) // "1.1": only ModSecurity 3 writes it so, and does not say whether it interrupted
	third = third && strings.IndexByte(version, '/') < 0
	switch {
	case interrupted == "true":
		ev.GatewayAction = event.ActionWAFBlock
	case third && !says && ev.GatewayAction == event.ActionWAFAlert && ev.Status == 403:
		ev.GatewayAction = event.ActionWAFBlock
	}
	return nil
}

// akamai is DataStream 2's log in JSON.
func akamai() Format {
	return jsonFormat(Format{
		Name: "akamai", Title: "Akamai DataStream 2 (JSON)", Fields: []string{"gateway_action"},
		Definition: "techdocs.akamai.com/datastream2/docs/data-set-parameters and reference/log-format",
		Samples: []string{
			`{"version":2,"cp":"123456","reqId":"1239f220","reqTimeSec":"1741614936.120","bytes":"4995","cliIP":"203.0.113.9","statusCode":"200","proto":"HTTPS","reqHost":"www.example.com","reqMethod":"GET","reqPath":"items/7","reqPort":"443","rspContentLen":"5000","rspContentType":"text/html","UA":"Mozilla%2F5.0%20(Windows%20NT%2010.0)","tlsVersion":"TLSv1.3","queryStr":"q=1","referer":"https%3A%2F%2Fwww.example.com%2F","xForwardedFor":"10.0.0.2","turnAroundTimeMSec":"11","transferTimeMSec":"125","securityRules":"-"}`,
			`{"reqTimeSec":"1741614937","cliIP":"2001:db8::7","statusCode":"403","proto":"HTTPS","reqHost":"www.example.com","reqMethod":"POST","reqPath":"login","UA":"curl%2F8.5.0","reqId":"77aa","securityRules":"ULnR_28976|3900000:3900001|3900005"}`,
		},
	}, jsonSpec{
		marks: []string{"reqTimeSec", "cliIP", "reqMethod"},
		columns: map[string]column{
			"reqTimeSec": {slotTime, unitSec, 1}, "cliIP": {slotClient, 0, 1}, "statusCode": {slotStatus, 0, 1}, "proto": {slotScheme, 0, 1},
			"reqHost": {slotHost, 0, 1}, "reqMethod": {slotMethod, 0, 1}, "reqPath": {slotPath, 0, 1}, "queryStr": {slotQuery, 0, 1},
			"UA": {slotAgent, unitPercent, 1}, "referer": {slotReferer, unitPercent, 1}, "xForwardedFor": {slotForward, unitPercent, 1},
			"cookie": {slotCookie, unitPercent, 1}, "bytes": {slotBytesOut, 0, 1}, "rspContentLen": {slotBytesOut, 0, 0},
			"turnAroundTimeMSec": {slotDuration, unitMilli, 1}, "tlsVersion": {slotTLS, 0, 1}, "reqId": {slotRequestID, 0, 1},
			"cp": {slotService, 0, 1}, "securityRules": {slotMessage, 0, 1}, "originIP": {slotUpstream, 0, 1}, "originName": {slotUpstream, 0, 0},
		},
		finish: akamaiFinish,
	})
}

// akamaiFinish reads securityRules, "policy|rules that alert|rule that denied", and gives paths the slash that the log leaves
// out.
func akamaiFinish(r *record, ev *event.Event) error {
	if ev.Path == "" || ev.Path[0] != '/' {
		ev.Path = "/" + ev.Path
	}
	v, ok := r.get(slotMessage)
	if !ok {
		return nil
	}
	_, rules, _ := strings.Cut(v, "|")
	alerts, denied, _ := strings.Cut(rules, "|")
	switch {
	case strings.Trim(denied, "|-") != "":
		ev.GatewayAction = event.ActionWAFBlock
	case strings.Trim(alerts, "|-") != "":
		ev.GatewayAction = event.ActionWAFAlert
	}
	return nil
}

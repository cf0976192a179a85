package parsers

import (
	"strings"

	"github.com/gatewatch/gatewatch/event"
)

// apiGatewayXML is AWS API Gateway's XML example and the variables that people add to it.
func apiGatewayXML() Format {
	return scanFormat(Format{
		Name: "aws_apigateway_xml", Title: "AWS API Gateway (XML)", Family: "xml",
		Definition: "docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html (access log formats)",
		Samples: []string{
			`<request id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef"> <ip>203.0.113.9</ip> <caller>-</caller> <user>anna</user> <requestTime>10/Mar/2025:13:55:36 +0000</requestTime> <httpMethod>GET</httpMethod> <resourcePath>/items/{id}</resourcePath> <status>200</status> <protocol>HTTP/1.1</protocol> <responseLength>512</responseLength> <extendedRequestId>JKJaXmPLvHcESHA=</extendedRequestId></request>`,
			`<request id="77aa"> <ip>2001:db8::7</ip> <caller>-</caller> <user>-</user> <requestTime>10/Mar/2025:13:55:37 +0000</requestTime> <httpMethod>POST</httpMethod> <resourcePath>/orders</resourcePath> <status>403</status> <protocol>HTTP/1.1</protocol> <responseLength>23</responseLength> </request>`,
		},
	}, scanParser{scan: scanAPIGatewayXML, finish: templateIsRoute},
		slotTime, slotClient, slotUser, slotMethod, slotPath, slotRoute, slotProtocol, slotStatus, slotBytesOut, slotRequestID, slotDuration, slotAgent, slotHost)
}

// apiGatewayElements are the elements of the example, and those that people add for further variables.
var apiGatewayElements = map[string]column{
	"ip": {slotClient, 0, 1}, "caller": {slotUser, 0, 1}, "user": {slotUser, 0, 2}, "requestTime": {slotTime, unitCLF, 1},
	"httpMethod": {slotMethod, 0, 1}, "resourcePath": {slotTarget, 0, 1}, "path": {slotTarget, 0, 2}, "status": {slotStatus, 0, 1},
	"protocol": {slotProtocol, 0, 1}, "responseLength": {slotBytesOut, 0, 1}, "responseLatency": {slotDuration, unitMilli, 1},
	"integrationLatency": {slotUpTime, unitMilli, 1}, "userAgent": {slotAgent, 0, 1}, "domainName": {slotHost, 0, 1},
}

func scanAPIGatewayXML(line string, r *record) error {
	rest, ok := strings.CutPrefix(line, `<request id="`)
	id, rest, closed := strings.Cut(rest, `">`)
	if !ok || !closed {
		return bad(`want <request id="…">`)
	}
	r.put(slotRequestID, unitNone, 1, id)
	for {
		rest = strings.TrimLeft(rest, " \t\\")
		name, after, ok := strings.Cut(strings.TrimPrefix(rest, "<"), ">")
		switch {
		case rest == "" || name == "/request":
			return nil
		case !ok || rest[0] != '<' || name == "" || strings.ContainsAny(name, " </"):
			return &fieldError{what: "want an element", at: len(line) - len(rest)}
		}
		value, next, ok := strings.Cut(after, "</"+name+">")
		if !ok {
			return &fieldError{what: "want the element's end", at: len(line) - len(after)}
		}
		if c, known := apiGatewayElements[name]; known {
			r.put(c.slot, c.unit, c.rank, value)
		}
		rest = next
	}
}

// templateIsRoute takes a path with parameters in braces, which API Gateway logs in place of the path, for the route.
func templateIsRoute(_ *record, ev *event.Event) error {
	if ev.Route == "" && strings.Contains(ev.Path, "{") {
		ev.Route = ev.Path
	}
	return nil
}

// apiGatewayTextFinish besides refuses what is no request id: a bare number behind a line in common format is something
// else, such as a duration.
func apiGatewayTextFinish(r *record, ev *event.Event) error {
	if strings.Trim(ev.RequestID, "0123456789.-") == "" || strings.ContainsAny(ev.RequestID, " \"'()") {
		return bad("want a request id at the end")
	}
	return templateIsRoute(r, ev)
}

package parsers

import "github.com/gatewatch/gatewatch/event"

// slotField names the event field that a slot fills; slots that only serve the normaliser have none.
var slotField = [slotCount]string{
	slotTime: "time", slotDate: "time", slotClient: "client_ip", slotPeer: "client_ip", slotForward: "client_ip",
	slotUser: "user", slotMethod: "method", slotTarget: "path", slotURL: "path", slotPath: "path", slotQuery: "query",
	slotProtocol: "protocol", slotScheme: "scheme", slotHost: "host", slotStatus: "status", slotBytesOut: "bytes_out",
	slotBytesIn: "bytes_in", slotDuration: "duration_ms", slotEnd: "duration_ms", slotUpTime: "upstream_ms", slotReferer: "referer",
	slotAgent: "user_agent", slotTLS: "tls_version", slotRequestID: "request_id", slotUpstream: "upstream",
	slotAction: "gateway_action", slotService: "service", slotRoute: "route", slotAuth: "user", slotCookie: "session", slotAPIKey: "user",
}

// fieldOrder is the order in which fields are listed: that of the schema.
var fieldOrder = []string{
	"time", "service", "client_ip", "user", "session", "method", "scheme", "host", "path", "query", "protocol", "route",
	"status", "bytes_in", "bytes_out", "duration_ms", "upstream_ms", "referer", "user_agent", "tls_version", "request_id",
	"upstream", "gateway_action",
}

// slotFields turns a set of slots into the names of event fields, in the schema's order.
func slotFields(has uint64) []string {
	found := map[string]bool{}
	for s := range slotCount {
		if has&(1<<s) != 0 && slotField[s] != "" {
			found[slotField[s]] = true
		}
	}
	if has&(1<<slotRequest) != 0 {
		found["method"], found["path"], found["query"], found["protocol"] = true, true, true, true
	}
	if has&(1<<slotTarget) != 0 {
		found["query"] = true
	}
	if has&(1<<slotURL) != 0 {
		found["query"], found["host"], found["scheme"] = true, true, true
	}
	return inOrder(found)
}

// merged adds names to extra, in the schema's order.
func merged(extra, names []string) []string {
	found := map[string]bool{}
	for _, n := range append(append([]string(nil), extra...), names...) {
		found[n] = true
	}
	return inOrder(found)
}

func inOrder(found map[string]bool) []string {
	var names []string
	for _, n := range fieldOrder {
		if found[n] {
			names = append(names, n)
		}
	}
	return names
}

// seen adds to found the fields that ev carries.
func seen(ev *event.Event, found map[string]bool) {
	for name, has := range map[string]bool{
		"time": !ev.Time.IsZero(), "service": ev.Service != "", "client_ip": ev.ClientIP.IsValid(),
		"user":    ev.User != "" || ev.Wire.Authorization != "" || ev.Wire.APIKey != "",
		"session": ev.Session != "" || ev.Wire.Cookie != "", "method": ev.Method != "", "scheme": ev.Scheme != "",
		"host": ev.Host != "", "path": ev.Path != "", "query": ev.Query != "", "protocol": ev.Protocol != "",
		"route": ev.Route != "", "status": ev.Status != 0, "bytes_in": ev.BytesIn >= 0, "bytes_out": ev.BytesOut >= 0,
		"duration_ms": ev.DurationMS >= 0, "upstream_ms": ev.UpstreamMS >= 0, "referer": ev.Referer != "",
		"user_agent": ev.UserAgent != "", "tls_version": ev.TLSVersion != "", "request_id": ev.RequestID != "",
		"upstream": ev.Upstream != "", "gateway_action": ev.GatewayAction != "",
	} {
		if has {
			found[name] = true
		}
	}
}

package parsers

import "github.com/gatewatch/gatewatch/event"

// traefikJSON is Traefik's access log with format: json.
func traefikJSON() Format {
	return jsonFormat(Format{
		Name: "traefik", Title: "Traefik JSON",
		Definition: "doc.traefik.io/traefik/observability/access-logs/#available-fields",
		Samples: []string{
			`{"ClientAddr":"10.0.0.2:39496","ClientHost":"203.0.113.9","ClientPort":"39496","ClientUsername":"anna","DownstreamContentSize":357,"DownstreamStatus":200,"Duration":34057313,"OriginContentSize":357,"OriginDuration":30246690,"OriginStatus":200,"RequestAddr":"shop.example.com","RequestContentSize":64,"RequestHost":"shop.example.com","RequestMethod":"POST","RequestPath":"/cart?item=7","RequestPort":"443","RequestProtocol":"HTTP/2.0","RequestScheme":"https","RouterName":"cart@docker","ServiceAddr":"10.0.0.5:8080","ServiceName":"cart@docker","ServiceURL":"http://10.0.0.5:8080","StartLocal":"2025-03-10T14:55:36.120456789+01:00","StartUTC":"2025-03-10T13:55:36.120456789Z","TLSVersion":"1.3","entryPointName":"websecure","level":"info","msg":"","time":"2025-03-10T14:55:36+01:00","request_User-Agent":"curl/8.5.0","request_X-Forwarded-For":"203.0.113.9"}`,
			`{"ClientAddr":"198.51.100.4:29366","ClientHost":"198.51.100.4","ClientUsername":"-","DownstreamContentSize":19,"DownstreamStatus":404,"Duration":10158,"OriginDuration":0,"RequestContentSize":0,"RequestHost":"-","RequestMethod":"GET","RequestPath":"/","RequestProtocol":"HTTP/1.1","ServiceURL":{"Scheme":"http","Host":"10.0.0.5:8080","Path":"/"},"time":"2025-03-10T13:55:37Z","level":"info","msg":""}`,
		},
	}, jsonSpec{
		marks: []string{"ClientHost", "RequestMethod", "Duration"},
		columns: map[string]column{
			"StartUTC": {slotTime, 0, 3}, "StartLocal": {slotTime, 0, 2}, "time": {slotTime, 0, 1},
			"ClientHost": {slotClient, 0, 2}, "ClientAddr": {slotPeer, 0, 1}, "ClientUsername": {slotUser, unitBasic, 1},
			"RequestMethod": {slotMethod, 0, 1}, "RequestPath": {slotTarget, 0, 1}, "RequestProtocol": {slotProtocol, 0, 1},
			"RequestScheme": {slotScheme, 0, 1}, "RequestHost": {slotHost, 0, 2}, "RequestAddr": {slotHost, 0, 1},
			"DownstreamStatus": {slotStatus, 0, 2}, "OriginStatus": {slotStatus, 0, 0}, "DownstreamContentSize": {slotBytesOut, 0, 1},
			"RequestContentSize": {slotBytesIn, 0, 1}, "Duration": {slotDuration, unitNano, 1}, "OriginDuration": {slotUpTime, unitNano, 1},
			"ServiceName": {slotService, 0, 2}, "ServiceAddr": {slotUpstream, 0, 2}, "ServiceURL": {slotUpstream, 0, 1},
			"TLSVersion": {slotTLS, 0, 1}, "request_User-Agent": {slotAgent, 0, 1}, "request_user-agent": {slotAgent, 0, 1},
			"request_Referer": {slotReferer, 0, 1}, "request_referer": {slotReferer, 0, 1},
			"request_X-Forwarded-For": {slotForward, 0, 1}, "request_x-forwarded-for": {slotForward, 0, 1},
			"request_Authorization": {slotAuth, 0, 1}, "request_Cookie": {slotCookie, 0, 1}, "request_X-Api-Key": {slotAPIKey, 0, 1},
			"request_X-Request-Id": {slotRequestID, 0, 1},
		},
		finish: traefikFinish,
	})
}

// traefikFinish drops headers that Traefik has redacted (accesslog.fields.headers, mode redact).
func traefikFinish(_ *record, ev *event.Event) error {
	for _, s := range []*string{&ev.Wire.Authorization, &ev.Wire.Cookie, &ev.Wire.APIKey, &ev.UserAgent, &ev.Referer, &ev.User} {
		if *s == "REDACTED" {
			*s = ""
		}
	}
	return nil
}

package parsers

import "strings"

// coraza reads what the Coraza firewall logs inside Caddy.
func coraza() Format {
	s := jsonSpec{
		name: "caddy_coraza",
		columns: map[string]column{
			"ts": {slotTime, unitAuto, 1}, "msg": {slotMessage, 0, 1}, "logger": {},
		},
		marks: []string{"logger", "msg", "ts"},
	}
	s.prepare = func(r *record) error {
		message, _ := r.get(slotMessage)
		rest, ok := strings.CutPrefix(message, `[client "`)
		if !ok {
			return bad(`want [client "ADDRESS"]`)
		}
		addr, rest, _ := strings.Cut(rest, `"`)
		r.put(slotClient, unitNone, 1, addr)
		r.putModSecurity(rest)
		return nil
	}
	return jsonFormat(Format{
		Name: "caddy_coraza", Title: "Coraza firewall inside Caddy",
		Fields:     []string{"client_ip", "host", "path", "query", "request_id", "gateway_action"},
		Definition: "github.com/corazawaf/coraza-caddy; messages as in github.com/corazawaf/coraza types.MatchedRule.ErrorLog",
		Samples: []string{
			`{"level":"error","ts":1741614936.12,"logger":"http.handlers.waf","msg":"[client \"203.0.113.9\"] Coraza: Access denied (phase 2). Inbound Anomaly Score Exceeded (Total Score: 5) [file \"/rules/949.conf\"] [line \"7\"] [id \"949110\"] [severity \"emergency\"] [hostname \"\"] [uri \"/login?next=/\"] [unique_id \"ZejqEsaPeNyWfRKL\"]\n"}`,
		},
	}, s)
}

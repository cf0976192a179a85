package parsers

import "strings"

// nextcloud is Nextcloud's and ownCloud's own log: requests with which something was the matter.
func nextcloud() Format {
	return jsonFormat(Format{
		Name: "nextcloud", Title: "Nextcloud and ownCloud log", Fields: []string{"status"},
		Definition: "docs.nextcloud.com/server/latest/admin_manual/configuration_server/logging_configuration.html",
		Samples: []string{
			`{"reqId":"tY2v","level":2,"time":"2025-03-10T13:55:36+00:00","remoteAddr":"203.0.113.9","user":"--","app":"core","method":"POST","url":"/login","message":"Login failed: anna (Remote IP: 203.0.113.9)","userAgent":"Mozilla/5.0","version":"30.0.6.2","data":{"app":"core"}}`,
			`{"reqId":"a1","level":3,"time":"March 10, 2025 13:55:37","remoteAddr":"2001:db8::7","user":"anna","app":"files","method":"GET","url":"/apps/files/?dir=/x","message":"not found","userAgent":"curl/8.5.0","version":"30.0.6.2"}`,
		},
	}, jsonSpec{
		marks: []string{"reqId", "remoteAddr", "app", "url"},
		columns: map[string]column{
			"time": {slotTime, unitAuto, 1}, "remoteAddr": {slotClient, 0, 1}, "user": {slotUser, 0, 1}, "method": {slotMethod, 0, 1},
			"url": {slotTarget, 0, 1}, "userAgent": {slotAgent, 0, 1}, "reqId": {slotRequestID, 0, 1}, "message": {slotMessage, 0, 1},
		},
		prepare: nextcloudPrepare,
	})
}

// nextcloudPrepare reads who failed to log in. The page answers such a login with a redirect or an error by the version;
// that the password was refused is what counts.
func nextcloudPrepare(r *record) error {
	message, _ := r.get(slotMessage)
	_, rest, ok := strings.Cut(message, "Login failed: ")
	if !ok {
		return nil
	}
	user, _, _ := strings.Cut(rest, " (Remote IP")
	r.put(slotUser, unitNone, 2, strings.Trim(user, "'"))
	r.put(slotStatus, unitNone, 1, "401")
	return nil
}
